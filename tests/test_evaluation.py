"""Test sets, and how answers are judged."""

from pathlib import Path

import pytest
from conftest import ChainFactory
from helpers import TESTS, write_article

from assistant.answer import Answer, Outcome
from assistant.chain import AnswerChain
from assistant.evaluation import load, run
from assistant.evaluation.runner import Result, is_right
from assistant.evaluation.testset import TestCase, TestSetError

TOWER = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"
ASK = "How high is the tower of Tarn?"


@pytest.fixture
def chain(make_chain: ChainFactory, tmp_path: Path) -> AnswerChain:
    write_article(tmp_path / "corpus", "tower.md", TOWER, as_of="2024-05-01")
    write_article(tmp_path / "corpus", "bridge.md", "The bridge of Velm cost $40 million.\n", as_of="2023-05-01")
    return make_chain()


@pytest.mark.parametrize("name", ["story.yaml", "seed.yaml"])
def test_the_projects_own_test_sets_load(name: str) -> None:
    cases = load(TESTS / name)
    assert len(cases) >= 40
    assert len({case.asked for case in cases}) == len(cases)
    assert any(case.declined for case in cases)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a test set is a list of cases"),
        ("[]", "a test set is a list of cases"),
        ("question: x\ndeclined: true\n", "a test set is a list of cases"),
        ("- question: [", "broken YAML"),
        ("- question: x\n  declined: true\n- question: y\n", "case 2: .*cites"),
        ("- question: x\n  declined: true\n  cites: [a]\n", "case 1: .*declined"),
        ("- declined: true\n", "case 1: .*either"),
        ("- question: x\n  turns: [y]\n  declined: true\n", "case 1: .*either"),
        ("- question: x\n  declined: true\n- q: y\n", "case 2: .*q "),
        ("- question: x\n  declined: true\n- just words\n", "case 2: "),
        ("- question: 7\n  cites: [a]\n", "case 1: question"),
    ],
)
def test_what_is_wrong_with_a_test_set(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    path.write_text(text)
    with pytest.raises(TestSetError, match=says) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_test_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TestSetError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"- question: caf\xe9\n  declined: true\n")
    with pytest.raises(TestSetError, match=r"latin\.yaml"):
        load(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"cites": ["80 metres high"]}, True),
        ({"cites": ["nowhere", "80 metres"]}, True),
        ({"cites": ["high. It was"]}, True),  # overlaps the quote
        ({"cites": ["It was finished"]}, False),  # the sentence behind it
        ({"cites": ["80 metres"], "article": "tower"}, True),
        ({"cites": ["80 metres"], "article": "bridge"}, False),
        ({"cites": ["80 metres"], "facts": ["80 METRES", "Tarn"]}, True),
        ({"cites": ["80 metres"], "facts": ["80 metres", "90 metres"]}, False),
        ({"declined": True}, False),
    ],
)
def test_when_an_answer_is_right(fields: dict[str, object], right: bool, chain: AnswerChain) -> None:
    text = chain.index.snapshot.articles["tower"].text
    quote = "The tower of Tarn is 80 metres high."
    answer = Answer.model_validate(
        {
            "answer": f"{quote} [1]",
            "outcome": "answered",
            "sentences": [{"text": quote, "citations": [1], "verdict": "supported"}],
            "citations": [
                {
                    "number": 1, "article_id": "tower", "title": "Tower", "outlet": None, "url": None,
                    "published": None, "as_of": None, "quote": quote,
                    "start": text.index(quote), "end": len(quote), "passage": text,
                }
            ],
            "standalone_question": ASK,
            "reader": "extractive",
        }
    )  # fmt: skip
    assert is_right(TestCase.model_validate({"question": ASK, **fields}), answer, chain) is right


def test_when_a_decline_is_right(chain: AnswerChain) -> None:
    answer = Answer(answer="No.", outcome=Outcome.DECLINED, standalone_question="x", reader="extractive")
    assert is_right(TestCase(question="x", declined=True), answer, chain)
    assert not is_right(TestCase(question="x", cites=("80 metres",)), answer, chain)


def test_running_a_test_set(chain: AnswerChain) -> None:
    cases = [
        TestCase(question=ASK, cites=("80 metres high",)),
        TestCase(turns=(ASK, "And when was it finished?"), cites=("March 1998",), facts=("1998",)),
        TestCase(question="What is the capital of Mongolia?", cites=("Ulan Bator",)),
        TestCase(question="How do I bake sourdough bread?", declined=True),
    ]
    seen: list[tuple[int, int]] = []
    result = run(cases, chain, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [item.right for item in result.cases] == [True, True, False, True]
    assert "Tarn" in result.cases[1].answer.standalone_question
    figures = result.figures()
    assert (figures["cases"], figures["answerable"], figures["unanswerable"]) == (4, 3, 1)
    assert figures["right_sentence_cited"] == 0.667
    assert figures["false_refusals"] == 0.333
    assert figures["declined_as_it_should"] == 1.0
    assert (figures["median_ms"] or 0) > 0
    listed = result.as_dict()["cases"]
    assert listed[1]["asked"] == [ASK, "And when was it finished?"]
    assert listed[3]["expected"] == "declined"
    assert "✗ What is the capital of Mongolia?" in result.summary()
    assert "66.7%" in result.summary()


def test_a_share_of_nothing_is_no_number(chain: AnswerChain) -> None:
    nothing = Result(())
    assert nothing.figures()["cases"] == 0
    for name in (
        "right_sentence_cited",
        "false_refusals",
        "declined_as_it_should",
        "sentences_per_answer",
        "median_ms",
    ):
        assert nothing.figures()[name] is None
    assert "right sentence cited: –" in nothing.summary()
    only_declines = run([TestCase(question="How do I bake bread?", declined=True)], chain).figures()
    assert only_declines["right_sentence_cited"] is None
    assert only_declines["declined_as_it_should"] == 1.0
