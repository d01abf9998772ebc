"""How well a run of sentences says what a sentence says, by the very words and by the embedding model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from assistant.embeddings import PassageEmbeddings
from assistant.grounding.runs import Run, is_name
from assistant.grounding.wording import Reading, Token

Vector = NDArray[np.float32]

_KEPT = 20_000  # vectors, 30 MB
_PLAIN = 0.65  # share of the words from which the embedding model need not be asked
_NAME_WEIGHT = 0.3
_EXACT = 0.85  # share of the very words in the grade
_DOUBTED = 0.7  # what is left of the grade of what does not hold
# Cosines of two words from which one may stand for the other; closer ones are asked of a clause that is tacked on.
_SYNONYM, _CLOSE_SYNONYM = 0.5, 0.6
# A clause has this share of its words there, or means nearly as much: false clauses stay below.
_FEW = 3  # words of a short sentence
_CLAUSE_WORDS, _ADDED_WORDS, _CLAUSE_MEANING, _ADDED_MEANING = 0.33, 0.33, 0.45, 0.6
_ADDS = re.compile(
    r"\s*(?:and|but|while|which|who|because|although|though|whereas|after|before|since|despite|as|so|with|without|under)\b"
)


@dataclass(frozen=True)
class Support:
    """A run of sentences, and whether nothing objects to it as the support of a sentence.

    `score` (0..1) weighs words and meaning; `told` says that each clause has some of either. `grade` (0..1) counts the
    very words for more, and is less where something objects: it sets supported sentences before others.
    """

    run: Run
    score: float
    grade: float
    told: bool
    objected: bool = False


class Meanings:
    """Vectors of words, clauses and sentences by one model; each is computed once."""

    def __init__(self, embeddings: PassageEmbeddings) -> None:
        self._embeddings = embeddings
        self._known: dict[str, Vector] = {}

    def of(self, texts: Sequence[str]) -> Vector:
        """The unit vectors of some texts, a row each."""
        if len(self._known) > _KEPT:
            self._known = {}
        known = self._known
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            for text, vector in zip(missing, self._embeddings.embed_documents(missing), strict=True):
                known[text] = np.array(vector, np.float32)
        return np.stack([known[text] for text in texts])


_MEANINGS: WeakKeyDictionary[PassageEmbeddings, Meanings] = WeakKeyDictionary()


def meanings(embeddings: PassageEmbeddings) -> Meanings:
    """The vectors that are kept for a model."""
    if embeddings not in _MEANINGS:
        _MEANINGS[embeddings] = Meanings(embeddings)
    return _MEANINGS[embeddings]


def doubted(said: Reading, run: Run) -> float:
    """The grade of a run that something objects to."""
    return _DOUBTED * run.exact(said)


def plainly(said: Reading, runs: Sequence[Run]) -> Support | None:
    """The run that has so many of the very words, in every clause, that meaning need not be asked, which takes time."""
    heavy = [token for token in said.tokens if token.heavy]
    best: Support | None = None
    for run in runs if heavy else ():
        words = set(run.words.values())
        similar = {token.text.casefold(): 0.0 for token in heavy if token.stem not in words}
        share = _share(heavy, similar)
        score = share - run.penalty
        told = all(_clause_told(said, start, end, similar, 0.0) for start, end in said.clauses)
        if share >= _PLAIN and told and (best is None or score > best.score):
            grade = _EXACT * run.exact(said) + (1 - _EXACT) * score
            best = Support(run, score, grade, told=True)
    return best


def weighed(said: Reading, runs: Sequence[Run], vectors: Meanings, synonyms: bool) -> list[Support]:
    """Words and meaning together, for each run; it does not hold where a clause has neither.

    With `synonyms` other words of like meaning count too, and clauses of like meaning, which costs their vectors.
    """
    if not runs:
        return []
    heavy = [token for token in said.tokens if token.heavy]
    parts = [said.text[start:end].strip(" ,;:") for start, end in said.clauses]
    have = [run.words for run in runs]
    absent = [[token.text.casefold() for token in heavy if token.stem not in words.values()] for words in have]
    # Few calls of the model, each with texts of like length: a batch is as wide as its longest.
    vectors.of([sentence.text for run in runs for sentence in run.sentences])
    (whole,) = vectors.of([said.text])
    told = vectors.of(parts) if synonyms else np.zeros((len(parts), len(whole)), np.float32)
    if synonyms and any(absent):
        vectors.of([*chain(*absent), *chain(*have)])
    out = []
    for run, words, missing in zip(runs, have, absent, strict=True):
        there = vectors.of([sentence.text for sentence in run.sentences]).sum(axis=0)
        there /= np.linalg.norm(there)
        similar = _similar(missing, list(words), vectors) if synonyms else dict.fromkeys(missing, 0.0)
        near = float(whole @ there)
        share = _share(heavy, similar) if heavy else near
        score = max(0.0, (share + near) / 2 - run.penalty)
        told_there = all(
            _clause_told(said, start, end, similar, float(part @ there))
            for (start, end), part in zip(said.clauses, told, strict=True)
        )
        exact = run.exact(said)
        grade = _EXACT * exact + (1 - _EXACT) * score if told_there else doubted(said, run)
        out.append(Support(run, score, grade, told_there))
    return out


def _clause_told(said: Reading, start: int, end: int, similar: dict[str, float], near: float) -> bool:
    """Whether the clause has enough of its words there, or means as much as what is there."""
    tokens = said.within(start, end)
    words = [token.text.casefold() for token in tokens if token.heavy and not is_name(token)]
    if not words:
        return True
    adds = bool(_ADDS.match(said.text, start))
    close = _CLOSE_SYNONYM if adds and len(words) > 1 else _SYNONYM
    missing = sum(similar.get(word, 1.0) < close for word in words)
    checked = any(token.text[0].isdigit() for token in tokens)  # amounts and dates have been found there
    if missing and len(words) <= _FEW and len(said.clauses) == 1 and not checked:  # the one word may be all it claims
        return near >= _ADDED_MEANING
    least = _ADDED_WORDS if adds else _CLAUSE_WORDS
    if len(words) - missing >= least * len(words) or (missing == 1 and (checked or not adds)):
        return True
    return near >= (_ADDED_MEANING if adds and missing > 1 else _CLAUSE_MEANING)


def _share(heavy: Sequence[Token], similar: dict[str, float]) -> float:
    """The share of the words that are there, or near ones; names and numbers, which must be there, count less."""
    weights = [_NAME_WEIGHT if is_name(token) else 1.0 for token in heavy]
    values = [similar.get(token.text.casefold(), 1.0) for token in heavy]
    found = [weight * value for weight, value in zip(weights, values, strict=True) if value >= _SYNONYM]
    return sum(found) / sum(weights)


def _similar(absent: Sequence[str], have: Sequence[str], vectors: Meanings) -> dict[str, float]:
    """For each absent word the cosine of the nearest of the words that are there."""
    if not absent or not have:
        return dict.fromkeys(absent, 0.0)
    table = vectors.of(absent) @ vectors.of(have).T
    return dict(zip(absent, table.max(axis=1).tolist(), strict=True))
