"""The list of feeds in the corpus folder, `feeds.yaml`, and of each when to ask again and what was taken from it."""

import random
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.adding import Address, Entry, State
from assistant.articles import ArticleError, Line
from assistant.database import opened
from assistant.errors import AssistantError
from assistant.fetching import Fetcher, FetchError, check_url
from assistant.formats import MEDIA_TYPES
from assistant.formats.contents import Link
from assistant.formats.parser import Parser
from assistant.incoming import from_page

FILE = "feeds.yaml"
_LEAST, _MOST = 60.0, 86_400.0  # seconds between two looks at a feed that fails again and again, or forbids more
_JITTER = 0.1
_TRIES = 3  # for one page
_TABLES = """
CREATE TABLE IF NOT EXISTS feeds (
    url TEXT PRIMARY KEY, etag TEXT NOT NULL, modified TEXT NOT NULL, next REAL NOT NULL, failures INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS links (
    feed TEXT NOT NULL, url TEXT NOT NULL, stamp TEXT NOT NULL, tries INTEGER NOT NULL, PRIMARY KEY (feed, url)
) WITHOUT ROWID;
"""
_WHAT = "What is known of the feeds"


class Feed(BaseModel):
    """A feed or sitemap, and what holds of all its articles. `every` is in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    url: Line
    outlet: Line | None = None
    topics: tuple[Line, ...] = ()
    language: Line | None = None
    every: Annotated[float, Field(ge=_LEAST)] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What is known of its articles."""
        return self.model_dump(exclude={"url", "every"}, exclude_defaults=True)


def load_feeds(corpus_dir: Path) -> tuple[Feed, ...]:
    """The feeds in the list; none where there is no list.

    Raises:
        AssistantError: the list cannot be used; file and line are named.
    """
    path = corpus_dir / FILE
    try:
        text = path.read_text("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        entries = yaml.safe_load(text) or []
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise AssistantError(f"{path}: cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise AssistantError(f"{path}:{mark.line + 1 if mark else 1}: broken YAML") from None
    if not isinstance(entries, list):
        raise AssistantError(f"{path}:1: there must be a list of addresses: a line `- https://…` for each feed")
    feeds: dict[str, Feed] = {}
    for entry, node in zip(entries, root.value if root else (), strict=True):
        try:
            feed = Feed.model_validate({"url": entry} if isinstance(entry, str) else entry)
            check_url(feed.url)
        except ValidationError as error:
            reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise AssistantError(f"{path}:{node.start_mark.line + 1}: {reasons}") from None
        except FetchError as error:
            raise AssistantError(f"{path}:{node.start_mark.line + 1}: {error}") from None
        feeds[feed.url] = feed
    return tuple(feeds.values())


@dataclass(frozen=True)
class Polled:
    """What a look at a feed gave: pages to fetch, or why it failed and in how many seconds it is tried again."""

    addresses: tuple[Address, ...] = ()
    error: str = ""
    wait: float = 0.0


class Feeds:
    """Looks at feeds when it is time to, and remembers what was taken from them, in a file in the data directory."""

    def __init__(self, path: Path, fetcher: Fetcher, every: float) -> None:
        """`every` is the time between two looks at a feed that says no other, in seconds."""
        self._path, self._fetcher, self._every = path, fetcher, every

    def due(self, feeds: Iterable[Feed]) -> list[Feed]:
        """Those that it is time to look at."""
        with opened(self._path, _TABLES, _WHAT) as database:
            later = {url for (url,) in database.execute("SELECT url FROM feeds WHERE next > ?", (time.time(),))}
        return [feed for feed in feeds if feed.url not in later]

    def poll(self, feed: Feed) -> Polled:
        """Look at a feed; an unchanged one costs its server next to nothing (ETag, Last-Modified).

        Pages that could not be fetched before are tried again, a few times.
        """
        with opened(self._path, _TABLES, _WHAT) as database:
            row = database.execute("SELECT etag, modified, failures FROM feeds WHERE url = ?", (feed.url,)).fetchone()
        etag, modified, failures = row or ("", "", 0)
        links: Sequence[Link] = ()
        try:
            page = self._fetcher.fetch_if_changed(feed.url, etag, modified, MEDIA_TYPES)
            if page is not None:
                with Parser() as parser:
                    links = from_page(page, parser).links
                if not links:
                    raise ArticleError(f"{feed.url} is no feed or sitemap; to add the page itself use `assistant add`.")
                etag, modified = page.etag, page.modified
        except (FetchError, ArticleError) as error:
            asked = getattr(error, "retry_after", None) or 0.0
            wait = min(_MOST, max(asked, (feed.every or self._every) * 2 ** min(failures + 1, 10)))
            self._note(feed, etag, modified, wait, failures + 1)
            return Polled(error=str(error), wait=wait)
        new = self._new(feed, links)
        # While pages are still to be had the feed is asked for whole again: an unchanged one would not name them.
        self._note(feed, "" if new else etag, "" if new else modified, feed.every or self._every, 0)
        return Polled(tuple(Address(link.url, link, feed.fields, 1) for link in new))

    def taken(self, feed: Feed, addresses: Iterable[Address], entries: Iterable[Entry]) -> None:
        """Remember what became of the pages: one that was refused is tried again, but not for ever."""
        refused = {entry.name for entry in entries if entry.state is State.REFUSED}
        with opened(self._path, _TABLES, _WHAT) as database:
            database.execute("BEGIN IMMEDIATE")
            for address in addresses:
                key = (feed.url, address.name)
                row = database.execute("SELECT stamp, tries FROM links WHERE feed = ? AND url = ?", key).fetchone()
                stamp = _stamp(address.link)
                tries = (row[1] if row and row[0] == stamp else 0) + 1
                done = _TRIES if address.name not in refused else tries
                database.execute("INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?)", (*key, stamp, done))

    def _new(self, feed: Feed, links: Sequence[Link]) -> list[Link]:
        with opened(self._path, _TABLES, _WHAT) as database:
            done = set(
                database.execute("SELECT url, stamp FROM links WHERE feed = ? AND tries >= ?", (feed.url, _TRIES))
            )
        return [link for link in links if (link.url, _stamp(link)) not in done]

    def _note(self, feed: Feed, etag: str, modified: str, wait: float, failures: int) -> None:
        following = time.time() + wait * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  not for secrets
        with opened(self._path, _TABLES, _WHAT) as database:
            row = (feed.url, etag, modified, following, failures)
            database.execute("INSERT OR REPLACE INTO feeds VALUES (?, ?, ?, ?, ?)", row)


def _stamp(link: Link | None) -> str:
    """Changes when the feed says that the page has."""
    return str((link and (link.updated or link.published)) or "")


def shown(url: str) -> str:
    """An address as messages show it: without what may be a key."""
    return re.sub(r"\?.*", "?…", url)
