"""Judges one answer by rules: right or wrong, what it said and cited, and where a right answer was lost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from assistant.answer import Answer, Citation, Outcome, Verdict
from assistant.articles import Article
from assistant.evaluation.facts import says, shown
from assistant.evaluation.quality.figures import ndcg
from assistant.evaluation.testset import Evidence, TestCase
from assistant.passages import Span, split_sentences

#: At least this share of the sentences that are cited must carry what is asked: citing everything is no answer.
LEAST_PRECISION = 0.2


class Mark(StrEnum):
    """What came of a case."""

    RIGHT = "right"
    WRONG = "wrong answer"
    FALSE_REFUSAL = "false refusal"
    FALSE_ANSWER = "false answer"


class Lost(StrEnum):
    """Where the right answer was lost."""

    NOT_FOUND = "not retrieved"
    NOT_READ = "retrieved but not read"
    NOT_CHOSEN = "read but not chosen"
    WITHHELD = "read but withheld"
    NOT_CITED = "said but not cited"
    NOT_SAID = "cited but not said"
    FORBIDDEN = "said what it must not"
    TOO_MUCH = "cited too much"
    NO_GAP = "did not say what is missing"


@dataclass(frozen=True)
class Place:
    """A range of characters of an article."""

    article: str
    start: int
    end: int

    def overlaps(self, article: str, start: int, end: int) -> bool:
        """Whether it shares a character with the other range."""
        return self.article == article and self.start < end and start < self.end


class Sources:
    """The articles that answers are held against."""

    def __init__(self, articles: Mapping[str, Article]) -> None:
        """By id."""
        self.articles = articles
        self._sentences: dict[str, list[Span]] = {}

    def places(self, evidence: Evidence) -> list[Place]:
        """Where the evidence stands; nowhere, if the article is gone."""
        where = [self.articles.get(evidence.article)] if evidence.article else list(self.articles.values())
        found: list[Place] = []
        for article in filter(None, where):
            if not evidence.words:
                found.append(Place(article.id, 0, len(article.text)))
            for words in evidence.words:
                start = article.text.find(words)
                while start >= 0:
                    found.append(Place(article.id, start, start + len(words)))
                    start = article.text.find(words, start + 1)
        return found

    def stands(self, citation: Citation) -> bool:
        """Whether the citation's words stand in its article, to the character."""
        article = self.articles.get(citation.article_id)
        return article is not None and article.text[citation.start : citation.end] == citation.quote

    def sentences(self, citation: Citation) -> list[Place]:
        """The sentences that the citation touches."""
        key = citation.article_id
        if key not in self._sentences:
            self._sentences[key] = split_sentences(self.articles[key].text)
        return [
            Place(key, span.start, span.end)
            for span in self._sentences[key]
            if span.start < citation.end and citation.start < span.end
        ]

    def text(self, place: Place) -> str:
        """The words at the place."""
        article = self.articles.get(place.article)
        return article.text[place.start : place.end] if article else ""


@dataclass(frozen=True)
class Judgement:
    """What the rules say of one answer. A figure that makes no sense for the case is None."""

    mark: Mark
    lost: Lost | None
    facts: tuple[bool, ...]
    forbidden: tuple[str, ...]
    right_sentence: bool | None
    precision: float | None
    recall: float | None
    found: bool | None
    read: bool | None
    ndcg: float | None
    grounded: float | None
    withheld: float | None
    holding: tuple[int, ...]
    """Places, in the list of found passages, of those that have some of the evidence."""
    foreign: int
    """Citations whose words do not stand in the articles given."""

    @property
    def fact_recall(self) -> float | None:
        """The share of the facts that the answer says."""
        return sum(self.facts) / len(self.facts) if self.facts else None


def judge(case: TestCase, answer: Answer, sources: Sources) -> Judgement:
    """Hold an answer against its case.

    Raises:
        SlowPatternError: a pattern of the case takes too long over the answer.
    """
    return _Trial(case, answer, sources).judgement()


class _Trial:
    """One answer, one case."""

    def __init__(self, case: TestCase, answer: Answer, sources: Sources) -> None:
        self.case, self.answer, self.sources = case, answer, sources
        self.declined = answer.outcome is Outcome.DECLINED
        self.said = " ".join(f"{s.lead} {s.text}" for s in answer.sentences) or answer.answer
        self.facts = tuple(not self.declined and says(self.said, fact) for fact in case.facts)
        self.forbidden = tuple(shown(fact) for fact in case.not_ if says(self.said, fact))
        self.places = [sources.places(evidence) for evidence in case.evidence]
        self.standing = [citation for citation in answer.citations if sources.stands(citation)]

    def judgement(self) -> Judgement:
        answer, case = self.answer, self.case
        right_sentence = None if case.declined else not self.declined and all(self.facts) and self.enough_cited
        mark = self._mark(bool(right_sentence))
        shown_sentences = len(answer.sentences)
        grounded = [
            bool(s.citations) and s.verdict is not Verdict.UNSUPPORTED and self._stand(s.citations)
            for s in answer.sentences
        ]
        written = shown_sentences + answer.withheld
        found, read = self._seen(read=False), self._seen(read=True)
        return Judgement(
            mark=mark,
            lost=None if mark is Mark.RIGHT or case.declined else self._lost(),
            facts=self.facts,
            forbidden=self.forbidden,
            right_sentence=right_sentence,
            precision=None if case.declined else self.precision,
            recall=None if case.declined else self._recall(),
            found=None if case.declined else self._enough(found),
            read=None if case.declined else self._enough(read),
            ndcg=self._ndcg(),
            grounded=sum(grounded) / len(grounded) if grounded else None,
            withheld=answer.withheld / written if written else None,
            holding=tuple(number for number, place in enumerate(self.found) if self._holds(place)),
            foreign=len(answer.citations) - len(self.standing),
        )

    def _mark(self, right_sentence: bool) -> Mark:
        if self.case.declined:
            return Mark.RIGHT if self.declined and not self.forbidden else Mark.FALSE_ANSWER
        if self.declined:
            return Mark.FALSE_REFUSAL
        enough = self.precision is not None and self.precision >= LEAST_PRECISION
        gap_told = not self.case.partial or self.answer.outcome is Outcome.PARTIAL
        return Mark.RIGHT if right_sentence and enough and gap_told and not self.forbidden else Mark.WRONG

    # -- what is cited -------------------------------------------------------------------------------------------

    @cached_property
    def cited(self) -> list[Place]:
        """Every sentence that is cited, once."""
        return list(dict.fromkeys(place for citation in self.standing for place in self.sources.sentences(citation)))

    @cached_property
    def precision(self) -> float | None:
        """The share of the cited sentences that carry what is asked; a quote that stands nowhere carries nothing.

        Where evidence is given, only that carries: "Microsoft" as a fact is in every other sentence.
        """
        count = len(self.cited) + len(self.answer.citations) - len(self.standing)
        return sum(map(self._holds, self.cited)) / count if count else None

    @cached_property
    def reached(self) -> list[bool]:
        """For each piece of evidence whether a citation reaches it; without evidence, for each fact."""
        if self.case.cites:
            return [
                any(place.overlaps(c.article_id, c.start, c.end) for place in places for c in self.standing)
                for places in self.places
            ]
        texts = [self.sources.text(place) for place in self.cited]
        return [any(says(text, fact) for text in texts) for fact in self.case.facts]

    @property
    def every(self) -> bool:
        """Whether all evidence is wanted; without evidence every fact wants a quote that says it."""
        return self.case.all or not self.case.cites

    @property
    def enough_cited(self) -> bool:
        return self._enough(self.reached)

    def _enough(self, reached: Sequence[bool]) -> bool:
        return all(reached) if self.every else any(reached)

    def _recall(self) -> float:
        return sum(self.reached) / len(self.reached) if self.every else float(any(self.reached))

    def _stand(self, numbers: Iterable[int]) -> bool:
        standing = {citation.number for citation in self.standing}
        return standing.issuperset(numbers)

    # -- what was found ------------------------------------------------------------------------------------------

    @cached_property
    def found(self) -> list[Place]:
        """The passages that were found, best first."""
        return [Place(passage.article_id, passage.start, passage.end) for passage in self.answer.found]

    def _holds(self, text: Place) -> bool:
        """Whether some of the evidence is in a range of an article; without evidence, whether it says a fact."""
        if self.case.cites:
            return any(p.overlaps(text.article, text.start, text.end) for places in self.places for p in places)
        return any(says(self.sources.text(text), fact) for fact in self.case.facts)

    def _seen(self, read: bool) -> list[bool]:
        """For each piece of evidence whether a passage with it was found, or even read; without, for each fact."""
        passages = [place for place, p in zip(self.found, self.answer.found, strict=True) if p.read or not read]
        if self.case.cites:
            return [
                any(place.overlaps(p.article, p.start, p.end) for place in places for p in passages)
                for places in self.places
            ]
        texts = [self.sources.text(place) for place in passages]
        return [any(says(text, fact) for text in texts) for fact in self.case.facts]

    def _ndcg(self) -> float | None:
        """nDCG@10 of the articles found, where the case names all the articles that it wants."""
        gold = {evidence.article for evidence in self.case.evidence}
        if not gold or None in gold:
            return None
        ranked = list(dict.fromkeys(passage.article_id for passage in self.answer.found))
        return ndcg([key in gold for key in ranked], len(gold))

    def _lost(self) -> Lost:
        if self.forbidden:
            return Lost.FORBIDDEN
        if not self.declined and self.enough_cited:
            if not all(self.facts):
                return Lost.NOT_SAID
            gap_missing = self.case.partial and self.answer.outcome is not Outcome.PARTIAL
            return Lost.NO_GAP if gap_missing else Lost.TOO_MUCH
        if self.facts and all(self.facts):
            return Lost.NOT_CITED
        if not self._enough(self._seen(read=False)):
            return Lost.NOT_FOUND
        if not self._enough(self._seen(read=True)):
            return Lost.NOT_READ
        return Lost.WITHHELD if self.answer.withheld else Lost.NOT_CHOSEN
