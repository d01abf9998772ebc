"""Checks a sentence against the passages it cites: what the passages do not say must not reach a reader.

What can be checked exactly objects first: amounts, dates, names and their roles, quoted words, denials, plans and
hearsay. What is left is weighed by its words and by the embedding model, clause by clause.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answer import Verdict
from assistant.embeddings import PassageEmbeddings
from assistant.grounding.support import best_support
from assistant.lexical import stems
from assistant.passages import Passage, Span

__all__ = ["Grounded", "ground", "verify_quote"]

_SUPPORTS = 0.5
_MOVES = 0.85  # a citation is moved on stronger support than it takes to leave it where it is


@dataclass(frozen=True)
class Grounded:
    """The verdict on one sentence, the quotation that supports it, if one does, and how well the best one does (0..1).

    The score ranks sentences; the verdict does not follow from it alone.
    """

    verdict: Verdict
    passage: Passage | None = None
    span: Span | None = None
    score: float = 0.0


def ground(text: str, cited: Sequence[int], passages: Sequence[Passage], embeddings: PassageEmbeddings) -> Grounded:
    """Check `text`, which cites passages by their places in `passages` counted from 1.

    Citations of nothing are ignored. Where none of the cited passages supports the text, the others are tried: the
    citation is moved there (misattributed).
    """
    if not stems(text):
        return Grounded(Verdict.UNSUPPORTED)
    own = [passages[number - 1] for number in dict.fromkeys(cited) if 1 <= number <= len(passages)]
    others = [passage for passage in passages if passage not in own]
    found = best_support(text, own, embeddings)
    if found and found.holds and found.score >= _SUPPORTS:
        return Grounded(Verdict.SUPPORTED, found.passage, found.span, found.grade)
    elsewhere = best_support(text, others, embeddings, strict=True)
    if elsewhere and elsewhere.holds and elsewhere.score >= _MOVES:
        return Grounded(Verdict.MISATTRIBUTED, elsewhere.passage, elsewhere.span, elsewhere.grade)
    return Grounded(Verdict.UNSUPPORTED, score=found.grade if found else 0.0)


def verify_quote(passage: Passage, span: Span) -> Verdict:
    """Whether a quotation is whole sentences of the passage, to the character."""
    starts = {sentence.start for sentence in passage.sentences}
    ends = {sentence.end for sentence in passage.sentences}
    inside = passage.start <= span.start < span.end <= passage.end
    return Verdict.SUPPORTED if inside and span.start in starts and span.end in ends else Verdict.UNSUPPORTED
