"""Answers taken elsewhere: as plain text with sources, and a conversation as Markdown with footnotes."""

import re

from assistant.answer import Answer, Citation
from assistant.markdown import as_link, as_text
from assistant.ui.conversation import Conversation
from assistant.ui.markup import plain_day, safe_url

_MARKER = re.compile(r"\[(\d{1,4})\]")


def plain_text(question: str, answer: Answer) -> str:
    """An answer with its sources as plain text, to be pasted elsewhere."""
    lines = [question, "", answer.answer]
    if answer.notice:
        lines += ["", answer.notice]
    if answer.citations:
        lines += ["", "Sources"]
    for citation in answer.citations:
        about = ", ".join(filter(None, [citation.outlet, _held(citation), safe_url(citation.url)]))
        also = "; ".join(copy.outlet or copy.title for copy in citation.copies)
        lines.append(
            f"[{citation.number}] {citation.title}{f' ({about})' if about else ''}: “{citation.quote}”"
            f"{f' (also in: {also})' if also else ''}"
        )
    return "\n".join(lines)


def markdown(kept: Conversation) -> str:
    """A conversation as Markdown: each question a heading, each citation a footnote, numbered through."""
    out = [f"# {as_text(kept.title or 'Conversation')}"]
    notes: list[str] = []
    for exchange in kept.exchanges:
        answer = exchange.answer
        numbers = {citation.number: len(notes) + at for at, citation in enumerate(answer.citations, 1)}
        notes += [f"[^{numbers[citation.number]}]: {_footnote(citation)}" for citation in answer.citations]
        out += [f"## {as_text(exchange.question)}", _body(answer, numbers)]
        if exchange.stopped:
            out.append("*Stopped before the answer was complete.*")
        if answer.notice:
            out.append(f"> {as_text(answer.notice)}")
    return "\n\n".join([*out, *notes]) + "\n"


def file_name(kept: Conversation) -> str:
    """A name for the exported file that every system takes."""
    plain = re.sub(r"[^a-z0-9]+", "-", kept.title.casefold()).strip("-")
    return f"{plain[:60].rstrip('-') or 'conversation'}.md"


def _body(answer: Answer, numbers: dict[int, int]) -> str:
    """The answer's text; the markers behind its sentences become footnotes, what is inside them stays text."""
    out: list[str] = []
    position = 0

    def marked(between: str) -> str:
        parts = []
        end = 0
        for match in _MARKER.finditer(between):
            if (number := numbers.get(int(match.group(1)))) is not None:
                parts.append(as_text(between[end : match.start()]).rstrip(" ") + f"[^{number}]")
                end = match.end()
        return "".join(parts) + as_text(between[end:])

    for sentence in answer.sentences:
        whole = f"{sentence.lead} {sentence.text}".strip()
        found = answer.answer.find(whole, position) if whole else -1
        if found >= 0:
            out += [marked(answer.answer[position:found]), as_text(whole)]
            position = found + len(whole)
    return "".join([*out, marked(answer.answer[position:])])


def _footnote(citation: Citation) -> str:
    parts = [citation.outlet, _held(citation)]
    about = ", ".join(as_text(part) for part in parts if part)
    address = safe_url(citation.url)
    link = f", {as_link(address)}" if address else ""
    return f"{as_text(citation.title)}{f' ({about})' if about else ''}{link}: “{as_text(citation.quote)}”"


def _held(citation: Citation) -> str | None:
    held = citation.as_of or citation.published
    return f"as of {plain_day(held)}" if held else None
