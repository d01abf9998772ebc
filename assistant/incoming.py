"""Files, web pages and pasted text turned into articles: what is the text, and what is known about it."""

import codecs
import re
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from assistant.articles import Article, ArticleError, plain, read_article, title_of
from assistant.fetching import Page

#: What a file may be, by how its name ends.
FILE_TYPES = (".md", ".markdown", ".txt", ".html", ".htm")
MAX_FILE_BYTES = 10_000_000
_LONGEST_LINE = 300
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.I)
# What browsers read where these are declared (WHATWG Encoding Standard): Windows wrote most of it.
_WINDOWS = frozenset(("iso8859-1", "ascii"))
_DATED = re.compile(r"date|time|publish|modif|update|issued|created", re.I)
_ID = "incoming"  # until there is a file for it


def from_file(raw: bytes, name: str) -> Article:
    """The article in a file: Markdown with or without front matter, text, or a saved page.

    Raises:
        ArticleError: there is none, with the reason.
    """
    path = Path(name)
    kind = path.suffix.lower()
    if kind not in FILE_TYPES:
        raise ArticleError(
            f"{name}: {kind or 'a file without an ending'} cannot be read; give one of {' '.join(FILE_TYPES)}"
        )
    if len(raw) > MAX_FILE_BYTES:
        raise ArticleError(f"{name}: longer than {MAX_FILE_BYTES // 1_000_000} MB")
    if kind in (".html", ".htm"):
        return from_html(decode(raw, name, markup=True), name)
    content = plain(decode(raw, name))
    if kind in (".md", ".markdown"):
        if content.startswith("---"):
            return read_article(content.encode(), f"{name.removesuffix(path.suffix)}.md", _ID)
        heading = re.match(r"\s*#{1,2}[ \t]+(\S[^\n]*)", content)
        return _article(name, content, title=heading[1] if heading else title_of(path))
    return _article(name, content, title=title_of(path))


def from_page(page: Page) -> Article:
    """The article in a page that was fetched.

    Raises:
        ArticleError: there is none, with the reason.
    """
    text = decode(page.body, page.url, page.charset, markup="html" in page.type)
    if "html" in page.type:
        return from_html(text, page.url, page.url, page.fetched.date())
    place = urlsplit(page.url)
    return _article(
        page.url,
        plain(text),
        title=title_of(Path(place.path)) if place.path.strip("/") else place.hostname,
        outlet=place.hostname,
        url=page.url,
        fetched=page.fetched.date(),
    )


def from_paste(title: str, text: str, outlet: str = "", published: str = "") -> Article:
    """An article that somebody typed or pasted; `published` is a day, month or year as 2026-03-14.

    Raises:
        ArticleError: title or text are missing, or the date is none.
    """
    if not _line(title):
        raise ArticleError("Give the article a title.")
    return _article("The article", plain(text), title=title, outlet=outlet, published=published.strip() or None)


def from_html(html: str, name: str, url: str | None = None, fetched: date | None = None) -> Article:
    """The article in a page, by trafilatura: main text, title, author, outlet and the dates that the page declares.

    `name` is what errors call the page. A page may say under which address it is to be known (canonical), though not
    claim that of another site.

    Raises:
        ArticleError: no text is found in it.
    """
    import trafilatura
    from htmldate import find_date
    from lxml.etree import LxmlError
    from trafilatura.settings import Document

    try:
        tree = trafilatura.load_html(plain(html))
        found = trafilatura.bare_extraction(tree, url=url, include_comments=False, with_metadata=True)
        head = _declarations(tree)
        published, updated = (
            find_date(head, original_date=original, extensive_search=False) for original in (True, False)
        )
    except (LxmlError, ValueError, RecursionError):
        tree = found = published = updated = None
    if not isinstance(found, Document) or tree is None:
        raise ArticleError(f"{name}: no article is found in the page")
    language = re.match(r"[A-Za-z]{2,3}\b", tree.get("lang") or "")
    title = _line(found.title) or (urlsplit(url).hostname if url else title_of(Path(name)))
    return _article(
        name,
        _text(found.body, title or ""),
        title=title,
        outlet=found.sitename or (urlsplit(url).hostname if url else None),
        author=found.author,
        published=published,
        updated=updated if updated != published else None,
        url=_canonical(found.url, url),
        language=language[0].lower() if language else "en",
        fetched=fetched,
    )


def decode(raw: bytes, name: str, declared: str | None = None, *, markup: bool = False) -> str:
    """The text in `raw`: by its byte order mark, as declared by the sender, as the page itself says, or UTF-8.

    Nothing is guessed: a guess that is wrong puts other letters into what is quoted later.

    Raises:
        ArticleError: it is no text, or it is not said how it is written.
    """
    inside = _META_CHARSET.search(raw[:4096]) if markup else None
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    named = [encoding for mark, encoding in marks if raw.startswith(mark)]
    for encoding in (*named, declared, inside and inside[1].decode("ascii"), "utf-8"):
        if encoding and (text := _decoded(raw, encoding)) is not None and "\0" not in text:
            return text
    raise ArticleError(f"{name}: not text, or text in an unknown encoding; save it as UTF-8")


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        known = codecs.lookup(encoding).name
        return raw.decode("cp1252" if known in _WINDOWS else known)
    except (LookupError, UnicodeError):
        return None


def _article(name: str, text: str, **fields: object) -> Article:
    """An article with what is known of it; `name` is what errors call it."""
    if not text.strip():
        raise ArticleError(f"{name}: there is no text in it")
    lines = {key: _line(value) if isinstance(value, str) else value for key, value in fields.items()}
    known = {key: value for key, value in lines.items() if value}
    try:
        return Article.model_validate({**known, "id": _ID, "text": text.strip("\n") + "\n"})
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ArticleError(f"{name}: {reasons}") from None


def _line(text: str | None) -> str:
    """One line of what may be shown: without control characters and what turns the direction of writing."""
    shown = "".join(char if char.isprintable() else " " for char in text or "")
    return " ".join(shown.split())[:_LONGEST_LINE].strip()


def _canonical(claimed: str | None, url: str | None) -> str | None:
    """The address under which a page is to be known."""
    try:
        theirs, ours = urlsplit(claimed or ""), urlsplit(url or claimed or "")
        same = (theirs.hostname or "").removeprefix("www.") == (ours.hostname or "").removeprefix("www.")
    except ValueError:
        return url
    return claimed if claimed and same and theirs.scheme in ("http", "https") else url


def _declarations(tree: Any) -> str:
    """A page with nothing but what declares its dates: a day found somewhere in its text may be any day."""
    from lxml.html import tostring

    kept = []
    for element in tree.iter("meta", "script", "time", "abbr"):
        names = " ".join(element.get(name, "") for name in ("property", "name", "itemprop", "http-equiv", "class"))
        if element.tag == "script":
            declares = element.get("type") == "application/ld+json"
        else:
            declares = bool(_DATED.search(names)) or element.get("pubdate") is not None
        if declares:
            kept.append(tostring(element, encoding="unicode", with_tail=False))
    return f"<html><head><title></title></head><body>{''.join(kept)}</body></html>"


def _text(body: object, title: str) -> str:
    """The paragraphs, headings, lists and tables of trafilatura's tree, each a block of its own."""
    from lxml.etree import _Element

    blocks: list[str] = []
    for element in body if isinstance(body, _Element) else ():
        if element.tag == "list":
            block = "\n".join(f"- {words}" for item in element.iter("item") if (words := _words(item)))
        elif element.tag == "table":
            rows = ([_words(cell) for cell in row.iter("cell")] for row in element.iter("row"))
            block = "\n".join(" | ".join(cells) for cells in rows if any(cells))
        else:
            block = _words(element)
        if element.tag == "head":
            block = f"## {block}" if block and block != title else ""
        if block:
            blocks.append(block)
        if tail := " ".join((element.tail or "").split()):
            blocks.append(tail)
    return "\n\n".join(blocks)


def _words(element: object) -> str:
    return " ".join("".join(element.itertext()).split())  # type: ignore[attr-defined]  # lxml has no types
