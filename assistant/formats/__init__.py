"""The formats that articles come in: one file reads one; here it is told which one a file is."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from assistant.addresses import canonical
from assistant.articles import Article, ArticleError, plain, read_article
from assistant.formats.contents import UNNAMED, Contents, Part, make, name_as_title
from assistant.formats.encoding import decode
from assistant.formats.feeds import is_feed

_MB = 1_000_000
#: What a file may be, by how its name ends, with its largest size in bytes. A zip archive holds such files.
LARGEST = {
    **dict.fromkeys((".md", ".markdown", ".txt", ".html", ".htm", ".xhtml"), 10 * _MB),
    **dict.fromkeys((".pdf", ".docx", ".eml", ".json", ".jsonl", ".ndjson"), 50 * _MB),
}
ARCHIVE, ARCHIVE_LARGEST = ".zip", 200 * _MB
FILE_TYPES = (*LARGEST, ARCHIVE)
#: What a server may call them.
MEDIA_TYPES = frozenset(
    """text/html application/xhtml+xml text/plain text/markdown application/pdf application/json application/ld+json
    application/feed+json application/x-ndjson application/jsonl application/rss+xml application/atom+xml
    application/rdf+xml application/xml text/xml message/rfc822 application/octet-stream
    application/vnd.openxmlformats-officedocument.wordprocessingml.document""".split()
)
_HEADER = re.compile(rb"(From|Received|Return-Path|Delivered-To|MIME-Version|Message-ID|Date|Subject|To):[ \t]", re.I)
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*(<\?xml[^>]*>\s*)?(<!doctype html|<html)", re.I | re.S)


#: The name of what is piped in, of which the format is told by its content.
STDIN = "standard input"


@dataclass(frozen=True)
class Given:
    """A file, or what an address gave: `name` is what errors call it, `type` and `charset` what a server says it is."""

    name: str
    raw: bytes = field(repr=False)
    url: str | None = None
    type: str | None = None
    charset: str | None = None
    fetched: datetime | None = None


def read(given: Given) -> Contents:
    """What is in it. Of a zip archive see `formats.archive`.

    Raises:
        ArticleError: it is of none of the formats, or nothing can be read in it.
    """
    kind = kind_of(given)
    if len(given.raw) > LARGEST.get(f".{kind}", LARGEST[".json"]):
        raise ArticleError(f"{given.name}: longer than {LARGEST.get(f'.{kind}', LARGEST['.json']) // _MB} MB")
    contents = _READERS[kind](given)
    if given.url is None:
        return contents
    alone = len(contents.parts) == 1
    parts = tuple(Part(key=part.key, article=_found_at(part.article, given, alone)) for part in contents.parts)
    return contents.model_copy(update={"parts": parts})


def _found_at(article: Article, given: Given, alone: bool) -> Article:
    """The article with what its address tells: where and when it was found, and the outlet if it does not say one.

    No file may claim another site's address, else it could pass for a new version of an article there. Such a claim is
    kept among the sources. Several articles of one file do not have the file's address.
    """
    own = canonical(article.url, given.url)
    if not alone and own == canonical(None, given.url):
        own = None
    elsewhere = (article.url,) if article.url and article.url != own and not alone else ()
    known = {
        "url": own,
        "sources": (*article.sources, *elsewhere),
        "outlet": article.outlet or urlsplit(given.url or "").hostname,
        "fetched": article.fetched or given.fetched,
    }
    return Article.model_validate({**article.model_dump(), **known})


def kind_of(given: Given) -> str:
    """Which format it is: by its content where that is sure, else by its type or name.

    Raises:
        ArticleError: it is none that can be read.
    """
    name, raw = given.name, given.raw
    suffix = Path(urlsplit(given.url).path if given.url else name).suffix.lower()
    sure = _by_content(raw, name)
    if sure and not (sure == "html" and suffix in (".md", ".txt", ".eml")):
        return sure
    if given.type not in (None, "application/octet-stream"):
        kind = _by_type(given.type or "", suffix)
    elif name == STDIN:
        kind = _guessed(raw)
    else:
        kind = _SUFFIXES.get(suffix, suffix.lstrip("."))
    if kind not in _READERS:
        shown = suffix or "a file without an ending"
        raise ArticleError(f"{name}: {shown} cannot be read; give one of {' '.join(FILE_TYPES)}")
    if kind in ("pdf", "docx"):
        raise ArticleError(f"{name}: it is called a {kind.upper()} file and is none; look where it came from")
    return kind


def _by_content(raw: bytes, name: str) -> str | None:
    if b"%PDF-" in raw[:1024]:
        return "pdf"
    if raw.startswith(b"PK\x03\x04"):
        return _packed(raw, name)
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise ArticleError(f"{name}: an old Office document; save it as .docx")
    if raw.startswith(b"{\\rtf"):
        raise ArticleError(f"{name}: rich text; save it as .docx")
    if is_feed(raw):
        return "feed"
    return "html" if _PAGE.match(raw[:4096]) else None


def _packed(raw: bytes, name: str) -> str | None:
    try:
        inside = set(zipfile.ZipFile(BytesIO(raw)).namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise ArticleError(f"{name}: the archive is broken; fetch or save it again") from None
    if "word/document.xml" in inside:
        return "docx"
    if "[Content_Types].xml" in inside or "mimetype" in inside:
        raise ArticleError(f"{name}: a document of a kind that cannot be read; save it as PDF or .docx")
    raise ArticleError(f"{name}: an archive; save it under a name that ends in .zip, and add that")


def _by_type(type: str, suffix: str) -> str:
    if type in ("text/html", "application/xhtml+xml"):
        return "html"
    if type == "message/rfc822":
        return "eml"
    if type == "application/pdf" or "wordprocessingml" in type:
        return "pdf" if "pdf" in type else "docx"
    if "ndjson" in type or "jsonl" in type or suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if "json" in type:
        return "json"
    if "xml" in type:
        return "feed"
    return "md" if type == "text/markdown" else "txt"


def _guessed(raw: bytes) -> str:
    """The format of what has no name, as what is piped in."""
    if _HEADER.match(raw.lstrip()):
        return "eml"
    if re.match(rb"\s*[{\[]", raw):
        return "json"
    if raw.startswith((b"---\n", b"---\r\n", b"# ")):
        return "md"
    return "txt"


def _text(given: Given, *, markup: bool = False) -> str:
    return decode(given.raw, given.name, given.charset, markup=markup)


def _read_markdown(given: Given) -> Contents:
    content = plain(_text(given))
    stem = given.name.removesuffix(Path(given.name).suffix)
    if content.startswith("---"):
        return Contents.of(read_article(content.encode(), f"{stem}.md", UNNAMED))
    heading = re.match(r"\s*#{1,2}[ \t]+(\S[^\n]*)", content)
    return Contents.of(make(given.name, content, title=heading[1] if heading else _title(given)))


def _read_text(given: Given) -> Contents:
    return Contents.of(make(given.name, plain(_text(given)), title=_title(given)))


def _title(given: Given) -> str:
    place = urlsplit(given.url or "")
    return place.hostname if given.url and not place.path.strip("/") and place.hostname else name_as_title(given.name)


def _read_html(given: Given) -> Contents:
    from assistant.formats import html

    return Contents.of(html.read(_text(given, markup=True), given.name, given.url))


def _read_pdf(given: Given) -> Contents:
    from assistant.formats import pdf

    return Contents.of(pdf.read(given.raw, given.name))


def _read_docx(given: Given) -> Contents:
    from assistant.formats import docx

    return Contents.of(docx.read(given.raw, given.name))


def _read_eml(given: Given) -> Contents:
    from assistant.formats import eml

    return Contents.of(eml.read(given.raw, given.name))


def _read_json(given: Given) -> Contents:
    from assistant.formats import exports

    return exports.read(_text(given), given.name, lines=False)


def _read_jsonl(given: Given) -> Contents:
    from assistant.formats import exports

    return exports.read(_text(given), given.name, lines=True)


def _read_feed(given: Given) -> Contents:
    from assistant.formats import feeds

    return feeds.read(given.raw, given.name, given.url)


_SUFFIXES = {
    ".markdown": "md",
    ".htm": "html",
    ".xhtml": "html",
    ".ndjson": "jsonl",
    ".xml": "feed",
    ".rss": "feed",
    ".atom": "feed",
}
_READERS: dict[str, Callable[[Given], Contents]] = {
    "md": _read_markdown,
    "txt": _read_text,
    "html": _read_html,
    "pdf": _read_pdf,
    "docx": _read_docx,
    "eml": _read_eml,
    "json": _read_json,
    "jsonl": _read_jsonl,
    "feed": _read_feed,
}
