"""Answers, sources and articles as HTML. Whatever comes from an article, a question or a model is escaped here."""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from urllib.parse import urlsplit

from assistant.answer import Answer, AnswerSentence, Citation, Outcome, Verdict
from assistant.articles import Article

_MARKER = re.compile(r"(?<![ \t])[ \t]*\[(\d{1,4})\]")
_HEADING = re.compile(r"^(#{1,6}[ \t]+)(\S[^\n]*)$", re.MULTILINE)
_TAGS = {
    Verdict.MISATTRIBUTED: ("cites the wrong place", "The words it cites do not say this."),
    Verdict.UNSUPPORTED: ("not confirmed", "No passage of the articles was found to say this."),
}


def escape(text: str) -> str:
    """`text` for an HTML element or a quoted attribute. A browser reads back the very same characters."""
    # The HTML parser turns a bare carriage return into a line feed.
    return html.escape(text, quote=True).replace("\r", "&#13;")


def day(value: date | None) -> str:
    """A date as `<time>3 July 2026</time>`, empty for none."""
    return f'<time datetime="{value.isoformat()}">{plain_day(value)}</time>' if value else ""


def plain_day(value: date) -> str:
    """A date as `3 July 2026`."""
    return f"{value.day} {value:%B %Y}"


def safe_url(url: str | None) -> str | None:
    """`url` if it is an address on the web that a reader may follow, else None."""
    if not url or any(character.isspace() or not character.isprintable() for character in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and host and "\\" not in url else None


def turn(question: str, reply: str) -> str:
    """One question and the reply to it, which is HTML."""
    return (
        '<article class="turn"><h2 class="question" dir="auto"><span class="sr-only">You asked: </span>'
        f"{escape(question)}</h2>{reply}</article>"
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


def reply(question: str, answer: Answer, *, streaming: bool = False, stopped: bool = False) -> str:
    """An answer with its citations, notice, sources and small print.

    `streaming` says that more is to come, `stopped` that the visitor stopped it.
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
        parts.append(f'<p class="note" dir="auto">{escape(answer.notice)}</p>')
    if not streaming:
        parts.append(sources(answer.citations))
        parts.append(_small_print(question, answer))
    busy = ' streaming" aria-busy="true' if streaming else ""
    return f'<div class="reply{state}{busy}">{"".join(parts)}</div>'


def sources(citations: Iterable[Citation]) -> str:
    """The list of what an answer cites: number, title, outlet, date and quote; empty for none."""
    items = "".join(
        f'<li><button type="button" class="source-item" {_target(citation)}>'
        f'<span class="number" aria-hidden="true">{citation.number}</span>'
        f'<span class="sr-only">Open source {citation.number}: </span>'
        f'<span class="about"><bdi class="title">{escape(citation.title)}</bdi> '
        f"{_byline(citation.outlet, _held(citation))}"
        f' <q class="quote" dir="auto">{escape(citation.quote)}</q></span></button>{_copies(citation)}</li>'
        for citation in citations
    )
    return f'<section class="sources" aria-label="Sources"><h3>Sources</h3><ol>{items}</ol></section>' if items else ""


def article_panel(article: Article, start: int, end: int, quote: str) -> str:
    """A whole article with the quoted words marked.

    If the article was changed and no longer says `quote` at that place, nothing is marked and that is said.
    """
    held = article.text[start:end] == quote and 0 <= start < end
    if held:
        before, after = article.text[:start], article.text[end:]
        text = f'{_prose(before)}<mark tabindex="-1">{escape(quote)}</mark>{_prose(after)}'
        warning = ""
    else:
        text = _prose(article.text)
        warning = _changed("This article was changed after the answer was given. It then said:", quote)
    dates = [("Published", article.published), ("Updated", article.updated)]
    facts = [f"<div><dt>{name}</dt><dd>{day(value)}</dd></div>" for name, value in dates if value]
    if article.author:
        facts.insert(0, f"<div><dt>By</dt><dd><bdi>{escape(article.author)}</bdi></dd></div>")
    return _panel(
        article.title,
        _byline(article.outlet, article.held_on),
        (f'<dl class="facts">{"".join(facts)}</dl>' if facts else "")
        + _link(article.url)
        + warning
        + f'<div class="article-text" lang="{escape(article.language)}" dir="auto">{text}</div>',
    )


def missing_panel(quote: str) -> str:
    """What the panel says of an article that the index does not hold any more."""
    body = _changed("This article was taken out after the answer was given. It then said:", quote)
    return _panel("Article not found", "", body)


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


def plain_text(question: str, answer: Answer) -> str:
    """An answer with its sources as plain text, to be pasted elsewhere."""
    lines = [question, "", answer.answer]
    if answer.notice:
        lines += ["", answer.notice]
    if answer.citations:
        lines += ["", "Sources"]
    for citation in answer.citations:
        held = citation.as_of or citation.published
        about = ", ".join(
            filter(None, [citation.outlet, f"as of {plain_day(held)}" if held else None, safe_url(citation.url)])
        )
        also = "; ".join(copy.outlet or copy.title for copy in citation.copies)
        lines.append(
            f"[{citation.number}] {citation.title}{f' ({about})' if about else ''}: “{citation.quote}”"
            f"{f' (also in: {also})' if also else ''}"
        )
    return "\n".join(lines)


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
        f'data-about="{escape(citation.title)}" {_target(citation)}>'
        f"{citation.number}</button></span>"
    )


def _target(citation: Citation) -> str:
    return (
        f'data-article="{escape(citation.article_id)}" data-start="{citation.start}" data-end="{citation.end}" '
        f'data-quote="{escape(citation.quote)}"'
    )


def _copies(citation: Citation) -> str:
    """The other articles that print the quote, each with a link where it has an address."""
    shown = []
    for copy in citation.copies:
        name = f'<bdi title="{escape(copy.title)}">{escape(copy.outlet or copy.title)}</bdi>'
        safe = safe_url(copy.url)
        shown.append(
            f'<a href="{escape(safe)}" target="_blank" rel="noopener noreferrer">{name}'
            '<span class="sr-only"> (opens a new tab)</span></a>'
            if safe
            else name
        )
    return f'<p class="copies">Also in: {", ".join(shown)}</p>' if shown else ""


def _held(citation: Citation) -> date | None:
    return citation.as_of or citation.published


def _byline(outlet: str | None, held: date | None) -> str:
    name = f"<bdi>{escape(outlet)}</bdi>" if outlet else ""
    dated = f"as of {day(held)}" if held else ""
    return f'<span class="by">{" · ".join(filter(None, [name, dated]))}</span>'


def _link(url: str | None) -> str:
    safe = safe_url(url)
    if safe is None:
        return ""
    return (
        f'<p class="link"><a href="{escape(safe)}" target="_blank" rel="noopener noreferrer">Read it at '
        f'<bdi>{escape(urlsplit(safe).hostname or "")}</bdi><span class="sr-only"> (opens a new tab)</span></a></p>'
    )


def _small_print(question: str, answer: Answer) -> str:
    parts = [f"<span>Reader: <bdi>{escape(answer.reader)}</bdi></span>"]
    if answer.standalone_question.casefold().split() != question.casefold().split():
        parts.append(
            f'<span>Understood as: “<bdi class="standalone">{escape(answer.standalone_question)}</bdi>”</span>'
        )
    if answer.citations:
        text = escape(plain_text(question, answer))
        parts.append(f'<button type="button" class="copy" data-copy="{text}">Copy with sources</button>')
    return f'<footer class="small">{"".join(parts)}</footer>'


def _panel(title: str, byline: str, body: str) -> str:
    return (
        '<section class="source" aria-labelledby="source-title"><header>'
        f'<h2 id="source-title" tabindex="-1" dir="auto">{escape(title)}</h2>'
        f'<button type="button" class="close" aria-label="Close the source">Close</button>{byline}</header>'
        f"{body}</section>"
    )


def _changed(what: str, quote: str) -> str:
    return f'<div class="note"><p>{what}</p><blockquote dir="auto">{escape(quote)}</blockquote></div>'


def _prose(text: str) -> str:
    return "".join(_with_headings(text))


def _with_headings(text: str) -> Iterator[str]:
    position = 0
    for match in _HEADING.finditer(text):
        yield escape(text[position : match.start()])
        yield (
            f'<span class="heading"><span class="hashes" aria-hidden="true">{escape(match.group(1))}</span>'
            f"{escape(match.group(2))}</span>"
        )
        position = match.end()
    yield escape(text[position:])
