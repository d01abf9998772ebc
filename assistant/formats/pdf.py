"""PDFs: the text of the pages in reading order, without running heads and page numbers, lines joined to paragraphs."""

import io
import re
from collections import Counter
from functools import cache
from statistics import median

from assistant.articles import Article, ArticleError
from assistant.formats.contents import make, name_as_title, one_line, tidy

_MOST_PAGES = 2000
_EDGE = 3  # lines at the top and at the bottom of a page among which running heads are looked for
_LEAST_ON_A_PAGE = 20  # letters; a page with fewer is a picture, or blank
_PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\s*(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:of|von|/)\s*\d{1,4})?\W*", re.I)
_ENDS = re.compile(r"[.!?:…][\"'”’»)\]]*$")
_NO_TITLE = re.compile(r"untitled|microsoft (word|powerpoint)|.*\.(docx?|pdf|indd|tex|qxd|pages|dvi)$|\W*$", re.I)


def read(raw: bytes, name: str) -> Article:
    """The article in a PDF. When it was published it does not say: the day of the file is that of its making.

    Raises:
        ArticleError: it is locked, broken, a scan, or has no text that can be read.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        file = PdfReader(io.BytesIO(raw))
        if file.is_encrypted and not file.decrypt(""):
            raise ArticleError(f"{name}: it is locked with a password; save it without one")
        count = len(file.pages)
        if count > _MOST_PAGES:
            raise ArticleError(f"{name}: it has {count:,} pages, more than {_MOST_PAGES:,}")
        pages = [tidy(page.extract_text()) for page in file.pages]
        about = file.metadata
        title, author = (one_line(str((about and about.get(key)) or "")) for key in ("/Title", "/Author"))
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, RecursionError) as error:
        raise ArticleError(f"{name}: the PDF is broken ({type(error).__name__})") from None
    except ImportError:
        raise ArticleError(f"{name}: it is encrypted in a way that cannot be undone; save it without that") from None
    _check(pages, name)
    lines = _lines(pages)
    if not title or _NO_TITLE.match(title):
        title = next((line for line in lines if 8 <= len(line) <= 200), "") or name_as_title(name)
    text = _paragraphs(lines)
    return make(name, text, title=title, author=author)


def _check(pages: list[str], name: str) -> None:
    letters = [sum(char.isalpha() for char in page) for page in pages]
    empty = sum(count < _LEAST_ON_A_PAGE for count in letters)
    if not pages or empty > len(pages) / 2 or not any(letters):
        raise ArticleError(
            f"{name}: {empty} of {len(pages)} pages have no text, as scans have none; run text recognition (OCR) first"
        )
    whole = "".join(pages)
    lost = sum(char == "\ufffd" or "\ue000" <= char <= "\uf8ff" for char in whole)
    if lost > sum(letters) / 20 or whole.count("(cid:") > 20:
        raise ArticleError(
            f"{name}: the PDF does not say which letters its signs are; run text recognition (OCR) on it"
        )


def _lines(pages: list[str]) -> list[str]:
    """The lines of all pages, empty ones where a paragraph ends for sure; running heads and page numbers left out."""
    split = [[" ".join(line.split()) for line in page.strip().split("\n")] for page in pages]
    seen: Counter[str] = Counter()
    for lines in split:
        seen.update({_shape(line) for line in (*lines[:_EDGE], *lines[-_EDGE:]) if line})
    often = max(2, (len(split) + 1) // 2)
    kept: list[str] = []
    for lines in split:
        for at, line in enumerate(lines):
            edge = at < _EDGE or at >= len(lines) - _EDGE
            running = len(split) > 1 and seen[_shape(line)] >= often and not _ENDS.search(line)
            if not (edge and line and (running or _PAGE_NUMBER.fullmatch(line))):
                kept.append(line)
    return kept


def _shape(line: str) -> str:
    return re.sub(r"\d+", "#", line.casefold())


def _paragraphs(lines: list[str]) -> str:
    """Lines joined to paragraphs, with the words put together that were divided at their ends.

    A paragraph ends where a line that ends a sentence is short, before an empty line after such a one, and after a
    heading: a short line that ends no sentence, before one that begins with a capital.
    """
    usual = median([len(line) for line in lines if line] or [0])
    words = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", "\n".join(lines).casefold()))
    out: list[str] = [""]
    for at, line in enumerate(lines):
        following = next((other for other in lines[at + 1 :] if other), "")
        if line:
            out[-1] = _joined(out[-1], line, words)
        ended = bool(_ENDS.search(out[-1]))
        short = len(line) < 0.75 * usual
        heading = short and line == out[-1] and following[:1].isupper() and not line.endswith((",", "-"))
        if out[-1] and ((ended and short) or (line and heading)):
            out.append("")
    return "\n\n".join(block for block in out if block)


def _joined(before: str, line: str, words: Counter[str]) -> str:
    if not before:
        return line
    first = re.search(r"([^\W\d_]+)-$", before)
    second = re.match(r"[^\W\d_]+", line)
    if first is None or second is None or not second[0].islower():
        return f"{before}{'' if before.endswith(('-', '–', '/')) and first else ' '}{line}"
    whole, compound = (first[1] + second[0]).casefold(), f"{first[1]}-{second[0]}".casefold()
    known = _dictionary()
    # How the same text writes the word elsewhere decides, then the dictionary; most hyphens at a line's end divide.
    keeps = words[compound] > words[whole] or (
        words[whole] == 0 and whole not in known and first[1].casefold() in known and second[0].casefold() in known
    )
    return f"{before if keeps else before[:-1]}{line}"


@cache
def _dictionary() -> frozenset[str]:
    from spellchecker import SpellChecker

    return frozenset(SpellChecker().word_frequency.dictionary)
