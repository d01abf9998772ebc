"""What is said of a result: one structure for every report, and the files that carry it: JSON and JUnit XML."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.evaluation.comparison import Comparison
from assistant.evaluation.facts import shown
from assistant.evaluation.judging import Mark
from assistant.evaluation.prices import Price
from assistant.evaluation.results import Judged, Result, figure_json
from assistant.evaluation.testset import TestCase


@dataclass(frozen=True)
class Report:
    """A result with all that is said of it."""

    title: str
    result: Result
    comparison: Comparison | None = None
    prices: Mapping[str, Price] | None = None

    def cost(self) -> tuple[float, int] | None:
        """What the answers cost by the prices given, and how many of them that counts; None where no price is given."""
        costs = [
            price.of(item.usage)
            for item in self.result.attempts
            if item.answer and item.usage and (price := (self.prices or {}).get(item.answer.reader))
        ]
        return (sum(costs), len(costs)) if costs else None

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        result, tokens, cost = self.result, self.result.tokens(), self.cost()
        agreement = result.agreement()
        apart = [item for item in result.attempts if item.case.apart]
        return {
            "title": self.title,
            "assistant": result.identity,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "counts": result.counts(),
            "figures": {name: figure_json(figure) for name, figure in result.figures().items()},
            "apart": {name: figure_json(figure) for name, figure in result.figures(apart).items()} if apart else None,
            "tags": {
                tag: {
                    "cases": len({item.case.digest for item in items}),
                    "correct_answers": figure_json(result.figures(items)["correct_answers"]),
                }
                for tag, items in result.by_tag().items()
            },
            "latency_ms": {stage: asdict(times) for stage, times in result.latency().items()},
            "tokens": {**tokens[0].model_dump(), "answers": tokens[1]} if tokens else None,
            "cost": {"total": round(cost[0], 6), "answers": cost[1]} if cost else None,
            "judge": {"name": result.judge, **asdict(agreement)} if agreement else None,
            "comparison": asdict(self.comparison) if self.comparison else None,
            "unstable": [case.name for case in result.unstable],
            "drafts": [{"asked": case.name, "why": case.why} for case in result.drafts],
            "cases": [_case(item) for item in result.attempts],
        }

    def write(self, folder: Path) -> None:
        """Write `report.json`, `junit.xml` and `report.html`.

        Raises:
            AssistantError: the folder cannot be written.
        """
        from assistant.evaluation.page import page

        try:
            folder.mkdir(parents=True, exist_ok=True)
            whole = json.dumps(self.as_dict(), indent=1, ensure_ascii=False)
            (folder / "report.json").write_text(whole + "\n", "utf-8")
            (folder / "junit.xml").write_bytes(junit(self.result, self.title))
            (folder / "report.html").write_text(page(self), "utf-8")
        except OSError as error:
            raise AssistantError(f"The report cannot be written to {folder}: {error.strerror}.") from None


def expected(case: TestCase) -> list[str]:
    """What the case asks for, line by line."""
    lines = ["a decline"] if case.declined else []
    lines += [f"says {shown(fact)}" for fact in case.facts]
    lines += [f"does not say {shown(fact)}" for fact in case.not_]
    for number, evidence in enumerate(case.evidence):
        joined = ("and " if case.all else "or ") if number else ""
        words = " or ".join(f"“{words}”" for words in evidence.words)
        where = f" in {evidence.article}" if evidence.article else ""
        lines.append(f"{joined}cites {words or 'anything'}{where}")
    return lines + (["says that a part is not answered"] if case.partial else [])


def _case(item: Judged) -> dict[str, Any]:
    judgement = item.judgement
    return {
        "asked": list(item.case.asked),
        "line": item.case.line,
        "tags": list(item.case.tags),
        "outcome": str(item.outcome),
        "right": item.right,
        "lost": judgement.lost if judgement else None,
        "expected": expected(item.case),
        "why": item.case.why,
        "error": item.error,
        "judgement": asdict(judgement) if judgement else None,
        "opinion": item.opinion,
        "wall_ms": item.wall_ms,
        "answer": item.answer.model_dump(mode="json") if item.answer else None,
    }


def junit(result: Result, name: str) -> bytes:
    """JUnit XML: a test a case, failed where any attempt at it is wrong, an error where it could not be judged."""
    attempts: dict[str, list[Judged]] = {}
    for item in result.attempts:
        attempts.setdefault(item.case.digest, []).append(item)
    suite = ET.Element("testsuite", name=_xml(name), tests=str(len(attempts) + len(result.drafts)))
    failures = errors = 0
    for items in attempts.values():
        case = items[0].case
        test = ET.SubElement(
            suite, "testcase", classname=_xml(case.tags[0] if case.tags else name), name=_xml(case.name)
        )
        test.set("time", f"{sum(item.wall_ms for item in items) / 1000:.3f}")
        unjudged = [item for item in items if not item.judgement]
        wrong = [item for item in items if item.judgement and item.judgement.mark is not Mark.RIGHT]
        if unjudged:
            errors += 1
            ET.SubElement(test, "error", message=_xml(unjudged[0].error or "not judged"))
        elif wrong:
            failures += 1
            found = wrong[0]
            lost = f": {found.judgement.lost}" if found.judgement and found.judgement.lost else ""
            failure = ET.SubElement(test, "failure", message=_xml(f"{found.outcome}{lost}"))
            answer = found.answer.answer if found.answer else ""
            failure.text = _xml("expected: " + "\n".join(expected(case)) + f"\nanswer: {answer}")
    for case in result.drafts:
        draft = ET.SubElement(suite, "testcase", classname="draft", name=_xml(case.name))
        ET.SubElement(draft, "skipped", message="a draft: finish it by hand")
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("skipped", str(len(result.drafts)))
    whole: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return whole


def _xml(text: str) -> str:
    """Only what XML 1.0 can hold."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
