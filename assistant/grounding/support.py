"""Whether sentences of a passage support a sentence, and how well: by words, by meaning, and by what objects."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from assistant.embeddings import PassageEmbeddings
from assistant.grounding.amounts import amounts_fit
from assistant.grounding.dates import MONTH, days_fit
from assistant.grounding.edits import replaced
from assistant.grounding.names import names_fit, quotes_fit, speakers_fit
from assistant.grounding.polarity import denies, made_certain, turned_round
from assistant.grounding.wording import Reading, Token, read
from assistant.passages import Passage, Span

Vector = NDArray[np.float32]

_LONGEST_RUN = 3  # sentences
_EXAMINED, _WEIGHED = 40, 3  # runs of sentences that are checked, and weighed by meaning: those that share most words
_KEPT = 20_000  # vectors, 30 MB
_LENGTH_PENALTY = 0.01  # for 100 characters: the fewest words that carry it are quoted
_HALF = 0.5  # share of the words without which a citation is not moved to a run
_SURE = 0.6  # score from which synonyms need not be looked for
_NAME_WEIGHT = 0.3
_EXACT = 0.85  # share of the very words in the grade
_DOUBTED = 0.7  # what is left of the grade of what does not hold
_LESS, _BETTER = 0.08, 0.05  # by so much more of the words, and so much better a score, an objecting run prevails
# Cosines of two words from which one may stand for the other; closer ones are asked of a clause that is tacked on.
_SYNONYM, _CLOSE_SYNONYM = 0.5, 0.6
# A clause has this share of its words there, or means nearly as much: false clauses stay below.
_CLAUSE_WORDS, _CLAUSE_MEANING, _ADDED_MEANING = 0.33, 0.45, 0.6
_ADDS = re.compile(r"\s*(?:and|but|while|which|who|because|although|though|whereas|after|before|since|despite|as|so)\b")


@dataclass(frozen=True)
class Run:
    """One to three sentences in a row of a passage, read together and one by one."""

    passage: Passage
    span: Span
    reading: Reading
    sentences: tuple[Reading, ...]

    def holds(self, other: "Support") -> bool:
        """Whether the sentences of `other` are among those of this run."""
        inside = self.span.start <= other.span.start and other.span.end <= self.span.end
        return self.passage is other.passage and inside


@dataclass(frozen=True)
class Support:
    """A run of sentences of a passage, and whether nothing objects to it as the support of a sentence.

    `score` (0..1) weighs words and meaning and decides. `grade` (0..1) counts the very words for more, and is less
    where something objects: it sets supported sentences before others.
    """

    passage: Passage
    span: Span
    score: float
    grade: float
    holds: bool


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


def best_support(
    text: str, passages: Sequence[Passage], embeddings: PassageEmbeddings, strict: bool = False
) -> Support | None:
    """The run of the passages' sentences that supports `text` best; nothing where there are no sentences.

    `strict`: it must itself name all that `text` names, and deny where `text` denies, in so many words.
    """
    said = read(text)
    vectors = meanings(embeddings)
    runs = sorted(
        (
            run
            for passage in passages
            for run in _runs(said, passage)
            if not strict or _exact(said, run.reading) >= _HALF
        ),
        key=lambda run: -_shared(said, run.reading),
    )[:_EXAMINED]
    passing: list[Run] = []
    objecting: list[Run] = []
    for run in runs:
        (objecting if objection(said, run, strict) else passing).append(run)
    passing, objecting = passing[:_WEIGHED], objecting[:_WEIGHED]
    synonyms = False
    weighed = _weighed(said, passing, vectors, synonyms)
    if not any(one.holds and one.score >= _SURE for one in weighed):
        synonyms = True
        weighed = _weighed(said, passing, vectors, synonyms)
    grades = [one.grade for one in weighed] + [_DOUBTED * _exact(said, run.reading) for run in objecting]
    if not weighed:
        first = objecting[0] if objecting else None
        return Support(first.passage, first.span, 0.0, max(grades), False) if first else None
    found = replace(max(weighed, key=lambda one: one.score), grade=max(grades))
    # What objects in the run that says it best is not mended by another one that says less of it.
    least = max(_shared(said, run.reading) for run in passing) + _LESS
    better = [run for run in objecting if _shared(said, run.reading) > least and not run.holds(found)]
    if any(one.score > found.score + _BETTER for one in _weighed(said, better, vectors, synonyms)):
        return replace(found, holds=False)
    return found


def _runs(said: Reading, passage: Passage) -> Iterator[Run]:
    """One to three sentences in a row; of several, each has a word of the sentence, or a name that no other one has."""
    words = {token.stem for token in said.tokens if token.heavy and not _is_name(token)}
    names = {
        token.stem for token in said.tokens if token.heavy and token.text[0].isupper() and not MONTH.match(token.text)
    }
    text = passage.article.text
    sentences = [read(span.of(text)) for span in passage.sentences]
    for length in range(1, _LONGEST_RUN + 1):
        for first in range(len(sentences) - length + 1):
            run = tuple(sentences[first : first + length])
            if length == 1 or all(_brings(run, place, words, names) for place in range(length)):
                span = Span(passage.sentences[first].start, passage.sentences[first + length - 1].end)
                yield Run(passage, span, read(span.of(text)), run)


def _brings(run: Sequence[Reading], place: int, words: set[str], names: set[str]) -> bool:
    own = run[place].heavy
    others = frozenset[str]().union(*(reading.heavy for at, reading in enumerate(run) if at != place))
    return bool(words & own or (names & own) - others)


def objection(said: Reading, run: Run, strict: bool = False) -> str:
    """What makes the run no support whatever it means, or nothing."""
    article, there = run.passage.article, run.reading
    context = "" if strict else read(f"{article.title} {article.outlet or ''}").text
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("amounts", lambda: amounts_fit(said, there)),
        ("dates", lambda: days_fit(said, there, article.held_on)),
        ("names", lambda: names_fit(said, there, context, article.text)),
        ("speakers", lambda: speakers_fit(said, there)),
        ("quotes", lambda: quotes_fit(said, there)),
        ("edits", lambda: not any(replaced(said, sentence) for sentence in run.sentences)),
        ("polarity", lambda: not turned_round(said, there) and not (strict and denies(said) != denies(there))),
        ("certainty", lambda: not made_certain(said, there)),
    )
    return next((name for name, passes in checks if not passes()), "")


def _exact(said: Reading, there: Reading) -> float:
    return len(said.stems & there.stems) / max(1, len(said.stems))


def _shared(said: Reading, there: Reading) -> float:
    return _exact(said, there) - _LENGTH_PENALTY * len(there.text) / 100


def _weighed(said: Reading, runs: Sequence[Run], vectors: Meanings, synonyms: bool) -> list[Support]:
    """Words and meaning together, for each run; it does not hold where a clause has neither.

    With `synonyms` other words of like meaning count too, and clauses of like meaning, which costs their vectors.
    """
    if not runs:
        return []
    heavy = [token for token in said.tokens if token.heavy]
    parts = [said.text[start:end].strip(" ,;:") for start, end in said.clauses]
    have = [_words(run) for run in runs]
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
        score = max(0.0, (share + near) / 2 - _LENGTH_PENALTY * len(run.reading.text) / 100)
        holds = all(
            _clause_told(said, start, end, similar, float(part @ there))
            for (start, end), part in zip(said.clauses, told, strict=True)
        )
        exact = _exact(said, run.reading)
        grade = _EXACT * exact + (1 - _EXACT) * score if holds else _DOUBTED * exact
        out.append(Support(run.passage, run.span, score, grade, holds))
    return out


def _words(run: Run) -> dict[str, str]:
    """The words of a run and of its article's title, with their stems."""
    tokens = (*run.reading.tokens, *read(run.passage.article.title).tokens)
    return {token.text.casefold(): token.stem for token in tokens if token.stem}


def _clause_told(said: Reading, start: int, end: int, similar: dict[str, float], near: float) -> bool:
    """Whether the clause has enough of its words there, or means as much as what is there."""
    tokens = said.within(start, end)
    words = [token.text.casefold() for token in tokens if token.heavy and not _is_name(token)]
    if not words:
        return True
    adds = bool(_ADDS.match(said.text, start))
    close = _CLOSE_SYNONYM if adds and len(words) > 1 else _SYNONYM
    missing = sum(similar.get(word, 1.0) < close for word in words)
    checked = any(token.text[0].isdigit() for token in tokens)  # amounts and dates have been found there
    if len(words) - missing >= _CLAUSE_WORDS * len(words) or (missing == 1 and (checked or not adds)):
        return True
    return near >= (_ADDED_MEANING if adds and missing > 1 else _CLAUSE_MEANING)


def _share(heavy: Sequence[Token], similar: dict[str, float]) -> float:
    """The share of the words that are there, or near ones; names and numbers, which must be there, count less."""
    weights = [_NAME_WEIGHT if _is_name(token) else 1.0 for token in heavy]
    values = [similar.get(token.text.casefold(), 1.0) for token in heavy]
    found = [weight * value for weight, value in zip(weights, values, strict=True) if value >= _SYNONYM]
    return sum(found) / sum(weights)


def _similar(absent: Sequence[str], have: Sequence[str], vectors: Meanings) -> dict[str, float]:
    """For each absent word the cosine of the nearest of the words that are there."""
    if not absent or not have:
        return dict.fromkeys(absent, 0.0)
    table = vectors.of(absent) @ vectors.of(have).T
    return dict(zip(absent, table.max(axis=1).tolist(), strict=True))


def _is_name(token: Token) -> bool:
    return token.text[0].isupper() or token.text[0].isdigit()
