"""Checks a test set against its articles: that the evidence is there, and that every case can be got right."""

from collections.abc import Iterator, Mapping, Sequence

from assistant.articles import Article
from assistant.evaluation.facts import AnyOf, Fact, Pattern, SlowPatternError, says, shown
from assistant.evaluation.judging import Place, Sources
from assistant.evaluation.testset import TestCase
from assistant.passages import split_sentences


def check(cases: Sequence[TestCase], articles: Mapping[str, Article]) -> list[tuple[TestCase, str]]:
    """What is wrong with which case; nothing where every case is asked once and can be got right."""
    return [*_twins(cases), *((case, problem) for case in cases for problem in _problems(case, articles))]


def _twins(cases: Sequence[TestCase]) -> Iterator[tuple[TestCase, str]]:
    first: dict[object, TestCase] = {}
    for case in cases:
        key = (case.asked, case.as_of)
        if key in first:
            where = f" in line {first[key].line}" if first[key].line else ""
            yield case, f"is asked already{where}"
        first.setdefault(key, case)


def _problems(case: TestCase, articles: Mapping[str, Article]) -> Iterator[str]:
    if case.draft:
        return
    known = {key: item for key, item in articles.items() if not case.as_of or _held(item, case)}
    sources = Sources(known)
    for evidence in case.evidence:
        if evidence.article and evidence.article not in articles:
            yield f"there is no article {evidence.article}"
        elif evidence.article and evidence.article not in known:
            yield f"the article {evidence.article} is later than {case.as_of}"
        for words in evidence.words if not evidence.article or evidence.article in known else ():
            if not sources.places(evidence.model_copy(update={"words": (words,)})):
                where = f"in {evidence.article}" if evidence.article else "in any article"
                yield f"these words do not stand {where}: {words}"
    try:
        yield from _impossible(case, sources)
    except SlowPatternError as error:
        yield str(error)


def _held(article: Article, case: TestCase) -> bool:
    return article.held_on is not None and case.as_of is not None and article.held_on <= case.as_of


def _impossible(case: TestCase, sources: Sources) -> Iterator[str]:
    """Facts that no text to be cited says, and things forbidden that every right answer says."""
    places = [sources.places(evidence) for evidence in case.evidence]
    cited = {place.article for group in places for place in group} or set(sources.articles)
    texts = [sources.articles[key].text for key in sorted(cited)]
    for fact in case.facts:
        if not any(says(text, fact) for text in texts):
            where = "articles to be cited do" if case.cites else "articles do"
            yield f"the {where} not say {shown(fact)}"
    for forbidden in case.not_:
        if any(says(wording, forbidden) for fact in case.facts for wording in _plain(fact)):
            yield f"it must say and must not say {shown(forbidden)}"
        groups = [[says(_sentence(place, sources), forbidden) for place in group] for group in places if group]
        if groups and (any if case.all else all)(all(group) for group in groups):
            yield f"whoever quotes the evidence says {shown(forbidden)}"


def _plain(fact: Fact) -> list[str]:
    """The wordings of a fact that leaves no other way to say it."""
    if isinstance(fact, str):
        return [fact]
    if isinstance(fact, AnyOf) and len(fact.any) == 1 and not isinstance(fact.any[0], Pattern):
        return [fact.any[0]]
    return []


def _sentence(place: Place, sources: Sources) -> str:
    text = sources.articles[place.article].text
    spans = [span for span in split_sentences(text) if span.start < place.end and place.start < span.end]
    return text[spans[0].start : spans[-1].end] if spans else text[place.start : place.end]
