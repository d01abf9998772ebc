"""A chat model's text in sentences with their citations, however it comes in pieces."""

import html
import re
from dataclasses import dataclass

from assistant.passages import sentence_ranges
from assistant.reading.prompts import HIDDEN, MARKER

_SPACES = re.compile(r"[^\S\n]+")
_CITES = re.compile(rf"\s*{MARKER}")
# A marker that the model left open.
_HALF_MARKER = re.compile(r"\s*[\[［【][\s^]*(?:passages?)?[\s\d,;–-]*(?=[.!?…]*$)", re.I)
# Taken off before a line is cut into sentences: "1." would be one by itself.
_LIST_SIGN = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)]|#+)\s+")
# Markers behind the full stop belong to the sentence before it.
_TRAILING = re.compile(rf"([.!?…][\"'”’)]*)((?:\s*{MARKER})+)")


@dataclass(frozen=True)
class Written:
    """A sentence as the model wrote it, its markers taken out, and the passage numbers that it cites."""

    text: str
    cited: tuple[int, ...]


def sentences(text: str, *, finished: bool) -> list[Written]:
    """The sentences of a model's text with their citations; those still open are left out unless it is finished.

    What is said twice counts once: weak models repeat themselves without end.
    """
    text = _SPACES.sub(" ", HIDDEN.sub("", html.unescape(text)))
    text = _TRAILING.sub(lambda match: " ".join(match[2].split()) + match[1], text)
    lines = [_LIST_SIGN.sub("", line) for line in text.split("\n")]
    ranges = [line[start:end] for line in lines for start, end in sentence_ranges(line)]
    if not finished:
        # The last may go on, and the one before it may still get its markers; lone signs are no sentences.
        worded = [place for place, words in enumerate(ranges) if re.search(r"[^\W\d_]", words)]
        ranges = ranges[: worded[-2] if len(worded) > 1 else 0]
    written: dict[str, Written] = {}
    for sentence in filter(None, map(_parse, ranges)):
        written.setdefault(sentence.text, sentence)
    return list(written.values())


def _parse(raw: str) -> Written | None:
    cited = [int(number) for group in _CITES.findall(raw) for number in re.findall(r"\d+", group)]
    without = _CITES.sub(lambda match: " " if raw[match.end() :][:1].isalnum() else "", raw)
    text = _HALF_MARKER.sub("", without).replace("**", "").strip()
    return Written(text, tuple(dict.fromkeys(cited))) if re.search(r"\w", text) else None
