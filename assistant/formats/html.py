"""Web pages, by trafilatura: main text, title, author, outlet, and the dates that the page declares."""

import re
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from assistant.addresses import canonical
from assistant.articles import Article, ArticleError, plain
from assistant.formats.contents import make, name_as_title, one_line, tidy

_DATED = re.compile(r"date|time|publish|modif|update|issued|created", re.I)
_CHANGED = re.compile(r"modif|update", re.I)
_LD_DATE = re.compile(r'"(date(?:Published|Modified|Created))"\s*:\s*"([^"]{10,40})"')


def read(html: str, name: str, url: str | None = None, fetched: datetime | date | None = None) -> Article:
    """The article in a page; `name` is what errors call it.

    A page may say under which address it is to be known (canonical), though not claim that of another site.

    Raises:
        ArticleError: no text is found in it.
    """
    import trafilatura
    from htmldate import find_date
    from lxml.etree import LxmlError
    from trafilatura.settings import Document

    try:
        tree = trafilatura.load_html(plain(html))
        if tree is None:
            raise ValueError
        found = trafilatura.bare_extraction(tree, url=url, include_comments=False, with_metadata=True)
        declared = _declarations(tree)
        head = f"<html><head><title></title></head><body>{''.join(markup for markup, _, _ in declared)}</body></html>"
        published, updated = (
            find_date(head, original_date=original, extensive_search=False) for original in (True, False)
        )
    except (LxmlError, ValueError, RecursionError):
        tree = found = published = updated = None
    if not isinstance(found, Document) or tree is None:
        raise ArticleError(f"{name}: no article is found in the page")
    said = re.match(r"[A-Za-z]{2,3}\b", tree.get("lang") or "")
    title = one_line(found.title) or (urlsplit(url).hostname if url else name_as_title(name))
    first, last = _moment(declared, published, changed=False), _moment(declared, updated, changed=True)
    return make(
        name,
        tidy(_text(found.body, title or "")),
        title=title,
        outlet=found.sitename or (urlsplit(url).hostname if url else None),
        author=found.author,
        published=first,
        updated=last if updated != published or (last != first and isinstance(last, datetime)) else None,
        url=canonical(found.url, url),
        language=said[0].lower() if said else None,
        fetched=fetched,
    )


def _declarations(tree: Any) -> list[tuple[str, str, str]]:
    """What declares the page's dates, each as its markup, the name that it goes by, and the date as it is written.

    A day found somewhere in the text may be any day.
    """
    from lxml.html import tostring

    kept = []
    for element in tree.iter("meta", "script", "time", "abbr"):
        names = " ".join(element.get(name, "") for name in ("property", "name", "itemprop", "http-equiv", "class"))
        if element.tag == "script":
            if element.get("type") != "application/ld+json":
                continue
        elif not _DATED.search(names) and element.get("pubdate") is None:
            continue
        markup = tostring(element, encoding="unicode", with_tail=False)
        if element.tag == "script":
            kept += [("", *pair) for pair in _LD_DATE.findall(element.text or "")]
            kept.append((markup, "", ""))
        else:
            kept.append((markup, names, element.get("content") or element.get("datetime") or ""))
    return kept


def _moment(declared: list[tuple[str, str, str]], day: str | None, *, changed: bool) -> datetime | str | None:
    """The moment of that day which the page declares with its time zone, else the day."""
    for _, name, value in declared:
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            continue
        if moment.tzinfo and moment.date().isoformat() == day and bool(_CHANGED.search(name)) is changed:
            return moment
    return day


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


def paragraphs(markup: str, name: str) -> str:
    """The words of a piece of HTML that is all article, such as the body in an export.

    Raises:
        ArticleError: it cannot be read.
    """
    from lxml.etree import LxmlError
    from lxml.html import fragment_fromstring

    try:
        tree = fragment_fromstring(plain(markup), create_parent=True)
    except (LxmlError, ValueError, RecursionError):
        raise ArticleError(f"{name}: its HTML cannot be read") from None
    for hidden in tree.xpath(".//script|.//style|.//noscript|.//template|.//iframe|.//comment()"):
        hidden.drop_tree()
    for element in tree.iter("p", "div", "li", "tr", "blockquote", "h1", "h2", "h3", "h4", "ul", "ol", "table", "br"):
        element.tail = "\n" + (element.tail or "")
        if element.tag != "br":
            element.text = "\n" + (element.text or "")
    blocks = (" ".join(line.split()) for line in tidy(tree.text_content()).split("\n"))
    return "\n\n".join(block for block in blocks if block)
