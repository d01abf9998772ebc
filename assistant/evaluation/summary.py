"""The summary of a result for the terminal."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from assistant.evaluation.comparison import Comparison
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.quality.figures import Figure
from assistant.evaluation.report import Report
from assistant.evaluation.results import Result
from assistant.terminal import plain

_LONGEST = 90  # characters of a question in a list


def print_summary(report: Report, console: Console) -> None:
    """Figures with intervals, what went wrong and where, and the change against the baseline."""
    result, counts = report.result, report.result.counts()
    console.print(f"[bold]{plain(report.title)}[/]  {plain(result.identity)}", soft_wrap=True)
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count or name == "cases")
    console.print(told, style="dim")
    console.print(_figures(report))
    _latency(report, console)
    _failures(result, console)
    for item in result.errors:
        console.print(f"[red]not judged[/] {_short(item.case.name)}: {plain(item.error or '')}", soft_wrap=True)
    for case in result.unstable:
        console.print(f"[yellow]not always the same[/] {_short(case.name)}", soft_wrap=True)
    for case in result.drafts:
        console.print(f"[yellow]draft, not asked[/] {_short(case.name)}", soft_wrap=True)
    if report.comparison:
        _comparison(report.comparison, console)


def _figures(report: Report) -> Table:
    comparison = report.comparison
    table = Table("metric", "value", "95% interval", "n", *(("change",) if comparison else ()))
    for name, figure in report.result.figures().items():
        row = [METRICS[name].title, shown(figure), *_interval(figure)]
        if comparison:
            delta = comparison.differences.get(name)
            row.append(f"{delta.points}{' *' if delta.significant else ''}" if delta else "–")
        table.add_row(*row)
    return table


def shown(figure: Figure | None) -> str:
    """A share in per cent; `none` of nothing."""
    return f"{figure.value:.1%}" if figure else "none"


def _interval(figure: Figure | None) -> tuple[str, str]:
    return (f"{figure.low:.1%} to {figure.high:.1%}", str(figure.n)) if figure else ("", "0")


def _latency(report: Report, console: Console) -> None:
    times = report.result.latency()
    if times:
        stages = ", ".join(f"{stage} {time.median:.0f} · {time.p95:.0f}" for stage, time in times.items())
        console.print(f"Latency in ms, median · 95th percentile: {plain(stages)}", style="dim", soft_wrap=True)
    tokens, cost, agreement = report.result.tokens(), report.cost(), report.result.agreement()
    if tokens:
        price = f", cost {cost[0]:.4f} of {cost[1]} answers" if cost else ", cost: no price given (--prices)"
        console.print(f"Tokens: {tokens[0].input_tokens:,} in, {tokens[0].output_tokens:,} out{price}", style="dim")
    if agreement:
        kappa = "none" if agreement.kappa is None else f"{agreement.kappa:.2f}"
        console.print(
            f"The judging model and the rules: both right {agreement.both_right}, both wrong {agreement.both_wrong}, "
            f"only rules {agreement.only_rules}, only model {agreement.only_model}, no opinion {agreement.none}; "
            f"kappa {kappa}"
        )


def _failures(result: Result, console: Console) -> None:
    lost = Counter(str(item.judgement.lost or item.judgement.mark) for item in result.failed if item.judgement)
    for kind, count in lost.most_common():
        console.print(f"\n[bold]{kind}[/] ({count})")
        for item in result.failed:
            if item.judgement and str(item.judgement.lost or item.judgement.mark) == kind:
                outcome = "" if item.outcome == kind else f" [dim]{item.outcome}[/]"
                console.print(f"  ✗ {_short(item.case.name)}{outcome}", soft_wrap=True)


def _comparison(comparison: Comparison, console: Console) -> None:
    console.print(
        f"\n[bold]Against the baseline:[/] {len(comparison.better)} better, {len(comparison.worse)} worse of "
        f"{comparison.pairs}; exact McNemar p = {comparison.p:.3f}; {comparison.added} new or changed, "
        f"{comparison.gone} gone or changed. (* interval of the change leaves 0 out)"
    )
    for sign, changes in (("[red]−[/]", comparison.worse), ("[green]+[/]", comparison.better)):
        for change in changes:
            console.print(f"  {sign} {_short(change.asked)} [dim]{change.before} → {change.now}[/]", soft_wrap=True)


def _short(text: str) -> str:
    return plain(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
