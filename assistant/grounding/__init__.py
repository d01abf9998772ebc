"""Checks a sentence against the passages it cites: what the passages do not say must not reach a reader.

What can be checked exactly objects first: amounts, dates, names and their roles, quoted words, denials, plans and
hearsay. What is left is weighed by its words and by the embedding model, clause by clause.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answer import Verdict
from assistant.embeddings import PassageEmbeddings
from assistant.grounding.support import best_support
from assistant.grounding.weighing import Support
from assistant.grounding.wording import read
from assistant.lexical import stems
from assistant.passages import Passage, Span
from assistant.statements import states

__all__ = ["Grounded", "ground", "verify_quote"]

_SUPPORTS = 0.5
_MOVES = 0.85  # a citation is moved on stronger support than it takes to leave it where it is
_MAIN = re.compile(r";|, (?:and|but|while|whereas)\b|\bwhile\b")
_LEAST = 4  # words that say something, without which a clause could be about anything


@dataclass(frozen=True)
class Grounded:
    """The verdict on one sentence, what comes nearest to supporting it, and how near it comes (0..1).

    That is one quotation, or one for each of its main clauses. The score ranks sentences; the verdict does not follow
    from it alone.
    """

    verdict: Verdict
    quotes: tuple[tuple[Passage, Span], ...] = ()
    score: float = 0.0


def ground(text: str, cited: Sequence[int], passages: Sequence[Passage], embeddings: PassageEmbeddings) -> Grounded:
    """Check `text`, which cites passages by their places in `passages` counted from 1.

    Citations of nothing are ignored. Where several passages are cited, each main clause may rest on another one. Where
    the cited passages do not support the text, the others are tried: the citation is moved there (misattributed).
    """
    if not stems(text) or not states(text):
        return Grounded(Verdict.UNSUPPORTED)
    own = [passages[number - 1] for number in dict.fromkeys(cited) if 1 <= number <= len(passages)]
    others = [passage for passage in passages if passage not in own]
    found = best_support(text, own, embeddings)
    if found and _supports(found):
        return Grounded(Verdict.SUPPORTED, ((found.run.passage, found.run.span),), found.grade)
    parts = _parts(text) if len(own) > 1 else []
    told = [best_support(part, own, embeddings) for part in parts]
    if parts and all(part and _supports(part) for part in told):
        quotes = dict.fromkeys((part.run.passage, part.run.span) for part in told if part)
        return Grounded(Verdict.SUPPORTED, tuple(quotes), min(part.grade for part in told if part))
    elsewhere = best_support(text, others, embeddings, strict=True)
    if elsewhere and elsewhere.holds and elsewhere.score >= _MOVES:
        return Grounded(Verdict.MISATTRIBUTED, ((elsewhere.run.passage, elsewhere.run.span),), elsewhere.grade)
    return (
        Grounded(Verdict.UNSUPPORTED, ((found.run.passage, found.run.span),), found.grade)
        if found
        else Grounded(Verdict.UNSUPPORTED)
    )


def _parts(text: str) -> list[str]:
    """The main clauses of a sentence of two or three, as far as each can stand by itself."""
    parts = [part.strip(" ,;.") for part in _MAIN.split(text)]
    alone = all(sum(token.heavy for token in read(part).tokens) >= _LEAST for part in parts)
    return parts if alone and 2 <= len(parts) <= 3 else []


def _supports(found: Support) -> bool:
    return found.holds and found.score >= _SUPPORTS


def verify_quote(passage: Passage, span: Span) -> Verdict:
    """Whether a quotation is whole sentences of the passage, to the character."""
    starts = {sentence.start for sentence in passage.sentences}
    ends = {sentence.end for sentence in passage.sentences}
    inside = passage.start <= span.start < span.end <= passage.end
    return Verdict.SUPPORTED if inside and span.start in starts and span.end in ends else Verdict.UNSUPPORTED
