"""The extractive reader: one to four sentences that answer the question, quoted as they stand, or a decline."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from assistant.lexical import stems
from assistant.passages import Passage, Span
from assistant.reading import answerability
from assistant.reading.answerability import Evidence
from assistant.reading.question import Asked, Kind, understand
from assistant.reading.scorer import Scorer
from assistant.retrieval import PassageHit, SentenceHit
from assistant.snapshot import Snapshot
from assistant.statements import asks, name_stated

_SCORED = 16  # sentences that the learned scorer reads for a question: nearly all of an answer's time
_FITS_WEIGHT = 0.3  # a sentence with the kind of thing asked for is looked at first; patterns err, so not alone
_FUSION_WEIGHT = 6.0  # by this the search's 0..1 joins the scorer's logit; flat from 4 to 8 on unseen texts
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
        return self.logit + _FUSION_WEIGHT * self.hit.score + self.fits

    @property
    def held_on(self) -> date | None:
        """When what it says held."""
        return self.hit.passage.article.held_on


@dataclass(frozen=True)
class Judgement:
    """What the reader makes of a question: candidates with their scores, best first, and how likely one answers."""

    asked: Asked
    ranked: tuple[tuple[float, Candidate], ...]
    evidence: Evidence | None
    confidence: float

    @property
    def answers(self) -> bool:
        """Whether the articles answer, by the calibrated threshold."""
        return bool(self.ranked) and self.confidence >= answerability.threshold()


class ExtractiveReader:
    """Answers from retrieved passages by quoting. Without state between questions."""

    name = "extractive"

    def __init__(self, scorer: Scorer | None, kinds: bool = True) -> None:
        """`scorer` judges sentences. Without it, and without regard to the `kinds` of answer, the reader shows what
        these parts bring; the product has both.
        """
        self._scorer = scorer
        self._kinds = kinds

    def read(self, question: str, hits: Sequence[PassageHit], snapshot: Snapshot) -> list[Quote]:
        """The quotations that answer, in reading order; none means that the articles do not answer."""
        return self.quotes(self.judge(question, hits, snapshot))

    def quotes(self, judged: Judgement) -> list[Quote]:
        """The quotations that answer by this judgement, in reading order; see `read`."""
        if not judged.answers:
            return []
        chosen = _choose(judged.ranked, judged.asked, _MARGIN if judged.confidence >= _SURE else _MARGIN_UNSURE)
        return _arrange(chosen, judged.asked)

    def judge(self, question: str, hits: Sequence[PassageHit], snapshot: Snapshot) -> Judgement:
        """Score the sentences worth a close look, and weigh whether the articles answer at all."""
        asked = understand(question) if self._kinds else replace(understand(question), kind=Kind.OTHER)
        # Of a question without a word that the articles have, nothing can be known.
        known = any(stem in snapshot.lexical for stem in stems(question))
        candidates = self._candidates(question, asked, hits, snapshot) if known else []
        if not candidates:
            return Judgement(asked, (), None, 0.0)
        ranked = _rank(candidates, asked, 1.5 if _NOW.search(question) else 1.0)
        evidence = _evidence(question, asked, candidates, snapshot)
        return Judgement(asked, tuple(ranked), evidence, answerability.probability(evidence))

    def _candidates(
        self, question: str, asked: Asked, hits: Sequence[PassageHit], snapshot: Snapshot
    ) -> list[Candidate]:
        dates = sorted({day for hit in hits if (day := hit.passage.article.held_on)})

        def promise(sentence: SentenceHit) -> float:
            # The newest word on the matter must be heard, though older ones may share more with the question.
            day = sentence.passage.article.held_on
            return sentence.score + (0.15 * dates.index(day) / len(dates) if asked.present and day else 0.0)

        told = [hit for found in hits for hit in found.sentences if not asks(hit.text)]
        every = [(hit, asked.fits(hit.text, question)) for hit in told]
        sentences = sorted(every, key=lambda pair: -promise(pair[0]) - _FITS_WEIGHT * pair[1])[:_SCORED]
        pairs = [(name_stated(hit.passage.article.title), hit.previous, hit.text) for hit, _ in sentences]
        logits = self._scorer.scores(question, pairs) if self._scorer else np.zeros(len(pairs))
        weights = {stem: snapshot.lexical.weight(stem) for stem in stems(question)}
        total = sum(weights.values()) or 1.0
        out = []
        for (hit, fits), logit in zip(sentences, logits, strict=True):
            context = set(stems(f"{hit.passage.article.title} {hit.previous} {hit.text}"))
            coverage = sum(weight for stem, weight in weights.items() if stem in context) / total
            out.append(Candidate(hit, float(logit), coverage, fits))
        return out


def _evidence(question: str, asked: Asked, candidates: Sequence[Candidate], snapshot: Snapshot) -> Evidence:
    """What speaks for an answer in the best of the candidates, of which there is at least one."""
    best = max(candidates, key=lambda candidate: candidate.score)
    others = [candidate.logit for candidate in candidates if candidate is not best]
    hit = best.hit
    return Evidence(
        logit=best.logit,
        runner_up=best.logit - max(others, default=best.logit),
        coverage=best.coverage,
        cosine=hit.cosine,
        fits=float(best.fits),
        factoid=float(asked.factoid),
        missing_names=answerability.missing_names(asked, hit.passage),
        unknown_names=answerability.unknown_names(asked, snapshot),
        other_time=answerability.other_time(asked, hit.text),
        missing_unit=answerability.missing_unit(question, f"{hit.passage.article.title} {hit.previous} {hit.text}"),
    )


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
        if hit.number and _LEANS_BACK.match(hit.text) and not asks(hit.previous):
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
