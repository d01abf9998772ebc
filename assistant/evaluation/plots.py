"""The plots of the report, as SVG that takes its colours from the page."""

from collections.abc import Sequence
from statistics import fmean

from markupsafe import Markup, escape

from assistant.evaluation.comparison import Comparison
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.results import Judged, Result

#: The outcomes in the order in which they are stacked, with their class in the page's style.
OUTCOMES = {
    "right": "right",
    "wrong answer": "wrong",
    "false refusal": "refusal",
    "false answer": "false",
    "not judged": "unjudged",
}
_ROW = 22
_MOST_TAGS = 28


def outcomes_by_tag(result: Result) -> Markup:
    """A bar for each tag, by outcome."""
    groups = [("all, without those apart", list(result.headline)), *result.by_tag().items()]
    rows = [(tag, items) for tag, items in groups if items][: _MOST_TAGS + 1]
    left, width = 170, 660
    parts = []
    for number, (tag, items) in enumerate(rows):
        y, x = number * _ROW, float(left)
        parts.append(_text(left - 8, y + 14, tag, "end"))
        for outcome, kind in OUTCOMES.items():
            count = sum(item.outcome == outcome for item in items)
            length = (width - left - 66) * count / len(items)
            if count:
                tip = f"{tag}: {count} of {len(items)} {outcome}"
                parts.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{y + 3}" width="{length:.1f}" height="{_ROW - 7}">'
                    f"<title>{escape(tip)}</title></rect>"
                )
            x += length
        right = sum(item.right for item in items)
        parts.append(_text(width - 60, y + 14, f"{right}/{len(items)}", "start", "soft"))
    return _svg(width, len(rows) * _ROW, parts, "Outcomes by tag")


def abstention(result: Result) -> Markup | None:
    """False answers against false refusals as the threshold on `confidence` moves; None where it cannot be drawn."""
    known = [(item.case.declined, item.answer.confidence) for item in _answered(result) if item.answer]
    absent = [confidence for declined, confidence in known if declined and confidence is not None]
    present = [confidence for declined, confidence in known if not declined and confidence is not None]
    if not absent or not present:
        return None
    levels = [0.0, *sorted({*absent, *present}), 1.01]
    points = [(fmean(value < at for value in present), fmean(value >= at for value in absent)) for at in levels]
    side, left, top = 300, 52, 12

    def at(x: float, y: float) -> tuple[float, float]:
        return left + side * x, top + side * (1 - y)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        (x, bottom), (edge, y) = at(share, 0), at(0, share)
        parts.append(f'<path class="grid" d="M{x:.1f} {top}V{bottom:.1f}M{edge:.1f} {y:.1f}H{left + side}"/>')
        parts.append(_text(x, top + side + 16, f"{share:.0%}", "middle", "soft"))
        parts.append(_text(left - 8, y + 4, f"{share:.0%}", "end", "soft"))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    parts.append(f'<polyline class="line" points="{line}"/>')
    figures = result.figures()
    refusals, answers = figures["false_refusals"], figures["false_answers"]
    if refusals and answers:
        x, y = at(refusals.value, answers.value)
        tip = f"as it is: {refusals.value:.0%} false refusals, {answers.value:.0%} false answers"
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(tip)}</title></circle>')
        parts.append(_text(x + 10, y - 6, "as it is", "start"))
    parts.append(_text(left + side / 2, top + side + 36, "false refusals, of answerable cases", "middle"))
    parts.append(
        f'<text transform="translate(12 {top + side / 2}) rotate(-90)" text-anchor="middle">'
        "false answers, of unanswerable cases</text>"
    )
    return _svg(left + side + 24, top + side + 44, parts, "Abstention curve")


def latency(result: Result) -> Markup | None:
    """Median and 95th percentile of each stage; None where nothing was timed."""
    stages = result.latency()
    if not stages:
        return None
    longest = max(times.p95 for times in stages.values()) or 1.0
    left, width = 130, 470
    parts = []
    for number, (stage, times) in enumerate(stages.items()):
        y = number * _ROW
        scale = (width - left - 130) / longest
        parts.append(_text(left - 8, y + 14, stage, "end"))
        parts.append(
            f'<rect class="range" x="{left}" y="{y + 8}" width="{times.p95 * scale:.1f}" height="{_ROW - 17}"/>'
            f'<rect class="right" x="{left}" y="{y + 4}" width="{times.median * scale:.1f}" height="{_ROW - 9}"/>'
        )
        parts.append(
            _text(left + times.p95 * scale + 8, y + 14, f"{times.median:.0f} · {times.p95:.0f} ms", "start", "soft")
        )
    return _svg(width, len(stages) * _ROW, parts, "Latency by stage")


def changes(comparison: Comparison) -> Markup:
    """For each metric the difference to the baseline with its interval; to the right is more."""
    rows = list(comparison.differences.items())
    reach = max([0.02, *(abs(bound) for _, delta in rows for bound in (delta.low, delta.high))])
    left, width = 170, 640
    middle, scale = left + (width - left - 70) / 2, (width - left - 70) / 2 / reach
    parts = [f'<path class="grid" d="M{middle} 0V{len(rows) * _ROW}"/>']
    for number, (name, delta) in enumerate(rows):
        y = number * _ROW + 11
        gain = delta.value if METRICS[name].more_is_better else -delta.value
        kind = "soft-point" if not delta.significant else "right" if gain > 0 else "false"
        parts.append(_text(left - 8, y + 4, METRICS[name].title, "end"))
        low, high, value = (middle + scale * bound for bound in (delta.low, delta.high, delta.value))
        parts.append(f'<path class="whisker" d="M{low:.1f} {y}H{high:.1f}"/>')
        parts.append(f'<circle class="{kind}" cx="{value:.1f}" cy="{y}" r="4.5"/>')
        parts.append(_text(width - 62, y + 4, delta.points, "start", "soft"))
    return _svg(width, len(rows) * _ROW, parts, "Change against the baseline")


def _answered(result: Result) -> Sequence[Judged]:
    return [item for item in result.headline if item.answer]


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> Markup:
    return Markup(  # noqa: S704  every text in it is escaped above
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )
