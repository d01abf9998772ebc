"""The report as one HTML page that loads nothing from elsewhere."""

from collections import Counter
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from assistant.evaluation import plots
from assistant.evaluation.judging import Lost
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.report import Report, expected

_HEADLINE = ("correct_answers", "right_sentence_cited", "declined_as_it_should", "false_refusals", "citation_precision")
_KINDS = (*(str(lost) for lost in Lost), "false answer")


def page(report: Report) -> str:
    """The whole page. All that comes from questions, answers and articles is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_visible, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((files("assistant.evaluation") / "page.html").read_text("utf-8"))
    result = report.result
    failed: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    for item in result.failed:
        assert item.judgement is not None
        failed[str(item.judgement.lost or item.judgement.mark)].append(item)
    figures = result.figures()
    return template.render(
        report=report,
        result=result,
        metrics=METRICS,
        figures=figures,
        apart=result.figures([item for item in result.attempts if item.case.apart]),
        headline=_HEADLINE,
        outcomes=plots.OUTCOMES,
        counted=Counter(str(item.outcome) for item in result.headline),
        failed={kind: items for kind, items in failed.items() if items},
        expected=expected,
        by_tag=plots.outcomes_by_tag(result),
        abstention=plots.abstention(result),
        latency=plots.latency(result),
        changes=plots.changes(report.comparison) if report.comparison else None,
        foreign=sum(item.judgement.foreign for item in result.attempts if item.judgement),
    )


def _visible(value: object) -> object:
    """Text without the characters that draw nothing or turn text round."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(char for char in value if char in "\n\t" or char.isprintable())
