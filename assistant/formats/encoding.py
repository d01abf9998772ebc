"""The text in bytes: as it is declared, as UTF-8, or as a detector is sure of."""

import codecs
import re

from assistant.articles import ArticleError

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.I)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{2,40})", re.I)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What browsers read where these are declared (WHATWG Encoding Standard): Windows wrote most of it.
_WINDOWS = frozenset(("iso8859-1", "ascii"))
# A detector counts letters: of a few words it can say anything.
_LEAST, _LEAST_FOREIGN = 60, 4
_MESS = 0.08


def decode(raw: bytes, name: str, declared: str | None = None, *, markup: bool = False) -> str:
    """The text in `raw`: by its byte order mark, as declared by the sender, as the page itself says, as UTF-8, or in
    the encoding that is detected beyond doubt. A wrong guess would put other letters into what is quoted later.

    Raises:
        ArticleError: it is no text, or it cannot be told how it is written.
    """
    inside = (_META_CHARSET.search(raw[:4096]) or _XML_CHARSET.search(raw[:200])) if markup else None
    named = [encoding for mark, encoding in _MARKS if raw.startswith(mark)]
    for encoding in (*named, declared, inside and inside[1].decode("ascii"), "utf-8"):
        if encoding and (text := _decoded(raw, encoding)) is not None and "\0" not in text:
            return text
    if (text := _detected(raw)) is not None:
        return text
    raise ArticleError(f"{name}: not text, or text in an unknown encoding; save it as UTF-8")


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        known = codecs.lookup(encoding).name
        return raw.decode("cp1252" if known in _WINDOWS else known)
    except (LookupError, UnicodeError):
        return None


def _detected(raw: bytes) -> str | None:
    from charset_normalizer import from_bytes

    foreign = sum(byte > 127 for byte in raw[:100_000])
    if len(raw) < _LEAST or foreign < _LEAST_FOREIGN or b"\0" in raw:
        return None
    best = from_bytes(raw[:100_000]).best()
    if best is None or best.chaos > _MESS or not best.languages:
        return None
    # Of the tables that give the same letters the common one; a page of 1995 and of Windows differ in quotes only.
    names = {codecs.lookup(name).name for name in (best.encoding, *best.could_be_from_charset)}
    return _decoded(raw, "cp1252" if names & {"cp1252", "iso8859-1"} else best.encoding)
