"""Reports: JSON, JUnit, the page in a real browser, the comparison with a baseline."""

import json
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path

import pytest
from browser import chromium
from helpers import make_article
from rich.console import Console
from scripted import Scripted, cite, decline, found, say

from assistant.answer import Answer, Usage
from assistant.chain import Question
from assistant.errors import AssistantError, QuestionError
from assistant.evaluation import run
from assistant.evaluation.comparison import Baseline, BaselineError, compare
from assistant.evaluation.judging import Place
from assistant.evaluation.prices import Price, load_prices
from assistant.evaluation.report import Report, junit
from assistant.evaluation.results import Result
from assistant.evaluation.summary import print_summary
from assistant.evaluation.testset import TestCase

ATTACK = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
TOWER = make_article("tower", f"The tower is 80 metres high. {ATTACK} It is red.\n")
HIGH = [cite(TOWER, 0, 28)]
CASES = [
    TestCase(question="How high?", cites=("80 metres",), facts=("80 metres",), tags=("amount",)),
    TestCase(question="Lost?", cites=("80 metres",), tags=("amount", ATTACK), why=ATTACK),
    TestCase(question=f"Refused? {ATTACK}\u202e\x07", facts=("red",), tags=("name",)),
    TestCase(question="Unknown?", declined=True, tags=("near-miss",)),
    TestCase(question="False?", declined=True, tags=("near-miss",)),
    TestCase(question="Broken?", declined=True, tags=("name",)),
    TestCase(question="Fremd?", declined=True, tags=("apart",)),
    TestCase(question="Unfinished?", tags=("draft",), why=ATTACK),
]


def rule(question: Question) -> Answer:
    seen = [found(Place("tower", 0, 40)), found(Place("tower", 40, 60), read=False)]
    asked = question.question
    if asked == "Broken?":
        raise QuestionError(f"broken {ATTACK}")
    if asked.startswith(("Refused", "Unknown", "Fremd")):
        answer = decline(seen)
    elif asked == "Lost?":
        answer = say(f"It is red. {ATTACK}", [cite(TOWER, 29, len(TOWER.text) - 12)], seen)
    else:
        answer = say("It is 80 metres high.", HIGH, seen)
    timed = {"confidence": 0.5, "timings_ms": {"reading": 3.0}, "usage": Usage(input_tokens=1000, output_tokens=100)}
    return answer.model_copy(update=timed)


@pytest.fixture
def result() -> Result:
    return run(CASES, Scripted({"tower": TOWER}, rule))


def test_the_json_has_everything(result: Result, tmp_path: Path) -> None:
    Report("set", result, compare(result, Baseline.of(result))).write(tmp_path / "out")
    whole = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert whole["counts"] == {
        "cases": 6, "answerable": 3, "unanswerable": 3, "apart": 1, "drafts": 1, "not_judged": 1, "attempts": 7,
    }  # fmt: skip
    assert whole["figures"]["correct_answers"]["n"] == 5
    assert whole["figures"]["correct_answers"]["value"] == 0.4
    assert whole["figures"]["withheld_sentences"]["value"] == 0
    assert whole["apart"]["correct_answers"]["value"] == 1
    assert whole["tags"]["near-miss"]["cases"] == 2
    assert whole["latency_ms"]["reading"] == {"median": 3.0, "p95": 3.0, "n": 6}
    assert whole["tokens"] == {"input_tokens": 6000, "output_tokens": 600, "answers": 6}
    assert whole["cost"] is None
    assert [case["outcome"] for case in whole["cases"]] == [
        "right", "wrong answer", "false refusal", "right", "false answer", "not judged", "right",
    ]  # fmt: skip
    assert whole["cases"][1]["lost"] == "read but not chosen"
    assert whole["cases"][5]["error"].startswith("broken")
    assert whole["comparison"]["worse"] == []
    assert "NaN" not in (tmp_path / "out" / "report.json").read_text("utf-8")


def test_cost_only_by_prices_that_are_given(result: Result, tmp_path: Path) -> None:
    assert Report("set", result).cost() is None
    assert Report("set", result, prices={"other": Price(input=1, output=1)}).cost() is None
    (tmp_path / "prices.yaml").write_text("scripted: {input: 2, output: 8}\n")
    cost = Report("set", result, prices=load_prices(tmp_path / "prices.yaml")).cost()
    assert cost is not None
    assert cost[0] == pytest.approx(6 * (1000 * 2 + 100 * 8) / 1e6)
    assert cost[1] == 6
    (tmp_path / "prices.yaml").write_text("scripted: 3\n")
    with pytest.raises(AssistantError, match="no table of prices"):
        load_prices(tmp_path / "prices.yaml")


def test_junit(result: Result) -> None:
    suite = ET.fromstring(junit(result, "set"))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8", "failures": "3", "errors": "1", "skipped": "1",
    }  # fmt: skip
    failed = suite.findall("testcase/failure")
    assert [item.get("message") for item in failed] == [
        "wrong answer: read but not chosen", "false refusal: not retrieved", "false answer",
    ]  # fmt: skip
    assert ATTACK in (failed[0].text or "")
    assert suite.findall("testcase")[2].get("name") == f"Refused? {ATTACK}\u202e"


def test_the_page_loads_nothing_and_runs_nothing(result: Result, tmp_path: Path) -> None:
    Report("set", result, compare(result, Baseline.of(result))).write(tmp_path)
    html = (tmp_path / "report.html").read_text("utf-8")
    assert "http://" not in html
    assert "https://" not in html
    assert "\u202e" not in html
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 380, "height": 700})
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append("dialog"))
        page.goto((tmp_path / "report.html").as_uri())
        assert page.title() == "set"
        assert asked == [(tmp_path / "report.html").as_uri()]
        assert said == []
        assert page.locator("script, img, link, iframe").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 380
        text = page.locator("body").inner_text()
        for heading in ("Read but not chosen (1)", "Not retrieved (1)", "False answer (1)", "Not judged", "Drafts"):
            assert heading in text
        assert ATTACK in text
        assert page.locator("svg[role=img]").count() == 4  # outcomes, abstention, latency, change
        lost = page.locator("details", has_text="Lost?")
        lost.locator("summary").click()
        shown = lost.inner_text()
        assert "cites “80 metres”" in shown
        assert "has the evidence" in shown
        assert "not read" in shown
        assert "The tower is 80 metres high." in shown


def test_an_empty_result_can_be_reported(tmp_path: Path) -> None:
    report = Report("empty", Result(()))
    report.write(tmp_path)
    assert "nothing to count" in (tmp_path / "report.html").read_text("utf-8")
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["figures"]["fact_recall"] is None
    assert ET.fromstring((tmp_path / "junit.xml").read_bytes()).get("tests") == "0"
    (tmp_path / "file").write_text("")
    with pytest.raises(AssistantError, match="cannot be written"):
        report.write(tmp_path / "file")


def test_the_summary(result: Result) -> None:
    out = StringIO()
    worse = run(CASES, Scripted({"tower": TOWER}, lambda question: decline()))
    print_summary(Report("set", worse, compare(worse, Baseline.of(result))), Console(file=out, width=160))
    text = out.getvalue()
    assert "Correct answers" in text
    assert "none" in text  # citation precision of declines only
    assert "1 better, 1 worse of 5" in text
    assert "− How high? right → false refusal" in text
    assert "+ False? false answer → right" in text
    assert "draft, not asked Unfinished?" in text
    assert "\x07" not in text


# -- comparison ---------------------------------------------------------------------------------------------------


def outcome_of(right: int, count: int) -> Result:
    cases = [TestCase(question=f"Question {number}?", declined=True) for number in range(count)]

    def answer(question: Question) -> Answer:
        number = int(question.question.split()[1].rstrip("?"))
        return decline() if number < right else say("x")

    return run(cases, Scripted({}, answer))


def test_worse_within_noise_and_beyond() -> None:
    before = Baseline.of(outcome_of(40, 50))
    same = compare(outcome_of(40, 50), before)
    assert (same.p, same.better, same.worse, same.beyond_noise) == (1.0, (), (), False)
    little = compare(outcome_of(37, 50), before)
    assert (len(little.worse), little.beyond_noise) == (3, False)
    much = compare(outcome_of(30, 50), before)
    assert (len(much.worse), much.beyond_noise) == (10, True)
    assert much.p == pytest.approx(2 / 2**10)
    assert much.differences["correct_answers"].value == pytest.approx(-0.2)
    assert much.differences["correct_answers"].significant
    better = compare(outcome_of(50, 50), before)
    assert (len(better.better), better.beyond_noise) == (10, False)


def test_only_equal_cases_are_compared(result: Result) -> None:
    before = Baseline.of(result)
    fewer = run([CASES[0], CASES[3].model_copy(update={"question": "New?"})], Scripted({"tower": TOWER}, rule))
    comparison = compare(fewer, before)
    assert (comparison.pairs, comparison.added, comparison.gone) == (1, 1, 6)
    with pytest.raises(BaselineError, match="no case in common"):
        compare(outcome_of(1, 1), before)


def test_a_baseline_comes_back_from_its_file(result: Result, tmp_path: Path) -> None:
    before = Baseline.of(result)
    path = tmp_path / "new" / "baseline.json"
    before.save(path)
    assert Baseline.load(path) == before
    lines = path.read_text("utf-8").splitlines()
    assert sum("How high?" in line for line in lines) == 1  # a case a line
    assert "wall_ms" not in path.read_text("utf-8")
    path.write_text('{"figures": 1}')
    with pytest.raises(BaselineError, match="is no baseline"):
        Baseline.load(path)
    with pytest.raises(BaselineError, match="is no baseline"):
        Baseline.load(tmp_path / "nowhere.json")
