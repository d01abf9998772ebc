"""Questions, answers and their sources as HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from assistant.answer import Answer, AnswerSentence, Citation, Outcome, Verdict
from assistant.articles import Article
from assistant.ui import share, sure, votes
from assistant.ui.conversation import Conversation, Exchange
from assistant.ui.markup import byline, day, escape, opens_citation, outside_link, safe_url

_MARKER = re.compile(r"(?<![ \t])[ \t]*\[(\d{1,4})\]")
_TAGS = {
    Verdict.MISATTRIBUTED: ("cites the wrong place", "The words it cites do not say this."),
    Verdict.UNSUPPORTED: ("not confirmed", "No passage of the articles was found to say this."),
}


def conversation(kept: Conversation, *, rateable: bool = False, going_on: bool = False) -> str:
    """A whole conversation. `rateable` offers to say whether an answer was helpful, `going_on` that more follows."""
    last = None if going_on else len(kept.exchanges) - 1
    return "".join(exchange(one, at, last=at == last, rateable=rateable) for at, one in enumerate(kept.exchanges))


def exchange(one: Exchange, at: int = 0, *, last: bool = True, rateable: bool = False) -> str:
    """One question, the `at`th of its conversation, with its complete answer and what can be done with both."""
    tools = [
        _tool("copy", at, "Copy with sources", f' data-copy="{escape(share.plain_text(one.question, one.answer))}"')
    ]
    if not one.answer.citations:
        tools = []
    if last:
        tools.append(_tool("retry", at, "Retry"))
    tools += votes.thumbs(at, one.vote) if rateable else []
    below = sure.details(one.answer) + (votes.form(at, one.vote) if rateable else "")
    body = reply(one.question, one.answer, stopped=one.stopped, tools="".join(tools), below=below)
    return turn(one.question, body, edit=_tool("edit", at, "Edit", ' aria-label="Edit this question"'))


def turn(question: str, reply: str, *, edit: str = "") -> str:
    """One question and the reply to it, which is HTML, as is `edit`, a button."""
    return (
        '<article class="turn"><div class="asked"><h2 class="question" dir="auto">'
        f'<span class="sr-only">You asked: </span>{escape(question)}</h2>{edit}</div>{reply}</article>'
    )


def waiting() -> str:
    """What stands in the place of an answer until its first words come."""
    return '<p class="waiting"><span class="pulse" aria-hidden="true"></span>Looking through the articles …</p>'


def failure(message: str) -> str:
    """A message in the place of an answer: what went wrong, and that the question is still there."""
    return (
        f'<div class="reply failed" role="alert"><p class="words" dir="auto">{escape(message)}</p>'
        '<p class="small">Your question is back in the box below.</p></div>'
    )


def reply(
    question: str, answer: Answer, *, streaming: bool = False, stopped: bool = False, tools: str = "", below: str = ""
) -> str:
    """An answer with its citations, notice, sources and small print.

    `streaming` says that more is to come, `stopped` that the visitor stopped it. `tools` and `below` are HTML for a
    complete answer: buttons in the last line, and what is folded under it.
    """
    if not answer.answer.strip() and streaming:
        return waiting()
    declined = answer.outcome is Outcome.DECLINED
    state = " declined" if declined else " partial" if answer.outcome is Outcome.PARTIAL else ""
    body = f'<div class="words" dir="auto">{_words(answer)}</div>'
    parts = ['<p class="label">Not in these articles</p>' if declined else "", body]
    if stopped:
        parts.append('<p class="note">Stopped before the answer was complete.</p>')
    if answer.notice:
        missing = answer.outcome is Outcome.PARTIAL and not streaming
        label = '<strong class="note-label">Not the whole answer</strong>' if missing else ""
        parts.append(f'<p class="note{" missing" if missing else ""}" dir="auto">{label}{escape(answer.notice)}</p>')
    if not streaming:
        parts.append(sources(answer.citations))
        parts.append(_small_print(question, answer, tools) + below)
    busy = ' streaming" aria-busy="true' if streaming else ""
    return f'<div class="reply{state}{busy}">{"".join(parts)}</div>'


def sources(citations: Iterable[Citation]) -> str:
    """The list of what an answer cites: number, title, outlet, date and quote; empty for none."""
    items = "".join(
        f'<li><button type="button" class="source-item" {opens_citation(citation)}>'
        f'<span class="number" aria-hidden="true">{citation.number}</span>'
        f'<span class="sr-only">Open source {citation.number}: </span>'
        f'<span class="about"><bdi class="title">{escape(citation.title)}</bdi> '
        f"{byline(citation.outlet, _held(citation))}"
        f' <q class="quote" dir="auto">{escape(citation.quote)}</q></span></button>{_copies(citation)}</li>'
        for citation in citations
    )
    return f'<section class="sources" aria-label="Sources"><h3>Sources</h3><ol>{items}</ol></section>' if items else ""


def suggestions(questions: Sequence[str], answer: Answer | None) -> str:
    """Questions to click on: to start with where nothing has been answered, else to go on with. Empty for none."""
    if not questions:
        return ""
    if answer is None:
        heading = "Try one of these"
    else:
        heading = "The articles do answer" if answer.outcome is Outcome.DECLINED else "Ask next"
    items = "".join(
        f'<li><button type="button" class="starter" dir="auto" data-question="{escape(question)}">{escape(question)}'
        "</button></li>"
        for question in questions
    )
    kind = "first" if answer is None else "further"
    return f'<section class="{kind}" aria-label="{heading}"><h2>{heading}</h2><ul>{items}</ul></section>'


def masthead(title: str, articles: Mapping[str, Article]) -> str:
    """The page's title and one line on what it can answer from."""
    if articles:
        outlets = sorted({article.outlet for article in articles.values() if article.outlet})
        dates = [article.held_on for article in articles.values() if article.held_on]
        count = f"{len(articles):,} article{'s' if len(articles) != 1 else ''}"
        whose = f" from {' and '.join(f'<bdi>{escape(o)}</bdi>' for o in outlets)}" if 0 < len(outlets) < 3 else ""
        whose = f" from {len(outlets)} outlets" if len(outlets) > 2 else whose
        newest = f", the latest of {day(max(dates))}" if dates else ""
        line = f"Answers from {count}{whose}{newest}. Every sentence cites the words it rests on."
    else:
        line = "There are no articles yet. Put some into the corpus folder and run <code>assistant sync</code>."
    return f'<h1>{escape(title)}</h1><p class="scope">{line}</p>'


def _words(answer: Answer) -> str:
    """The answer's text with its markers as buttons.

    A quoted sentence may hold a "[2]" of its own: markers stand behind the sentences, what is inside them stays text.
    """
    citations = {citation.number: citation for citation in answer.citations}
    out: list[str] = []
    position = 0
    dated = False
    for sentence in answer.sentences:
        whole = f"{sentence.lead} {sentence.text}".strip()
        found = answer.answer.find(whole, position) if whole else -1
        if found < 0:
            continue
        out.append(_with_markers(answer.answer[position:found], citations))
        if sentence.lead:
            # Statements that held at different dates stand apart.
            out.append(
                f'{"</span>" if dated else ""}<span class="dated"><span class="lead">{escape(sentence.lead)}</span> '
            )
            dated = True
        out.append(_sentence(sentence))
        position = found + len(whole)
    out.append(_with_markers(answer.answer[position:], citations))
    return "".join(out) + ("</span>" if dated else "")


def _sentence(sentence: AnswerSentence) -> str:
    words = escape(sentence.text)
    if sentence.verdict is Verdict.SUPPORTED:
        return f'<span class="sentence">{words}</span>'
    tag, title = _TAGS[sentence.verdict]
    return f'<span class="sentence doubted">{words}</span> <span class="tag" title="{title}">{tag}</span>'


def _with_markers(text: str, citations: Mapping[int, Citation]) -> str:
    out: list[str] = []
    position = 0
    for match in _MARKER.finditer(text):
        citation = citations.get(int(match.group(1)))
        if citation:
            out.append(escape(text[position : match.start()]))
            out.append(_marker(citation))
            position = match.end()
    out.append(escape(text[position:]))
    return "".join(out)


def _marker(citation: Citation) -> str:
    label = escape(f"Source {citation.number}: {citation.title}")
    # A word joiner keeps the marker on the line of the word that it belongs to.
    return (
        f'<span class="mark-wrap">&#8288;<button type="button" class="cite" aria-label="{label}" '
        f'data-about="{escape(citation.title)}" {opens_citation(citation)}>'
        f"{citation.number}</button></span>"
    )


def _copies(citation: Citation) -> str:
    """The other articles that print the quote, each with a link where it has an address."""
    shown = []
    for copy in citation.copies:
        name = f'<bdi title="{escape(copy.title)}">{escape(copy.outlet or copy.title)}</bdi>'
        safe = safe_url(copy.url)
        shown.append(outside_link(safe, name) if safe else name)
    return f'<p class="copies">Also in: {", ".join(shown)}</p>' if shown else ""


def _held(citation: Citation) -> date | None:
    return citation.as_of or citation.published


def _small_print(question: str, answer: Answer, tools: str) -> str:
    reader = "quoting" if answer.reader == "extractive" else answer.reader
    parts = [f"<span>Reader: <bdi>{escape(reader)}</bdi></span>"]
    if answer.standalone_question.casefold().split() != question.casefold().split():
        parts.append(
            f'<span>Understood as: “<bdi class="standalone">{escape(answer.standalone_question)}</bdi>”</span>'
        )
    if tools:
        parts.append(f'<span class="tools">{tools}</span>')
    return f'<footer class="small">{"".join(parts)}</footer>'


def _tool(does: str, at: int, label: str, more: str = "") -> str:
    """A button that `conversation.js` understands."""
    return f'<button type="button" class="tool" data-do="{does}" data-at="{at}"{more}>{label}</button>'
