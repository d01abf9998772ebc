"""Checks a sentence against the passages it cites: what the passages do not say must not reach a reader.

What can be checked exactly objects first: amounts, dates, names and their roles, quoted words, denials, plans and
hearsay. What is left is weighed by its words and by the embedding model, clause by clause, and by a model that was
trained to tell support from its look-alikes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answer import Verdict
from assistant.embeddings import PassageEmbeddings
from assistant.grounding.entailment import SupportModel
from assistant.grounding.support import best_support
from assistant.grounding.weighing import Support
from assistant.grounding.wording import read
from assistant.lexical import stems
from assistant.passages import Passage, Span
from assistant.statements import states

__all__ = ["Grounded", "ground", "verify_quote"]

# Fitted on the stories that the support model never saw: what wording (0..1) is worth in log-odds, and what it takes.
_WORDING, _SUPPORTS = 5.0, 0.0
_LEAST_WORDING, _VERY_WORDS = 0.4, 0.92
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


def ground(
    text: str, cited: Sequence[int], passages: Sequence[Passage], embeddings: PassageEmbeddings, model: SupportModel
) -> Grounded:
    """Check `text`, which cites passages by their places in `passages` counted from 1.

    Citations of nothing are ignored. Where several passages are cited, each main clause may rest on another one. Where
    the cited passages do not support the text, the others are tried: the citation is moved there (misattributed).
    """
    if not stems(text) or not states(text):
        return Grounded(Verdict.UNSUPPORTED)
    own = [passages[number - 1] for number in dict.fromkeys(cited) if 1 <= number <= len(passages)]
    others = [passage for passage in passages if passage not in own]
    found = best_support(text, own, embeddings)
    if found and _supports(text, found, model):
        return Grounded(Verdict.SUPPORTED, ((found.run.passage, found.run.span),), found.grade)
    parts = [(part, best_support(part, own, embeddings)) for part in (_parts(text) if len(own) > 1 else [])]
    if parts and all(told and _supports(part, told, model) for part, told in parts):
        quotes = dict.fromkeys((told.run.passage, told.run.span) for _, told in parts if told)
        return Grounded(Verdict.SUPPORTED, tuple(quotes), min(told.grade for _, told in parts if told))
    elsewhere = best_support(text, others, embeddings, strict=True)
    if elsewhere and elsewhere.score >= _MOVES and _supports(text, elsewhere, model):
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


def _supports(text: str, found: Support, model: SupportModel) -> bool:
    if found.objected:
        return False
    if not found.told and found.score < _LEAST_WORDING:
        return False  # the model alone is not to be trusted
    wording = found.score if found.told else 0.0
    if wording >= _VERY_WORDS:
        return True  # the model would not outweigh it, and takes time
    return model.log_odds(text, found.run) + _WORDING * wording >= _SUPPORTS


def verify_quote(passage: Passage, span: Span) -> Verdict:
    """Whether a quotation is whole sentences of the passage, to the character."""
    starts = {sentence.start for sentence in passage.sentences}
    ends = {sentence.end for sentence in passage.sentences}
    inside = passage.start <= span.start < span.end <= passage.end
    return Verdict.SUPPORTED if inside and span.start in starts and span.end in ends else Verdict.UNSUPPORTED
