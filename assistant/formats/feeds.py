"""RSS and Atom feeds and sitemaps: where articles are, and what is said of them."""

import calendar
import re
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin

from assistant.articles import ArticleError
from assistant.formats.contents import Contents, Link, one_line, unmarked
from assistant.formats.dates import moment

#: Links of one feed or sitemap that are followed, the newest first.
MOST_LINKS = 500
_SITEMAP = re.compile(rb"<(?:\w+:)?(urlset|sitemapindex)\b", re.I)


def is_feed(raw: bytes) -> bool:
    """Whether it looks like a feed or sitemap and not like a page."""
    head = re.sub(rb"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>]*>", b"", raw[:4096], flags=re.S | re.I).lstrip(
        b"\xef\xbb\xbf \r\n\t"
    )
    return re.match(rb"<(?:\w+:)?(rss|feed|RDF|urlset|sitemapindex)\b", head, re.I) is not None


def read(raw: bytes, name: str, url: str | None = None) -> Contents:
    """The links of a feed or sitemap, the newest first.

    Raises:
        ArticleError: there are none.
    """
    outlet, links = (None, _sitemap(raw, name)) if _SITEMAP.search(raw[:4096]) else _feed(raw, name)
    there: dict[str, Link] = {}
    for link in links:
        at = urljoin(url or "", link.url.strip())
        if re.match(r"https?://", at, re.I):
            there.setdefault(at, link.model_copy(update={"url": at}))
    if not there:
        raise ArticleError(f"{name}: no links to articles are found in the feed")
    newest = sorted(there.values(), key=_age, reverse=True)
    left = len(newest) - MOST_LINKS
    problems = {": rest": f"{name}: {left:,} older links are left out; {MOST_LINKS} are followed"} if left > 0 else {}
    return Contents(links=tuple(newest[:MOST_LINKS]), problems=problems, outlet=outlet)


def _age(link: Link) -> str:
    date = link.updated or link.published
    return (date.astimezone(UTC) if isinstance(date, datetime) else date).isoformat() if date else ""


def _feed(raw: bytes, name: str) -> tuple[str | None, list[Link]]:
    import feedparser

    # Only what is given is parsed: given text, feedparser would take it for an address or a file.
    found = feedparser.parse(raw, sanitize_html=False, resolve_relative_uris=False)
    if not found.entries and found.bozo:
        raise ArticleError(f"{name}: the feed is broken ({type(found.bozo_exception).__name__})")
    links = [
        Link(
            url=str(entry.get("link", "")),
            title=one_line(unmarked(str(entry.get("title", "")))),
            published=_date(entry, "published"),
            updated=_date(entry, "updated"),
        )
        for entry in found.entries
        if entry.get("link")
    ]
    return one_line(unmarked(str(found.feed.get("title", "")))) or None, links


def _date(entry: Any, field: str) -> datetime | None:
    """The moment with its own offset: feedparser's is in UTC, by which the outlet's day is lost."""
    if field not in entry:
        return None
    try:
        read = moment(entry[field])
        if isinstance(read, datetime) and read.tzinfo:
            return read
    except ValueError:
        pass
    parsed = entry.get(f"{field}_parsed")
    return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None


def _sitemap(raw: bytes, name: str) -> list[Link]:
    from lxml import etree

    # No entities and no network: a sitemap needs neither, and either can be made to harm.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.LxmlError, ValueError) as error:
        raise ArticleError(f"{name}: the sitemap is broken ({type(error).__name__})") from None
    links = []
    for item in root.iter("{*}url", "{*}sitemap") if root is not None else ():
        said = {etree.QName(child).localname: (child.text or "") for child in item.iter() if isinstance(child.tag, str)}
        if said.get("loc"):
            links.append(
                Link(
                    url=said["loc"],
                    title=one_line(said.get("title")),
                    published=_or_none(said.get("publication_date")),
                    updated=_or_none(said.get("lastmod")),
                    more=etree.QName(item).localname == "sitemap",
                )
            )
    return links


def _or_none(text: str | None) -> datetime | date | None:
    try:
        found = moment((text or "").strip())
        return date.fromisoformat(found) if isinstance(found, str) else found
    except ValueError:
        return None  # of what others say of a page only what can be read counts
