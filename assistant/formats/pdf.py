"""PDFs: the text of the pages in reading order, without running heads and page numbers, lines joined to paragraphs."""

import io
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from statistics import median
from typing import Any

from assistant.articles import Article, ArticleError
from assistant.formats.contents import make, name_as_title, one_line, tidy

_MOST_PAGES = 2000
_EDGE = 3  # lines at the top and at the bottom of a page among which running heads are looked for
_LEAST_ON_A_PAGE = 20  # letters; a page with fewer is a picture, or blank
_LONGEST_HEADLINE = 4  # lines
_APART = 1.35  # times the usual distance of two lines
_PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\s*(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:of|von|/)\s*\d{1,4})?\W*", re.I)
_ENDS = re.compile(r"[.!?:…][\"'”’»)\]]*$")
_NO_TITLE = re.compile(
    r"untitled|\(?(anonymous|unspecified)\)?$|microsoft (word|powerpoint)|.*\.(docx?|pdf|indd|tex|qxd|pages|dvi)$|\W*$",
    re.I,
)


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
        read = [_page(page) for page in file.pages]
        about = file.metadata
        title, author = (one_line(str((about and about.get(key)) or "")) for key in ("/Title", "/Author"))
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, RecursionError) as error:
        raise ArticleError(f"{name}: the PDF is broken ({type(error).__name__})") from None
    except ImportError:
        raise ArticleError(f"{name}: it is encrypted in a way that cannot be undone; save it without that") from None
    pages = [text for text, _ in read]
    _check(pages, name)
    lines = _lines(pages)
    if not title or _NO_TITLE.match(title):
        title = read[0][1] or next((line for line in lines if 8 <= len(line) <= 200), "") or name_as_title(name)
    text = _paragraphs(lines).removeprefix(f"{title}\n\n")
    return make(name, text, title=title, author="" if _NO_TITLE.match(author) else author)


def _page(page: Any) -> tuple[str, str]:
    """The text of a page, with an empty line where the lines stand apart or the size of the letters changes; and what
    stands in letters larger than all others.
    """
    found: list[tuple[str, float, float]] = []  # lines with their heights on the page and the sizes of their letters
    line, height, size = "", 0.0, 0.0

    def visit(text: str, user: list[float], own: list[float], _font: Any, points: float) -> None:
        nonlocal line, height, size
        if text.strip():
            if not line.strip():
                height, size = own[5] * user[3] + user[5], 0.0
            size = max(size, abs(points * own[3] * user[3]))
        for piece in text.splitlines(keepends=True):
            line += piece
            if piece.endswith("\n"):
                found.append((line.strip(), height, size))
                line = ""

    page.extract_text(visitor_text=visit)
    found.append((line.strip(), height, size))
    written = [one for one in found if one[0]]
    gaps = [above[1] - below[1] for above, below in pairwise(written)]
    down = sorted(gap for gap in gaps if gap > 0)
    usual = down[len(down) // 4] if down else 0.0
    lines = [text for text, _, _ in written[:1]]
    for (_, _, before), (text, _, after), gap in zip(written, written[1:], gaps, strict=False):
        if gap > max(_APART * usual, 1.5 * after) or abs(after - before) > 0.1 * before:
            lines.append("")
        lines.append(text)
    sizes = [size for _, _, size in written]
    large = [text for text, _, size in written if size == max(sizes) and size > 1.2 * median(sizes)]
    return tidy("\n".join(lines)), one_line(" ".join(large)) if len(large) <= _LONGEST_HEADLINE else ""


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
        seen.update({_shape(lines[at]) for at in _edges(lines)})
    often = max(2, (len(split) + 1) // 2)
    kept: list[str] = []
    for lines in split:
        running = {
            at
            for at in _edges(lines)
            if _PAGE_NUMBER.fullmatch(lines[at])
            or (len(split) > 1 and seen[_shape(lines[at])] >= often and not _ENDS.search(lines[at]))
        }
        own = "\n".join(line for at, line in enumerate(lines) if at not in running).strip("\n")
        kept += own.split("\n") if own else []
        if _ENDS.search(own):
            kept.append("")
    return kept


def _edges(lines: list[str]) -> set[int]:
    """The places of the first and last lines of a page that are not empty."""
    written = [at for at, line in enumerate(lines) if line]
    return {*written[:_EDGE], *written[-_EDGE:]}


def _shape(line: str) -> str:
    return re.sub(r"\d+", "#", line.casefold())


def _paragraphs(lines: list[str]) -> str:
    """Lines joined to paragraphs, with the words put together that were divided at their ends.

    A paragraph ends at an empty line, where a line that ends a sentence is short, and after a heading: a short line
    that ends no sentence, before one that begins with a capital.
    """
    usual = median([len(line) for line in lines if line] or [0])
    words = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", "\n".join(lines).casefold()))
    out: list[str] = [""]
    for at, line in enumerate(lines):
        following = next((other for other in lines[at + 1 :] if other), "")
        if not line:
            out.append("")
            continue
        out[-1] = _joined(out[-1], line, words)
        ended = bool(_ENDS.search(out[-1]))
        short = len(line) < 0.75 * usual
        heading = short and line == out[-1] and following[:1].isupper() and not line.endswith((",", "-"))
        if (ended and short) or heading:
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
