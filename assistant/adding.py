"""The one way in which articles come in from outside and go out again: files below `added/` in the corpus folder."""

import glob
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assistant import added, incoming
from assistant.articles import Article, ArticleError
from assistant.chain import sync
from assistant.errors import AssistantError, IndexLockedError
from assistant.fetching import Fetcher, FetchError
from assistant.formats import FILE_TYPES, MEDIA_TYPES, STDIN, Given, files
from assistant.formats.contents import Contents, Link, Part
from assistant.formats.parser import Parser
from assistant.index import Index
from assistant.settings import Settings

FOLDER = added.FOLDER
_PAGE_BYTES = 20_000_000
_MOST_LINKS = 1000  # followed in one go
_DEPTH = 2  # a sitemap's index, a sitemap, a page
_PAUSE = 1.0  # seconds between two pages of a host, where we follow a list of them

#: Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


class State(StrEnum):
    """What became of an article."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    REMOVED = "removed"


@dataclass(frozen=True)
class File:
    """A file on this machine, and the name that whoever gave it knows it by."""

    path: Path
    name: str

    def read(self, fetcher: Fetcher, parser: Parser) -> Contents:
        """What is in it."""
        return incoming.from_file(self.path, self.name, parser)


@dataclass(frozen=True)
class Piped:
    """What comes in on standard input."""

    raw: bytes = field(repr=False)
    name: str = STDIN

    def read(self, fetcher: Fetcher, parser: Parser) -> Contents:
        """What is in it."""
        return parser.read(Given(STDIN, self.raw))


@dataclass(frozen=True)
class Address:
    """A page on the web, a feed or a sitemap. `link` is how it was come by, `fields` what is known of it better than it
    says itself.
    """

    name: str
    link: Link | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0

    def read(self, fetcher: Fetcher, parser: Parser) -> Contents:
        """What is there."""
        found = incoming.from_page(fetcher.fetch(self.name, MEDIA_TYPES), parser)
        if found.links and self.depth >= _DEPTH:
            raise ArticleError(f"{self.name}: a list of addresses in a list of lists is not followed")
        parts = tuple(
            Part(key=part.key, article=incoming.with_known(part, self.link, dict(self.fields))) for part in found.parts
        )
        return found.model_copy(update={"parts": parts})


@dataclass(frozen=True)
class Pasted:
    """What somebody typed or pasted."""

    title: str
    text: str
    outlet: str = ""
    published: str = ""

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.title.strip() or "Pasted text"

    def read(self, fetcher: Fetcher, parser: Parser) -> Contents:
        """What is in it."""
        return Contents.of(incoming.from_paste(self.title, self.text, self.outlet, self.published))


Source = File | Piped | Address | Pasted


@dataclass(frozen=True)
class Entry:
    """What became of one source or article, and why where it was refused."""

    name: str
    state: State
    title: str = ""
    article_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What became of all that was given. `problem` says why the index does not have it yet."""

    entries: tuple[Entry, ...]
    problem: str = ""

    def count(self, state: State) -> int:
        """How many came to this."""
        return sum(entry.state is state for entry in self.entries)


class Adding:
    """Adds articles to a corpus folder and its index, and takes out again those that it added."""

    def __init__(
        self, settings: Settings, index: Index, fetcher: Fetcher | None = None, *, pause: float = _PAUSE
    ) -> None:
        """Pages are fetched with `fetcher`, else with one as the settings say; `pause` is in seconds, between two pages
        of a host that are on the same list.
        """
        self._settings = settings
        self._index = index
        self._fetcher = fetcher or Fetcher(settings.fetch_hosts, max_bytes=_PAGE_BYTES)
        self._pause = pause
        self._writing = threading.Lock()

    def add(self, sources: Sequence[Source], progress: Progress = lambda what, done, total: None) -> Report:
        """Take in every source that can be read, then bring the index in step."""
        entries: list[Entry] = []
        folder = added.Added(self._settings.corpus_dir)
        known = added.Known(self._index.snapshot.articles.values())
        with Parser() as parser:
            for source, contents, error in self._read(sources, parser, progress):
                for part in contents.parts:
                    name = f"{source.name}/{part.key}" if part.key else source.name
                    try:
                        with self._writing:
                            entries.append(self._store(name, part.article, folder, known))
                    except ArticleError as refused:
                        entries.append(Entry(name, State.REFUSED, reason=str(refused)))
                refusals = {"": error} if error else contents.problems
                entries += [
                    Entry(f"{source.name}{place}", State.REFUSED, reason=reason) for place, reason in refusals.items()
                ]
        if not any(entry.state in (State.ADDED, State.CHANGED) for entry in entries):
            return Report(tuple(entries))
        return Report(tuple(entries), self._sync(progress))

    def remove(self, article_id: str, progress: Progress = lambda what, done, total: None) -> Report:
        """Delete the file of an article that was added, and take it out of the index."""
        with self._writing:
            entry = self._delete(article_id)
        return Report((entry,), self._sync(progress) if entry.state is State.REMOVED else "")

    def may_remove(self, article_id: str) -> bool:
        """Whether the article came in this way."""
        return article_id.startswith(f"{FOLDER}/")

    def _read(
        self, sources: Sequence[Source], parser: Parser, progress: Progress
    ) -> Iterator[tuple[Source, Contents, str]]:
        """Each source with what is in it, or why nothing is; then what their links lead to."""
        waiting, done, followed = deque(sources), 0, 0
        visited: dict[str, float] = {}  # hosts, and when a page of theirs was fetched last
        while waiting:
            source = waiting.popleft()
            progress("Reading", done, done + 1 + len(waiting))
            contents, error = Contents(), ""
            try:
                if isinstance(source, Address):
                    self._wait(source, visited)
                contents = source.read(self._fetcher, parser)
            except (ArticleError, FetchError) as refused:
                error = str(refused)
            links = contents.links[: _MOST_LINKS - followed]
            followed += len(links)
            if left := len(contents.links) - len(links):
                contents.problems[": rest"] = f"{left:,} links are left out; add it again by itself"
            depth, fields = (source.depth + 1, source.fields) if isinstance(source, Address) else (1, {})
            waiting.extend(Address(link.url, link, fields, depth) for link in links)
            done += 1
            yield source, contents, error
        progress("Reading", done, done)

    def _wait(self, source: Address, visited: dict[str, float]) -> None:
        """Let a host rest between two pages of a list."""
        try:
            host = urlsplit(source.name).hostname or ""
        except ValueError:
            return  # the fetcher says what is wrong with it
        if source.link is not None and host in visited:
            time.sleep(max(0.0, visited[host] + self._pause - time.monotonic()))
        visited[host] = time.monotonic()

    def _sync(self, progress: Progress) -> str:
        try:
            with self._writing:
                sync(self._settings, self._index, lambda done, total: progress("Indexing", done, total))
        except IndexLockedError:
            return (
                "The index is in use by another process, such as a running server. "
                "It takes the articles in when it starts next, or with `assistant sync`."
            )
        return ""

    def _store(self, name: str, article: Article, folder: added.Added, known: added.Known) -> Entry:
        other = known.find(article)
        path = folder.place(article, other)
        article = article.model_copy(update={"id": f"{FOLDER}/{path.stem}"})
        before = folder.read(path)
        if before is None and other is not None:
            return known_entry(name, article, other)
        if before is not None and before.digest == article.digest:
            return Entry(name, State.UNCHANGED, article.title, article.id)
        if before is not None and _older(article, before):
            return Entry(name, State.UNCHANGED, before.title, article.id, "A later version of it is there already.")
        try:
            folder.write(path, article)
        except OSError as error:
            raise ArticleError(f"{name}: cannot be stored in the corpus folder: {error.strerror}") from None
        known.add(article)
        return Entry(name, State.CHANGED if before else State.ADDED, article.title, article.id)

    def _delete(self, article_id: str) -> Entry:
        articles = self._index.snapshot.articles
        article = articles.get(article_id)
        if article is None:
            return Entry(article_id, State.REFUSED, reason="There is no such article any more.")
        folder = (self._settings.corpus_dir / FOLDER).resolve()
        file = file_of(article_id, self._settings.corpus_dir)
        path = self._settings.corpus_dir / file
        if not self.may_remove(article_id) or not path.parent.resolve().is_relative_to(folder):
            reason = f"It was not added here but belongs to the corpus folder: remove the file {file} there."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        if article_id.removesuffix(".md") != file.removesuffix(".md"):
            reason = f"It is one of several articles in the file {file}: remove the file, or take it out of it."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        if len(articles) == 1:
            reason = "It is the only article, and without any there is nothing to ask. Add another one first."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        try:
            added.Added(self._settings.corpus_dir).remove(path)
        except OSError as error:
            reason = f"The file {file} in the corpus folder cannot be removed: {error.strerror}."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        return Entry(article.title, State.REMOVED, article.title, article_id)


def _older(article: Article, than: Article) -> bool:
    """Whether the one says of itself that it was changed before the other was."""
    ours, theirs = (one.updated_at or one.published_at for one in (article, than))
    return ours is not None and theirs is not None and ours < theirs


def file_of(article_id: str, corpus_dir: Path) -> str:
    """The file below the corpus folder in which an article is: a Markdown file, itself, or one that holds several."""
    parts = article_id.split("/")
    for end in range(len(parts), 0, -1):
        place = "/".join(parts[:end])
        with suppress(OSError, ValueError):
            if Path(place).suffix.lower() in FILE_TYPES and (corpus_dir / place).is_file():
                return place
    return f"{article_id}.md"


def known_entry(name: str, article: Article, known: Article) -> Entry:
    """What to say of an article that is there already in a file that is not ours."""
    if known.text == article.text:
        return Entry(name, State.UNCHANGED, known.title, known.id)
    reason = f"The corpus folder has another text from the same address: change the file {known.id}.md there."
    return Entry(name, State.REFUSED, known.title, known.id, reason)


def sources_of(words: Sequence[str], piped: Callable[[], bytes] = bytes) -> list[Source]:
    """Files, all the files of folders, files by a pattern (`*.pdf`, `**/*.eml`), addresses, and `-` for what is piped
    in, as given in a command.

    Raises:
        AssistantError: there is no such file or folder.
    """
    sources: list[Source] = []
    for word in words:
        path = Path(word)
        if word == "-":
            sources.append(Piped(piped()))
        elif re.match(r"[a-z][a-z0-9+.-]*://", word, re.I):
            sources.append(Address(word))
        elif path.is_dir():
            sources += _below(path, word)
        elif path.exists():
            sources.append(File(path, word))
        elif glob.has_magic(word):
            matching = sorted(filter(Path.is_file, map(Path, glob.glob(word, recursive=True))))  # noqa: PTH207  Path's takes no absolute patterns
            if not matching:
                raise AssistantError(f"No file matches {word}.")
            sources += [File(found, str(found)) for found in matching]
        else:
            raise AssistantError(f"There is no file {word}. An address begins with https://.")
    return sources


def _below(folder: Path, word: str) -> list[Source]:
    below = sorted(p for p in folder.rglob("*") if p.is_file() and files.is_article(p.relative_to(folder)))
    if not below:
        raise AssistantError(f"The folder {word} has no files of the kinds {' '.join(FILE_TYPES)}.")
    return [File(found, str(found)) for found in below]
