"""How sure an answer is, for the curious: what was found and read, the verdict of each sentence, what it cost."""

from assistant.answer import Answer, Verdict
from assistant.ui.markup import escape, opens

_VERDICTS = {
    Verdict.SUPPORTED: "supported",
    Verdict.MISATTRIBUTED: "cites the wrong place",
    Verdict.UNSUPPORTED: "not confirmed",
}
_STAGES = {"standalone": "understanding", "retrieval": "searching", "reading": "reading", "grounding": "checking"}
_MOST_PASSAGES = 12


def details(answer: Answer) -> str:
    """A folded view of how the answer came about."""
    parts = [_facts(answer), _sentences(answer), _passages(answer)]
    return (
        f'<details class="sure" data-keep="sure-{escape(answer.id)}"><summary>How sure is this?</summary>'
        f'<div class="sure-body">{"".join(parts)}</div></details>'
    )


def _facts(answer: Answer) -> str:
    facts: list[tuple[str, str]] = []
    if answer.confidence is not None:
        facts.append(("That the articles answer", f"{answer.confidence:.0%} likely, as the quoting reader judges"))
    if answer.withheld:
        were = "sentence" if answer.withheld == 1 else "sentences"
        facts.append(("Withheld", f"{answer.withheld} {were} that the articles do not support"))
    if answer.usage:
        facts.append(("Model", f"{answer.usage.input_tokens:,} tokens read, {answer.usage.output_tokens:,} written"))
    if spent := {name: value for name, value in answer.timings_ms.items() if value >= 0.5}:
        stages = ", ".join(f"{_STAGES.get(name, name)} {value:,.0f}" for name, value in spent.items())
        facts.append(("Time", f"{sum(spent.values()):,.0f} ms ({stages})"))
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f"<dl>{rows}</dl>" if rows else ""


def _sentences(answer: Answer) -> str:
    rows = "".join(
        f'<li><span class="verdict {sentence.verdict.value}">{_VERDICTS[sentence.verdict]}</span> '
        f'<span dir="auto">{escape(sentence.text)}</span></li>'
        for sentence in answer.sentences
    )
    return f"<h4>Each sentence against the words it cites</h4><ol>{rows}</ol>" if rows else ""


def _passages(answer: Answer) -> str:
    shown = answer.found[:_MOST_PASSAGES]
    rows = "".join(
        f'<li><span class="score">{found.score:.2f}</span> '
        f'<button type="button" {opens(found.article_id, found.start, found.end)}>'
        f'<bdi>{escape(found.title)}</bdi><span class="sr-only">, show the passage</span></button>'
        f"{'' if found.read else ' <span class=unread>not read</span>'}</li>"
        for found in shown
    )
    read = sum(found.read for found in answer.found)
    told = f"{len(answer.found)} passages found, {read} read"
    return f"<h4>{told}, best first</h4><ol>{rows}</ol>" if rows else ""
