"""The extractive reader: one to four sentences that answer the question, quoted as they stand, or a decline."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from assistant.index import Snapshot
from assistant.lexical import stems
from assistant.passages import Passage, Span
from assistant.reading.question import Asked, Kind, understand
from assistant.reading.scorer import Scorer
from assistant.retrieval import PassageHit, SentenceHit

_SCORED = 10  # sentences that the learned scorer reads for a question: nearly all of an answer's time
_FUSION_WEIGHT = 8.0  # by this the search's 0..1 joins the scorer's logit; flat from 6 to 15 on unseen articles
_RECENCY_WEIGHT = 4.0  # for the newest article's sentence against the oldest's, where the present is asked about
_NOW = re.compile(r"\b(?:still|now|nowadays|currently|today|any ?more|no longer|latest|these days|at present)\b", re.I)
_TIME_WEIGHT = 2.0
_REASON_WEIGHT = 2.0
_SAME_POINT, _SAME_POINT_WEIGHT = 0.75, 20.0  # cosine from which two sentences speak of the same, and its worth
_MARGIN, _MARGIN_UNSURE, _SURE = (
    2.5,
    4.0,
    0.3,
)  # how far behind the best a further sentence may be, and when more may help
_LEANS_BACK = re.compile(
    r"(?:(?:it|he|she|they|its|his|her|their|him|them|this|that|these|those|such|both|neither|either|the latter"
    r"|the former|the same|another|so|then|there)\b)",
    re.I,
)


@dataclass(frozen=True)
class Quote:
    """A quotation that the reader has chosen; `lead` is our own word on its date, to be set before it."""

    passage: Passage
    span: Span
    lead: str = ""

    @property
    def text(self) -> str:
        """The quoted words."""
        return self.span.of(self.passage.article.text)


@dataclass(frozen=True)
class Candidate:
    """A sentence with what speaks for it."""

    hit: SentenceHit
    logit: float
    coverage: float
    fits: bool

    @property
    def score(self) -> float:
        """Scorer and search together; differences are in the scorer's units."""
        return self.logit + _FUSION_WEIGHT * self.hit.score

    @property
    def held_on(self) -> date | None:
        """When what it says held."""
        return self.hit.passage.article.held_on


class ExtractiveReader:
    """Answers from retrieved passages by quoting. Without state between questions."""

    name = "extractive"

    def __init__(self, scorer: Scorer) -> None:
        """`scorer` judges sentences."""
        self._scorer = scorer

    def read(self, question: str, hits: Sequence[PassageHit], snapshot: Snapshot) -> list[Quote]:
        """The quotations that answer, in reading order; none means that the articles do not answer."""
        candidates = self.candidates(question, hits, snapshot)
        asked = understand(question)
        threshold = THRESHOLD_FACTOID if asked.factoid else THRESHOLD_OTHER
        unknown = sum(1 for name in asked.names if not all(stem in snapshot.lexical for stem in stems(name)))
        confidence = answerable(candidates, unknown) if candidates else 0.0
        if not candidates or confidence < threshold:
            return []
        ranked = _rank(candidates, asked, 1.5 if _NOW.search(question) else 1.0)
        chosen = _choose(ranked, asked, _MARGIN if confidence >= _SURE else _MARGIN_UNSURE)
        return _arrange(chosen, asked)

    def candidates(self, question: str, hits: Sequence[PassageHit], snapshot: Snapshot) -> list[Candidate]:
        """The sentences worth a close look, each scored."""
        asked = understand(question)
        dates = sorted({day for hit in hits if (day := hit.passage.article.held_on)})

        def promise(sentence: SentenceHit) -> float:
            # The newest word on the matter must be heard, though older ones may share more with the question.
            day = sentence.passage.article.held_on
            return sentence.score + (0.15 * dates.index(day) / len(dates) if asked.present and day else 0.0)

        # For a date, an amount or a name: a sentence that has none cannot be the answer.
        fitting = [
            sentence
            for hit in hits
            for sentence in hit.sentences
            if not asked.factoid or asked.fits(sentence.text, question)
        ]
        sentences = sorted(fitting, key=lambda sentence: -promise(sentence))[:_SCORED]
        pairs = [(hit.passage.article.title, hit.previous, hit.text) for hit in sentences]
        logits = self._scorer.scores(question, pairs)
        weights = {stem: snapshot.lexical.weight(stem) for stem in stems(question)}
        total = sum(weights.values()) or 1.0
        out = []
        for hit, logit in zip(sentences, logits, strict=True):
            context = set(stems(f"{hit.passage.article.title} {hit.previous} {hit.text}"))
            coverage = sum(weight for stem, weight in weights.items() if stem in context) / total
            out.append(Candidate(hit, float(logit), coverage, asked.fits(hit.text, question)))
        return out


# Logistic regression on two SQuAD 2.0 articles that the scorer has not seen (Steam engine, Islamism): 412 questions
# with their paragraph in the corpus, the same with it taken out, and 416 that SQuAD marks unanswerable.
_INTERCEPT, _W_LOGIT, _W_COVERAGE, _W_COSINE, _W_FITS = -3.22, 0.32, 1.86, 2.45, 0.47
_UNKNOWN_NAME = 2.0  # off the log odds for a name in the question that no article has
# A question for one date, amount or name sounds the same whether the articles have it or not; other questions, worded
# otherwise than the text, are the ones that would be refused without need.
THRESHOLD_FACTOID, THRESHOLD_OTHER = 0.25, 0.08


def answerable(candidates: Sequence[Candidate], unknown_names: int = 0) -> float:
    """The probability, 0 to 1, that the articles answer: from the best candidate's scorer logit, the share of the
    question's words (by weight) that it covers, its cosine, whether it holds the kind of thing asked for, and the
    number of names in the question that no article has.
    """
    best = max(candidates, key=lambda candidate: candidate.score)
    z = (
        -_UNKNOWN_NAME * unknown_names
        + _INTERCEPT
        + _W_LOGIT * best.logit
        + _W_COVERAGE * best.coverage
        + _W_COSINE * best.hit.cosine
        + _W_FITS * best.fits
    )
    return 1.0 / (1.0 + math.exp(-z))


def _rank(candidates: Sequence[Candidate], asked: Asked, urgency: float) -> list[tuple[float, Candidate]]:
    """Candidates with their scores after time is taken into account, best first."""
    dates = sorted({day for candidate in candidates if (day := candidate.held_on)})

    def score(candidate: Candidate) -> float:
        total = candidate.score + (_REASON_WEIGHT if asked.gives_reason(candidate.hit.text) else 0.0)
        held = candidate.held_on
        if asked.present and held and len(dates) > 1:
            total += urgency * _RECENCY_WEIGHT * dates.index(held) / (len(dates) - 1)
        if asked.years or asked.months:
            total += _TIME_WEIGHT * _time_match(candidate, asked)
        return total

    return sorted(((score(c), c) for c in candidates), key=lambda pair: (-pair[0], pair[1].hit.passage.id))


def _time_match(candidate: Candidate, asked: Asked) -> float:
    """1 where the sentence names the time asked about, 0.5 where its article is of that time, -1 where neither."""
    text, held = candidate.hit.text, candidate.held_on
    names_year = not asked.years or any(year in text for year in asked.years)
    names_month = not asked.months or any(re.search(rf"\b{month}", text, re.I) for month in asked.months)
    if names_year and names_month:
        return 1.0
    of_year = held is not None and (not asked.years or str(held.year) in asked.years)
    of_month = held is not None and (not asked.months or f"{held:%b}".lower() in asked.months)
    return 0.5 if of_year and of_month else -1.0


def _choose(ranked: Sequence[tuple[float, Candidate]], asked: Asked, margin: float) -> list[Candidate]:
    top, best = ranked[0]
    limit = 4 if asked.kind in (Kind.LIST, Kind.REASON) else 3
    if asked.present:
        best = _latest(ranked, best)
    chosen = [best]
    if asked.present and (earlier := _earlier(ranked, best)):
        chosen.append(earlier)
    for score, candidate in ranked:
        if len(chosen) >= limit or score < top - margin:
            break
        if candidate not in chosen and not any(_redundant(candidate.hit.text, other.hit.text) for other in chosen):
            chosen.append(candidate)
    return chosen


def _latest(ranked: Sequence[tuple[float, Candidate]], best: Candidate) -> Candidate:
    """The newest statement on the same point as the best one, which it is itself where nothing newer is as good."""
    newer = [
        candidate
        for _, candidate in ranked
        if candidate.held_on
        and best.held_on
        and candidate.held_on > best.held_on
        and candidate.score >= best.score - 2 * _MARGIN
        and float(candidate.hit.vector @ best.hit.vector) >= _SAME_POINT
    ]
    return max(newer, key=lambda c: (c.held_on or date.min, c.score), default=best)


def _earlier(ranked: Sequence[tuple[float, Candidate]], best: Candidate) -> Candidate | None:
    """What an earlier article said on the same point, so that the reader sees what the present state superseded.

    The same point: near to the best sentence in meaning, whatever words the question has.
    """

    def same_point(candidate: Candidate) -> float:
        return candidate.score + _SAME_POINT_WEIGHT * float(candidate.hit.vector @ best.hit.vector)

    if best.held_on is None:
        return None
    before = best.held_on - timedelta(days=30)
    near = [
        candidate
        for _, candidate in ranked
        if candidate.held_on
        and candidate.held_on < before
        and candidate.score >= best.score - 2 * _MARGIN
        and not _redundant(candidate.hit.text, best.hit.text)
    ]
    return max(near, key=same_point, default=None)


def _redundant(one: str, other: str) -> bool:
    left, right = set(stems(one)), set(stems(other))
    return len(left & right) >= 0.6 * max(1, min(len(left), len(right)))


def _arrange(chosen: Sequence[Candidate], asked: Asked) -> list[Quote]:
    """Reading order: articles newest first where the present is asked about, else oldest first; within one as written.

    A sentence that leans on the one before it brings it along.
    """
    picks: dict[tuple[str, int], tuple[Passage, Span]] = {}
    for candidate in chosen:
        hit = candidate.hit
        numbers = [hit.number]
        if hit.number and _LEANS_BACK.match(hit.text):
            numbers.insert(0, hit.number - 1)
        for number in numbers:
            span = hit.passage.sentences[number]
            picks.setdefault((hit.passage.article.id, span.start), (hit.passage, span))
    held = {key: passage.article.held_on for key, (passage, _) in picks.items()}
    direction = -1 if asked.present else 1
    order = sorted(picks, key=lambda key: (direction * (held[key] or date.min).toordinal(), key))
    dated = asked.present or len(set(held.values())) > 1
    quotes: list[Quote] = []
    shown: date | None = None
    for key in order[:4]:
        passage, span = picks[key]
        day = held[key]
        lead = f"As of {day.day} {day:%B %Y}:" if dated and day and day != shown else ""
        quotes.append(Quote(passage, span, lead))
        shown = day
    return quotes
