"""Splits a question that asks several things, so that each is answered, or said to be missing."""

import re

from assistant.answer import Turn
from assistant.followups import standalone_question

_ASKS = r"(?:who|whom|whose|what|when|where|why|how|which|since when|until when|by whom)\b"
_SEAM = re.compile(rf"\?\s+(?=[A-Z])|[,;]?\s+and\s+(?={_ASKS})|;\s+(?={_ASKS})", re.I)
_QUESTION = re.compile(
    rf"^(?:\W*(?:and|but|so)\s+)?(?:{_ASKS}|(?:is|are|was|were|do|does|did|has|have|had|can|will)\b)", re.I
)
_SHORTEST = 3  # words of the first part: "how and why" is one question
_MOST = 3


def split_question(question: str) -> list[str]:
    """The parts of a question, in order, each made to stand alone by the one before it; the question itself if it has
    one part, or more than three.
    """
    texts = [text.strip() for text in _SEAM.split(question)]
    if not 1 < len(texts) <= _MOST or len(texts[0].split()) < _SHORTEST or not all(map(_QUESTION.match, texts)):
        return [question]
    parts: list[str] = []
    for text in texts:
        history = [Turn(question=earlier, answer="") for earlier in parts[-1:]]
        parts.append(standalone_question(text.rstrip("?") + "?", history))
    return parts
