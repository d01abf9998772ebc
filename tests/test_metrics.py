"""The metrics measured with assistants whose scores are known beforehand."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from conftest import ChainFactory
from helpers import ROOT, TESTS, make_article, write_article
from scripted import Scripted, cite, decline, found, oracle, say

from assistant.answer import Answer, Outcome
from assistant.articles import Article, load_corpus
from assistant.chain import AnswerChain, Question
from assistant.evaluation import load, run
from assistant.evaluation.intervals import Difference, average, difference, kappa, mcnemar, wilson
from assistant.evaluation.judging import Judgement, Lost, Mark, Place, Sources, judge
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.results import Result
from assistant.evaluation.testset import TestCase

CASES = load(TESTS / "story.yaml")
TEXT = "The tower of Tarn is 80 metres high. It was finished in March 1998. Ada Brook built it. It is red.\n"
TOWER = make_article("tower", TEXT)
BRIDGE = make_article("bridge", "The bridge of Velm cost $40 million. Nobody knows why.\n")
BOTH = {"tower": TOWER, "bridge": BRIDGE}


@pytest.fixture(scope="module")
def articles() -> Mapping[str, Article]:
    return {article.id: article for article in load_corpus(ROOT / "corpus").articles}


def values(result: Result) -> dict[str, float | None]:
    return {name: figure and round(figure.value, 6) for name, figure in result.figures(result.attempts).items()}


def test_an_oracle_is_perfect_in_every_metric(articles: Mapping[str, Article]) -> None:
    result = run(CASES, Scripted(articles, oracle(CASES, articles)))
    assert [f"{item.case.name}: {item.judgement}" for item in result.failed] == []
    perfect = {name: 1.0 if metric.more_is_better else 0.0 for name, metric in METRICS.items()}
    assert values(result) == perfect
    for figure in result.figures().values():
        assert figure is not None
        assert figure.low <= figure.value <= figure.high


def test_always_declining(articles: Mapping[str, Article]) -> None:
    result = run(CASES, Scripted(articles, lambda question: decline()))
    unanswerable = sum(case.declined for case in CASES)
    assert values(result) == {
        "correct_answers": round(unanswerable / len(CASES), 6),
        "right_sentence_cited": 0,
        "declined_as_it_should": 1,
        "false_answers": 0,
        "false_refusals": 1,
        "fact_recall": 0,
        "citation_precision": None,
        "citation_recall": 0,
        "grounded_sentences": None,
        "withheld_sentences": None,
        "evidence_found": 0,
        "evidence_read": 0,
        "ndcg_10": 0,
    }


def test_citing_everything_does_not_help(articles: Mapping[str, Article]) -> None:
    right = oracle(CASES, articles)
    everything = [cite(a, 0, len(a.text), n) for n, a in enumerate(articles.values(), 1)]

    def rule(question: Question) -> Answer:
        answer = right(question)
        return say(answer.answer, everything) if answer.sentences else say("Yes.", everything)

    result = run(CASES, Scripted(articles, rule))
    found_values = values(result)
    assert found_values["correct_answers"] == 0
    assert found_values["fact_recall"] == 1
    assert found_values["citation_recall"] == 1  # everything is cited, the right thing too
    assert (found_values["citation_precision"] or 0) < 0.02
    assert found_values["false_answers"] == 1
    assert {item.judgement.lost for item in result.failed if item.judgement} >= {Lost.TOO_MUCH, None}


def test_echoing_the_question(articles: Mapping[str, Article]) -> None:
    found_values = values(run(CASES, Scripted(articles, lambda question: say(question.question))))
    assert found_values["correct_answers"] == 0
    assert found_values["citation_precision"] is None
    assert found_values["citation_recall"] == 0
    assert found_values["grounded_sentences"] == 0
    assert found_values["false_answers"] == 1
    assert found_values["false_refusals"] == 0
    assert 0 < (found_values["fact_recall"] or 0) < 0.2  # a few questions name what they ask about


def test_answering_the_first_passage(story: AnswerChain) -> None:
    """The best passage of the search, quoted whole, whatever is asked."""
    cases = [case for case in CASES if "core" in case.tags][::5]
    known = story.index.snapshot.articles

    def rule(question: Question) -> Answer:
        best = story.invoke(question).found[0]
        quote = cite(known[best.article_id], best.start, best.end)
        return say(quote.quote, [quote], [best.model_copy(update={"read": True})])

    result = run(cases, Scripted(known, rule))
    scored = values(result)
    assert scored["false_answers"] == 1
    assert scored["false_refusals"] == 0
    assert scored["grounded_sentences"] == 1
    assert scored["citation_recall"] == scored["evidence_found"]  # all that is found is cited
    assert (scored["citation_precision"] or 0) < 0.5 < (scored["citation_recall"] or 0)
    assert (scored["correct_answers"] or 0) < (scored["citation_recall"] or 0)


@pytest.mark.parametrize("question", ["How high is the tower of Tarn?", "Who built the tower of Tarn?"])
def test_without_the_right_article_a_case_is_lost_before_the_search_ends(
    question: str, make_chain: ChainFactory, tmp_path: Path
) -> None:
    write_article(tmp_path / "corpus", "tower.md", TEXT)
    write_article(tmp_path / "corpus", "bridge.md", "The bridge of Velm cost $40 million.\n")
    case = TestCase.model_validate({"question": question, "cites": ["80 metres high", "Ada Brook built it"]})
    chain = make_chain()
    assert run([case], chain).attempts[0].right
    (tmp_path / "corpus" / "tower.md").unlink()
    chain.sync()
    (item,) = run([case], chain).attempts
    assert item.judgement is not None
    assert item.judgement.mark in (Mark.WRONG, Mark.FALSE_REFUSAL)
    assert item.judgement.lost is Lost.NOT_FOUND


# -- one answer ---------------------------------------------------------------------------------------------------


def quote(words: str, number: int = 1, article: Article = TOWER) -> object:
    start = article.text.index(words)
    return cite(article, start, start + len(words), number)


def judged(answer: Answer, **fields: object) -> Judgement:
    return judge(TestCase.model_validate({"question": "?", **fields}), answer, Sources(BOTH))


HIGH = "The tower of Tarn is 80 metres high."


@pytest.mark.parametrize(
    ("fields", "mark"),
    [
        ({"cites": ["80 metres high"]}, Mark.RIGHT),
        ({"cites": ["nowhere", "80 metres"]}, Mark.RIGHT),
        ({"cites": ["high. It was"]}, Mark.RIGHT),  # overlaps the quote
        ({"cites": ["It was finished"]}, Mark.WRONG),  # the sentence behind it
        ({"cites": [{"article": "tower", "words": "80 metres"}]}, Mark.RIGHT),
        ({"cites": [{"article": "tower"}]}, Mark.RIGHT),
        ({"cites": [{"article": "bridge", "words": "80 metres"}]}, Mark.WRONG),
        ({"cites": ["80 metres", "Ada Brook"], "all": True}, Mark.WRONG),
        ({"cites": [{"words": ["Ada Brook", "80 metres"]}], "all": True}, Mark.RIGHT),
        ({"cites": ["80 metres"], "facts": ["80 METRES", "Tarn"]}, Mark.RIGHT),
        ({"cites": ["80 metres"], "facts": ["eighty metres"]}, Mark.RIGHT),
        ({"cites": ["80 metres"], "facts": ["80 metres", "90 metres"]}, Mark.WRONG),
        ({"facts": ["80 metres"]}, Mark.RIGHT),
        ({"facts": ["1998"]}, Mark.WRONG),
        ({"cites": ["80 metres"], "not": ["Tarn"]}, Mark.WRONG),
        ({"cites": ["80 metres"], "not": ["8 metres", "Velm"]}, Mark.RIGHT),
        ({"cites": ["80 metres"], "partial": True}, Mark.WRONG),
        ({"declined": True}, Mark.FALSE_ANSWER),
    ],
)
def test_when_an_answer_is_right(fields: dict[str, object], mark: Mark) -> None:
    assert judged(say(HIGH, [cite(TOWER, 0, len(HIGH))]), **fields).mark is mark


def test_a_decline_and_a_partial_answer() -> None:
    assert judged(decline(), declined=True).mark is Mark.RIGHT
    assert judged(decline(), cites=["80 metres"]).mark is Mark.FALSE_REFUSAL
    assert judged(decline(), facts=["80 metres"]).fact_recall == 0
    half = say(HIGH, [cite(TOWER, 0, len(HIGH))], outcome=Outcome.PARTIAL)
    assert judged(half, cites=["80 metres"], partial=True).mark is Mark.RIGHT


def test_markers_are_not_taken_for_facts() -> None:
    answer = say(HIGH, [cite(TOWER, 0, len(HIGH))]).model_copy(update={"answer": f"{HIGH} [1]"})
    assert judged(answer, cites=["80 metres"], facts=["1"]).facts == (False,)


def test_a_quote_that_stands_nowhere_carries_nothing() -> None:
    bad = cite(TOWER, 0, len(HIGH)).model_copy(update={"quote": HIGH.replace("80", "90")})
    result = judged(say(HIGH, [bad]), cites=["80 metres"])
    assert (result.mark, result.precision, result.recall, result.grounded, result.foreign) == (Mark.WRONG, 0, 0, 0, 1)
    gone = cite(make_article("gone", TEXT), 0, len(HIGH))
    assert judged(say(HIGH, [gone]), cites=["80 metres"]).foreign == 1


def test_precision_counts_sentences_not_quotes() -> None:
    whole = judged(say(TEXT, [cite(TOWER, 0, len(TEXT))]), cites=["80 metres"])
    assert (whole.precision, whole.recall, whole.mark) == (0.25, 1.0, Mark.RIGHT)
    twice = [cite(TOWER, 0, len(HIGH)), cite(TOWER, 0, 10, 2), cite(BRIDGE, 0, len(BRIDGE.text), 3)]
    assert judged(say(HIGH, twice), cites=["80 metres"]).precision == pytest.approx(1 / 3)


SEEN = found(Place("tower", 0, 40))
UNREAD = found(Place("tower", 0, 40), read=False)
ELSEWHERE = found(Place("bridge", 0, 10))


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (decline(), Lost.NOT_FOUND),
        (decline([ELSEWHERE]), Lost.NOT_FOUND),
        (decline([UNREAD]), Lost.NOT_READ),
        (decline([SEEN]), Lost.NOT_CHOSEN),
        (say("Red.", [cite(TOWER, 84, 97)], [SEEN]), Lost.NOT_CHOSEN),
        (say("Red.", [cite(TOWER, 84, 97)], [SEEN]).model_copy(update={"withheld": 1}), Lost.WITHHELD),
        (say("80 metres.", [cite(TOWER, 84, 97)], [SEEN]), Lost.NOT_CITED),
        (say("High.", [cite(TOWER, 0, len(HIGH))], [SEEN]), Lost.NOT_SAID),
        (say("80 metres, in 1066.", [cite(TOWER, 0, len(HIGH))], [SEEN]), Lost.FORBIDDEN),
    ],
)
def test_where_an_answer_was_lost(answer: Answer, lost: Lost) -> None:
    fields = {"cites": ["80 metres"], "facts": ["80 metres"], "not": ["1066"]}
    result = judged(answer, **fields)
    assert result.lost is lost
    assert result.holding == ((0,) if SEEN in answer.found or UNREAD in answer.found else ())


def test_a_missing_gap_and_missing_pieces() -> None:
    answer = say(HIGH, [cite(TOWER, 0, len(HIGH))], [SEEN])
    assert judged(answer, cites=["80 metres"], partial=True).lost is Lost.NO_GAP
    of_two = judged(answer, cites=["80 metres", "cost $40 million"], all=True)
    assert (of_two.recall, of_two.lost) == (0.5, Lost.NOT_FOUND)
    assert judged(answer, facts=["80 metres", "$40 million"]).recall == 0.5


# -- numbers ------------------------------------------------------------------------------------------------------


def test_nothing_is_none_and_never_a_number() -> None:
    empty = Result(())
    assert all(figure is None for figure in empty.figures().values())
    assert empty.latency() == {}
    assert empty.tokens() is None
    assert empty.by_tag() == {}
    assert average([]) is None
    assert difference([], []) is None
    assert mcnemar(0, 0) == 1.0
    assert kappa(0, 0, 0, 0) is None
    assert kappa(5, 0, 0, 0) is None


def test_intervals_against_values_worked_out_elsewhere() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263, 15 of 148, 0 of 20.
    for hits, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        figure = wilson(hits, count)
        assert (round(figure.low, 4), round(figure.high, 4)) == (low, high)
    assert mcnemar(1, 9) == pytest.approx(2 * 11 / 1024)
    assert mcnemar(5, 5) == 1.0
    assert kappa(20, 5, 10, 15) == pytest.approx(0.4)  # Cohen's own layout: agreement .7, by chance .5
    changed = difference([0.0, 0.5, 0.0, 0.25], [1.0, 0.5, 1.0, 0.75])
    assert changed is not None
    assert changed.value == pytest.approx(0.625)
    assert changed.low < changed.value < changed.high
    assert changed.points == "+62.5 pp"
    assert Difference(-0.0001, -0.1, 0.1, 9).points == "+0.0 pp"


def test_no_figure_is_ever_nan() -> None:
    answers = [decline(), say("x"), say(HIGH, [cite(TOWER, 0, len(HIGH))])]
    cases = [TestCase(question="?", declined=True), TestCase(question="?", facts=("80 metres",))]
    for answer in answers:
        for case in cases:
            figures = run([case], Scripted(BOTH, partial(lambda said, question: said, answer))).figures().values()
            assert not any(math.isnan(number) for figure in figures if figure for number in figure)


def test_a_case_counts_once_however_often_it_is_asked() -> None:
    answers = iter([decline(), say(HIGH, [cite(TOWER, 0, len(HIGH))]), decline(), decline()])
    cases = [TestCase(question="a", cites=("80 metres",)), TestCase(question="b", declined=True)]
    result = run(cases, Scripted(BOTH, lambda question: next(answers)), threads=1, repeat=2)
    figure = result.figure("correct_answers")
    assert figure is not None
    assert (figure.value, figure.n) == (0.75, 2)
    assert [case.question for case in result.unstable] == ["a"]


def test_cases_counted_apart() -> None:
    cases = [TestCase(question="a", declined=True), TestCase(question="b", cites=("80 metres",), tags=("apart",))]
    result = run(cases, Scripted(BOTH, lambda question: decline()))
    assert result.counts()["apart"] == 1
    figure = result.figure("correct_answers")
    assert figure is not None
    assert (figure.value, figure.n) == (1.0, 1)
    assert not result.attempts[1].right
    assert replace(result, attempts=()).counts()["cases"] == 0
