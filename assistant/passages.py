"""Sentences and passages with exact character spans into the article's text.

Passages tile the text: the first begins at 0, each begins where the one before ends, the last ends at the text's end.
So the text of an article can be put together again from its passages, and every span is an offset into one string.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache

from assistant.articles import Article
from assistant.statements import addresses

#: Changes when the same text would give other passages, by `statements` too: part of the index's name, so that versions
#: never mix.
PASSAGE_VERSION = 2

TARGET_CHARS = 600  # about 100 words: large enough for context, well within the model's 256 tokens
LIMIT_CHARS = 1000
_WRAPPED_LINE = 200  # a text with longer lines than this breaks lines at paragraphs only

_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof sen rep gov gen col sgt lt st jr sr inc corp co ltd llc plc bros vs v cf al
    etc e.g i.e u.s u.k u.n e.u a.m p.m ph.d d.c jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri
    fig vol ed eds est approx dept univ p pp""".split()
)
# What can end an abbreviation *and* a sentence: a capital word behind it decides, unless it is a name part.
_MAY_END = frozenset("inc corp co ltd llc plc bros etc u.s u.k u.n e.u a.m p.m ph.d d.c jr sr".split())
_STARTERS = frozenset(
    """the a an in on at it he she they we i you this that these those but and or so if when while as by for from to
    with after before since although though however moreover meanwhile his her their its our there what who why how
    some many most both each one two according under over during between until once not no yes""".split()
)
_END = re.compile(r"(?:[.!?…]+|[。！？]+)[\"'”’»)\]]*")
_WORD_BEFORE = re.compile(r"([^\W\d_](?:[\w.'’-]*[\w])?)$")
_HEADING = re.compile(r"#{1,6}(?:[^\S\n]|$)")


@dataclass(frozen=True)
class Span:
    """A half-open range of characters, `text[start:end]`."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The characters of `text` in this range."""
        return text[self.start : self.end]

    def shifted(self, by: int) -> "Span":
        """The same range, counted from `by` characters further left."""
        return Span(self.start + by, self.end + by)


@dataclass(frozen=True)
class Passage:
    """A run of whole sentences of one article.

    `sentences` are spans into the article's text. Headings are text but no sentence: they cannot be quoted. Nor can
    what speaks to its reader, see `assistant.statements`.
    """

    article: Article
    ordinal: int
    start: int
    end: int
    sentences: tuple[Span, ...]

    @cached_property
    def text(self) -> str:
        """The passage's own characters, `article.text[start:end]`."""
        return self.article.text[self.start : self.end]

    @property
    def id(self) -> str:
        """Unique in an index, and other where the article's content is other."""
        return f"{self.article.id}@{self.article.digest[:16]}#{self.ordinal:05d}"


class _Kind(Enum):
    SENTENCE = 1
    HEADING = 2
    ADDRESS = 3  # speaks to its reader
    SPOKEN_HEADING = 4


def split_sentences(text: str) -> list[Span]:
    """The sentences of `text`, in order, without the white space around them; headings are left out.

    A sentence longer than the passage limit comes in pieces, cut at white space where there is any.
    """
    return [span for span, kind in _segments(text) if kind in (_Kind.SENTENCE, _Kind.ADDRESS)]


def reported(passage: Passage) -> str:
    """The passage's text without what speaks to its reader, as a model may read it."""
    text = passage.article.text
    out, position = "", passage.start
    for span in spoken_spans(text):
        if passage.start <= span.start < passage.end:
            out += text[position : span.start]
            position = span.end
    return out + text[position : passage.end]


@lru_cache(maxsize=256)  # a prompt is made several times until it is short enough
def spoken_spans(text: str) -> tuple[Span, ...]:
    """What speaks to its reader in an article's text, in order, headings included."""
    return tuple(span for span, kind in _segments(text) if kind in (_Kind.ADDRESS, _Kind.SPOKEN_HEADING))


def split_passages(article: Article) -> list[Passage]:
    """Cut an article into passages, at paragraph ends where it can be had."""
    text = article.text
    groups: list[list[Span]] = []
    current: list[Span] = []
    previous_end = 0
    ends = False
    segments = list(_segments(text))
    for span, kind in segments:
        new_paragraph = "\n" in text[previous_end : span.start]
        length = span.end - current[0].start if current else 0
        soft_full = length > TARGET_CHARS and new_paragraph
        # A heading belongs to what follows it. What speaks to its reader ends a passage: no quotation goes across it.
        over = ends and kind is not _Kind.ADDRESS
        heads = kind in (_Kind.HEADING, _Kind.SPOKEN_HEADING) and length > TARGET_CHARS / 2
        if current and (length > LIMIT_CHARS or soft_full or heads or over):
            groups.append(current)
            current = []
        current.append(span)
        previous_end, ends = span.end, kind is _Kind.ADDRESS
    if current:
        groups.append(current)
    quotable = {span for span, kind in segments if kind is _Kind.SENTENCE}
    starts = [0] + [group[0].start for group in groups[1:]] + [len(text)]
    return [
        Passage(article, ordinal, starts[ordinal], starts[ordinal + 1], tuple(s for s in group if s in quotable))
        for ordinal, group in enumerate(groups)
    ]


def _segments(text: str) -> Iterator[tuple[Span, _Kind]]:
    """Sentences and headings in order.

    A paragraph under a heading that speaks to its reader does so too, and so does one behind an open end that does.
    """
    goes_on = False
    for start, end in _paragraphs(text):
        block = text[start:end]
        if _is_heading(block):
            speaks = addresses(block, [(0, len(block))])[0]
            goes_on = speaks and bool(_HEADING.match(block.strip()))
            yield _trimmed(text, start, end), _Kind.SPOKEN_HEADING if speaks else _Kind.HEADING
            continue
        ranges = list(sentence_ranges(block))
        spoken = [goes_on or speaks for speaks in addresses(block, ranges)]
        for (left, right), speaks in zip(ranges, spoken, strict=True):
            for piece in _pieces(text, _trimmed(text, start + left, start + right)):
                yield piece, _Kind.ADDRESS if speaks else _Kind.SENTENCE
        goes_on = not goes_on and len(ranges) > 1 and spoken[-1] and bool(re.search(r"[\w:]\s*\Z", block))


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Blocks of text between blank lines, or between lines where lines are whole paragraphs."""
    wrapped = re.search(r"[\w,;]\n[a-z]", text)  # a sentence goes on in the next line
    longest = max((len(line) for line in text.split("\n")), default=0)
    spaced = re.search(r"\n[^\S\n]*\n", text.strip())
    one_line_each = not wrapped and (longest > _WRAPPED_LINE or not spaced)
    boundary = re.compile(r"\n" if one_line_each else r"\n[^\S\n]*\n|\n(?=#{1,6}\s)|(?<=\n)(?=#{1,6}\s)")
    position = 0
    for match in boundary.finditer(text):
        yield from _if_visible(text, position, match.start())
        position = match.end()
    yield from _if_visible(text, position, len(text))


def _if_visible(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if text[start:end].strip():
        # A Markdown heading is one line even without a blank line behind it.
        first, newline, _ = text[start:end].lstrip().partition("\n")
        if newline and _HEADING.match(first):
            cut = text.index(first, start) + len(first)
            yield start, cut
            yield from _if_visible(text, cut, end)
        else:
            yield start, end


def _is_heading(block: str) -> bool:
    line = block.strip()
    if _HEADING.match(line):
        return True
    return len(line) <= 80 and "\n" not in line and not re.search(r"[.!?…:;,。！？][\"'”’»)\]]*$", line)


def sentence_ranges(block: str) -> Iterator[tuple[int, int]]:
    """The sentences of one paragraph as (start, end), together all of it, white space included."""
    start = 0
    for match in _END.finditer(block):
        if _ends_sentence(block, match):
            yield start, match.end()
            start = match.end()
    if block[start:].strip():
        yield start, len(block)


def _ends_sentence(block: str, match: re.Match[str]) -> bool:
    rest = block[match.end() :]
    if not rest.strip():
        return True
    if match.group()[0] in "。！？":
        return True
    if not rest[0].isspace():
        return False
    following = rest.lstrip()
    opener = following.lstrip("\"'“‘«([")
    if not opener or not (opener[0].isupper() or opener[0].isdigit() or opener[0] in "$€£" or opener[0].isalpha()):
        return bool(opener)
    if opener[0].islower():
        return False
    if not match.group().startswith(".") or match.group().startswith(".."):
        return True
    # A window, since a search through the whole block would make long ones quadratic; no abbreviation is longer.
    word_match = _WORD_BEFORE.search(block[max(0, match.start() - 40) : match.start()])
    if not word_match:
        return True
    word = word_match.group(1)
    if len(word) == 1 and word.isupper() and word != "I":  # an initial: "Samuel H. Altman"
        return False
    key = word.lower()
    if key == "no" or key == "nos":  # "No. 5" is a number, "No. Then" is an answer
        return not opener[0].isdigit()
    if key in _ABBREVIATIONS or re.fullmatch(r"(?:[a-z]\.)+[a-z]", key):
        next_word = re.match(r"[\w’']+", opener)
        return key in _MAY_END and next_word is not None and next_word.group().lower() in _STARTERS
    return True


def _pieces(text: str, span: Span) -> Iterator[Span]:
    """Cut a monstrous sentence so that a passage, and a quotation, stays readable."""
    start = span.start
    while span.end - start > LIMIT_CHARS:
        window = text[start : start + LIMIT_CHARS]
        cut = max(window.rfind(" "), window.rfind("\n"))
        cut = cut if cut > LIMIT_CHARS // 2 else LIMIT_CHARS
        yield _trimmed(text, start, start + cut)
        start += cut
        while start < span.end and text[start].isspace():
            start += 1
    if start < span.end:
        yield Span(start, span.end)


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)
