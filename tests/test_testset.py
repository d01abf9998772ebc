"""The format of test sets: what is read, what is refused and in which line, what counts as said, what is checked."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, TESTS, make_article, write_article
from pydantic import ValidationError

from assistant.articles import load_corpus
from assistant.evaluation import load
from assistant.evaluation.checking import check
from assistant.evaluation.facts import AnyOf, Pattern, SlowPatternError, says
from assistant.evaluation.testset import TestCase, TestSetError, schema

TOWER = make_article("tower", "The tower is 80 metres high. Ada Brook built it in March 1998.\n", as_of="2024-05-01")
BRIDGE = make_article("bridge", "The bridge cost $40 million.\n", as_of="2023-05-01")
BOTH = {"tower": TOWER, "bridge": BRIDGE}


@pytest.mark.parametrize("name", ["story.yaml", "seed.yaml"])
def test_the_projects_own_test_sets_load(name: str) -> None:
    cases = load(TESTS / name)
    assert len(cases) >= 40
    assert len({case.asked for case in cases}) == len(cases)
    lines = (TESTS / name).read_text("utf-8").splitlines()
    assert all(lines[case.line - 1].startswith("- ") for case in cases)


def test_the_schema_in_the_repository_is_current() -> None:
    kept = (ROOT / "assistant" / "evaluation" / "testset.schema.json").read_text("utf-8")
    assert kept == schema(), "run: assistant testset schema > assistant/evaluation/testset.schema.json"
    fields = json.loads(kept)["$defs"]["TestCase"]["properties"]
    assert {"question", "turns", "facts", "not", "cites", "all", "declined", "partial", "as_of", "tags", "why"} == set(
        fields
    )


def test_everything_that_a_case_can_have(tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    path.write_text(
        "# a comment\n"
        "- turns: ['How high?', 'And who built it?']\n"
        "  facts: [80 metres, {any: [March 1998, 1998-03-01]}, {regex: 'Ada\\s+Brook'}, 1998, 2.5]\n"
        "  not: [Velm]\n"
        "  cites: [80 metres high, {article: tower, words: [Ada Brook, built it]}, {article: bridge}]\n"
        "  all: true\n  as_of: 2025-01-31\n  partial: true\n  tags: [a, b]\n  why: because\n"
    )
    (case,) = load(path)
    assert case.asked == ("How high?", "And who built it?")
    assert case.facts == (
        "80 metres",
        AnyOf(any=("March 1998", "1998-03-01")),
        Pattern(regex=r"Ada\s+Brook"),
        "1998",
        "2.5",
    )
    assert [(e.article, e.words) for e in case.evidence] == [
        (None, ("80 metres high",)), ("tower", ("Ada Brook", "built it")), ("bridge", ()),
    ]  # fmt: skip
    assert (case.as_of, case.line, case.name) == (date(2025, 1, 31), 2, "How high? / And who built it?")


@pytest.mark.parametrize(
    ("text", "says_"),
    [
        ("", ": a test set is a list of cases"),
        ("[]", ": a test set is a list of cases"),
        ("question: x\ndeclined: true\n", ": a test set is a list of cases"),
        ("- question: [", ":1: broken YAML"),
        ("- question: x\n  declined: true\n  why: 'a\n", "broken YAML"),
        ("- question: x\n  declined: true\n- question: y\n", ":3: case 2: .*cites"),
        ("- question: x\n  declined: true\n  cites: [a]\n", ":1: case 1: .*declined"),
        ("- question: x\n  declined: true\n  partial: true\n", ":1: case 1: .*declined"),
        ("- declined: true\n", ":1: case 1: .*either"),
        ("- question: x\n  turns: [y]\n  declined: true\n", ":1: case 1: .*either"),
        ("- question: x\n  declined: true\n\n- why: z\n  q: y\n", ":5: case 2: q "),
        ("- question: x\n  declined: true\n- just words\n", ":3: case 2: "),
        ("- question: 7\n  cites: [a]\n", ":1: case 1: question"),
        ("- question: ''\n  cites: [a]\n", ":1: case 1: question"),
        ("- question: x\n  cites:\n    - a\n    - {article: b, wrods: c}\n", ":4: case 1: cites"),
        ("- question: x\n  cites:\n    - a\n    - {}\n", ":4: case 1: cites"),
        ("- question: x\n  facts:\n    - ok\n    - {regex: '('}\n", ":4: case 1: facts"),
        ("- question: x\n  facts:\n    - '...'\n", ":3: case 1: facts"),
        ("- question: x\n  facts: [a]\n  all: true\n", ":1: case 1: .*all"),
        ("- question: x\n  facts: [a]\n  facts: [b]\n", ":3: facts is given twice"),
        ("- question: x\n  as_of: 2025-02-30\n  facts: [a]\n", ":1: case 1: "),
        ("- question: x\n  why: !!python/object:os.system y\n  declined: true\n", ":2: case 1: "),
    ],
)
def test_what_is_wrong_with_a_test_set(text: str, says_: str, tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    path.write_text(text)
    with pytest.raises(TestSetError, match=says_) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_test_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TestSetError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"- question: caf\xe9\n  declined: true\n")
    with pytest.raises(TestSetError, match=r"latin\.yaml"):
        load(tmp_path / "latin.yaml")


def test_a_draft_may_be_unfinished() -> None:
    assert TestCase(question="x", tags=("draft",)).draft
    with pytest.raises(ValidationError):
        TestCase(question="x", tags=("other",))


def test_what_makes_cases_equal() -> None:
    one = TestCase(question="x", facts=("a",), tags=("t",), why="w")
    assert one.digest == TestCase(question="x", facts=("a",)).digest
    assert one.digest != TestCase(question="x", facts=("b",)).digest
    assert one.digest != TestCase(question="x", facts=("a",), as_of=date(2025, 1, 1)).digest


# -- facts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("It is worth $40bn now.", "40 billion dollars"),
        ("It is worth 40 billion dollars.", "$40bn"),
        ("It has seven models.", "7 models"),
        ("27 per cent of it", "27%"),
        ("on 9 July 2024", "July 2024"),
        ("on 21 January 2025", "2025-01-21"),
        ("in the third quarter of 2025", "Q3 2025"),
        ("It lists gpt-oss-120b.", "gpt-oss"),
        ("D’Angelo stayed", "D'Angelo"),
        ("EPSTEIN's mails", "Epstein"),
        ("投资500亿美元", "500亿"),
        ("about $11.9 billion, in all", "$11.9 billion"),
    ],
)
def test_what_says_a_fact(text: str, fact: str) -> None:
    assert says(text, fact)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("$25 billion", "$5 billion"),
        ("$40 million", "$40 billion"),
        ("127%", "27%"),
        ("in July 2024", "9 July 2024"),
        ("on 9 July 2023", "July 2024"),
        ("He is inept", "he is in"),
        ("contracts", "contract"),
        ("the bridge, and the red tower", "bridge tower"),
        ("", "anything"),
    ],
)
def test_what_does_not_say_a_fact(text: str, fact: str) -> None:
    assert not says(text, fact)


def test_alternatives_and_patterns() -> None:
    fact = AnyOf(any=("Velm", Pattern(regex=r"t[ao]wer\b")))
    assert says("The TOWER.", fact)
    assert not says("The towers.", fact)


def test_a_pattern_that_takes_for_ever_is_stopped() -> None:
    with pytest.raises(SlowPatternError, match="takes too long"):
        says("a" * 60 + "!", Pattern(regex=r"(a|aa)+$"))


# -- checking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"cites": ["80 metres high"], "facts": ["eighty metres"]}, None),
        ({"cites": [{"article": "tower", "words": "80 metres"}]}, None),
        ({"cites": [{"article": "tower"}]}, None),
        ({"facts": ["$40 million"]}, None),
        ({"declined": True, "not": ["Velm"]}, None),
        ({"cites": ["80 feet"]}, "do not stand in any article: 80 feet"),
        ({"cites": [{"words": ["80 metres", "80 feet"]}]}, "80 feet"),
        ({"cites": [{"article": "bridge", "words": "80 metres"}]}, "do not stand in bridge"),
        ({"cites": [{"article": "castle", "words": "80 metres"}]}, "there is no article castle"),
        ({"cites": ["80 metres"], "facts": ["$40 million"]}, "do not say"),
        ({"cites": ["80 metres"], "facts": [{"any": ["$40 million", "1998"]}]}, None),
        ({"facts": ["$41 million"]}, "do not say"),
        ({"cites": ["80 metres"], "as_of": date(2023, 12, 31)}, "do not stand in any article"),
        ({"cites": [{"article": "tower"}], "as_of": date(2023, 12, 31)}, "is later than 2023-12-31"),
        ({"cites": ["cost"], "as_of": date(2023, 12, 31)}, None),
        ({"cites": ["80 metres"], "not": ["80 metres"]}, "whoever quotes the evidence says"),
        ({"facts": ["80 metres"], "not": ["80 metres"]}, "must say and must not say"),
        ({"facts": [{"regex": "(.|..)+\\d$"}]}, "takes too long"),
    ],
)
def test_whether_a_case_can_be_got_right(fields: dict[str, Any], problem: str | None) -> None:
    found = [text for _, text in check([TestCase.model_validate({"question": "?", **fields})], BOTH)]
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]


def test_a_question_is_asked_once() -> None:
    cases = [TestCase(question="a", declined=True), TestCase(question="a", facts=("80",))]
    assert [text for _, text in check(cases, BOTH) if "asked already" in text]
    later = [TestCase(question="a", declined=True), TestCase(question="a", declined=True, as_of=date(2024, 1, 1))]
    assert check(later, BOTH) == []
    assert check([TestCase(question="b", tags=("draft",))], BOTH) == []


def test_the_example_in_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = (ROOT / "docs" / "evaluation.md").read_text("utf-8").split("```")
    code = next(block.removeprefix("python\n") for block in blocks if block.startswith("python\n"))
    cases = [block.removeprefix("yaml\n") for block in blocks if block.startswith("yaml\n")]
    (tmp_path / "shown.yaml").write_text(cases[0])
    articles = {article.id: article for article in load_corpus(ROOT / "corpus").articles}
    assert check(load(tmp_path / "shown.yaml"), articles) == []
    monkeypatch.chdir(tmp_path)
    write_article(tmp_path / "articles", "tower.md", TOWER.text)
    asked = [
        f"- question: {q}\n  cites: ['80 metres high']\n"
        for q in ("How high is the tower?", "What height has the tower?")
    ]
    asked += [
        f"- question: {q}\n  declined: true\n" for q in ("How do I bake bread?", "Who won the cup?", "What is love?")
    ]
    more = [f"- question: What is the capital of {place}?\n  declined: true\n" for place in ("Peru", "Chad", "Laos")]
    (tmp_path / "questions.yaml").write_text("".join(asked + more))
    defined: dict[str, Any] = {}
    exec(code, defined)
    defined["test_the_assistant_answers_our_questions"](tmp_path / "data")
