"""Assistants that answer by a simple rule, to measure the metrics with."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from assistant.answer import Answer, AnswerSentence, Citation, Found, Outcome, Verdict
from assistant.articles import Article
from assistant.chain import Question
from assistant.evaluation.facts import shown
from assistant.evaluation.judging import Place, Sources
from assistant.evaluation.testset import TestCase

Rule = Callable[[Question], Answer]


class Scripted:
    """Answers by a rule, about the articles given; remembers what it was asked."""

    def __init__(self, articles: Mapping[str, Article], rule: Rule, identity: str = "scripted") -> None:
        self.articles = articles
        self.identity = identity
        self.asked: list[Question] = []
        self._rule = rule

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return self._rule(question)


def cite(article: Article, start: int, end: int, number: int = 1) -> Citation:
    """The article's words from `start` to `end`."""
    return Citation(
        number=number,
        article_id=article.id,
        title=article.title,
        outlet=article.outlet,
        url=None,
        published=None,
        as_of=None,
        quote=article.text[start:end],
        start=start,
        end=end,
        passage=article.text[start:end],
    )


def say(
    text: str, citations: Sequence[Citation] = (), found: Iterable[Found] = (), outcome: Outcome = Outcome.ANSWERED
) -> Answer:
    """An answer of one sentence that cites all that is given."""
    sentence = AnswerSentence(text=text, citations=tuple(c.number for c in citations), verdict=Verdict.SUPPORTED)
    return Answer(
        answer=text,
        outcome=outcome,
        sentences=(sentence,),
        citations=tuple(citations),
        found=tuple(found),
        standalone_question="",
        reader="scripted",
    )


def decline(found: Iterable[Found] = ()) -> Answer:
    """A decline."""
    text = "The articles do not answer this."
    return Answer(answer=text, outcome=Outcome.DECLINED, found=tuple(found), standalone_question="", reader="scripted")


def found(place: Place, read: bool = True, score: float = 1.0) -> Found:
    """A passage that was found."""
    return Found(article_id=place.article, title="", start=place.start, end=place.end, score=score, read=read)


def oracle(cases: Iterable[TestCase], articles: Mapping[str, Article]) -> Rule:
    """Answers from the test set: quotes the evidence, says every fact, declines what is to be declined."""
    sources = Sources(articles)
    known = {case.asked[-1]: case for case in cases}

    def rule(question: Question) -> Answer:
        case = known.get(question.question)
        if case is None or case.declined:
            return decline()
        groups = [sources.places(evidence) for evidence in case.evidence]
        quoted = [group[0] for group in groups][: None if case.all else 1]
        citations = []
        for number, place in enumerate(quoted, 1):
            bare = cite(articles[place.article], place.start, place.end)
            whole = sources.sentences(bare)[0]
            citations.append(cite(articles[place.article], whole.start, whole.end, number))
        said = [shown(fact).split(" or ")[0] for fact in case.facts]
        text = " ".join([*said, *(citation.quote for citation in citations)])
        outcome = Outcome.PARTIAL if case.partial else Outcome.ANSWERED
        return say(text, citations, (found(place) for group in groups for place in group), outcome)

    return rule
