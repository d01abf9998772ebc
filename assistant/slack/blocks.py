"""An answer as a Slack message: Block Kit blocks, sources below the text, and a text for where blocks are not shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from assistant.answer import Answer, Citation, Verdict
from assistant.slack.mrkdwn import clip, escape, link, split
from assistant.ui.markup import plain_day

#: Slack's limits. https://docs.slack.dev/reference/block-kit/blocks
SECTION_CHARS, MOST_BLOCKS, MOST_TEXT = 3_000, 50, 4_000

#: The sections that hold the answer's text begin so: by it our own answers are read back out of a thread.
ANSWER_ID = "answer"

# Short enough that a source with all of them stays within a section's limit, however much of it is escaped.
_QUOTE_CHARS, _TITLE_CHARS, _OUTLET_CHARS, _NOTICE_CHARS, _MOST_COPIES = 250, 120, 60, 500, 3
_TAGS = {
    Verdict.MISATTRIBUTED: "The words it cites do not say this",
    Verdict.UNSUPPORTED: "No passage of the articles was found to say this",
}

Block = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """What `chat.postMessage` takes: `text` for notifications and screen readers, `blocks` for everybody else."""

    text: str
    blocks: list[Block]


def message(answer: Answer, below: Sequence[Mapping[str, Any]] = ()) -> Message:
    """The message for an answer of any outcome; `below` are blocks of the caller's own that follow it, buttons say.

    Nothing of a text that articles, models or readers wrote formats, mentions, or links in Slack. Sources that find no
    place within Slack's 50 blocks are left out from the last, and the message says how many.
    """
    room = MOST_BLOCKS - len(below)
    notes = [context(note) for note in _notes(answer)]
    said = split(escape(answer.answer), SECTION_CHARS) or [escape("There is no text in this answer.")]
    if len(said) + len(notes) > room - 1:
        said = said[: room - 1 - len(notes)]
        said[-1] = f"{said[-1][: SECTION_CHARS - 1].rpartition(' ')[0]}…"
    blocks = [section(text, f"{ANSWER_ID}-{number}") for number, text in enumerate(said)]
    blocks += notes
    blocks += _sources(answer.citations, room - len(blocks))
    return Message(_fallback(answer), [*blocks, *(dict(block) for block in below)])


def section(text: str, block_id: str | None = None) -> Block:
    """A paragraph of mrkdwn."""
    block: Block = {"type": "section", "text": _mrkdwn(text)}
    return {**block, "block_id": block_id} if block_id else block


def context(text: str) -> Block:
    """A paragraph of mrkdwn in small print."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def button(text: str, action: str, value: str, name: str) -> Block:
    """A button; `name` is read aloud."""
    label = {"type": "plain_text", "text": text, "emoji": True}
    return {"type": "button", "text": label, "action_id": action, "value": value, "accessibility_label": name}


def _mrkdwn(text: str) -> Block:
    # verbatim: what looks like an address, a channel or a name is not made into one.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _notes(answer: Answer) -> list[str]:
    notes = [escape(clip(answer.notice, _NOTICE_CHARS))] if answer.notice and answer.notice.strip() else []
    if answer.withheld and not notes:
        were = "sentence was" if answer.withheld == 1 else "sentences were"
        notes.append(f"{answer.withheld} {were} withheld, because the articles do not support what was said.")
    doubted = [sentence for sentence in answer.sentences if sentence.verdict in _TAGS]
    for sentence in doubted[:_MOST_COPIES]:
        notes.append(f"{_TAGS[sentence.verdict]}: “{escape(clip(sentence.text, _QUOTE_CHARS))}”")
    if len(doubted) > _MOST_COPIES:
        notes.append(f"The same holds for {len(doubted) - _MOST_COPIES} more sentences.")
    return notes


def _sources(citations: Sequence[Citation], room: int) -> list[Block]:
    shown = citations if len(citations) <= room else citations[: room - 1]
    blocks = [context(_source(citation)) for citation in shown]
    if left := len(citations) - len(shown):
        blocks.append(context(f"{left} more {'source is' if left == 1 else 'sources are'} not shown here."))
    return blocks


def _source(citation: Citation) -> str:
    line = f"*[{citation.number}]* {_where(citation.outlet, citation.title, citation.url, citation.as_of)}"
    lines = [line, f"“{escape(clip(citation.quote, _QUOTE_CHARS))}”"]
    if citation.copies:
        copies = [_where(copy.outlet, copy.title, copy.url, None) for copy in citation.copies[:_MOST_COPIES]]
        more = len(citation.copies) - len(copies)
        lines.append(f"also in: {'; '.join(copies)}{f' and {more} more' if more else ''}")
    text = "\n".join(lines)
    return text if len(text) <= SECTION_CHARS else "\n".join(lines[:2])


def _where(outlet: str | None, title: str, url: str | None, held: date | None) -> str:
    parts = [escape(clip(outlet, _OUTLET_CHARS)) if outlet else "", link(url, clip(title, _TITLE_CHARS))]
    parts.append(f"as of {plain_day(held)}" if held else "")
    return " · ".join(part for part in parts if part.strip())


def _held(citation: Citation) -> str:
    return plain_day(citation.as_of) if citation.as_of else ""


def _fallback(answer: Answer) -> str:
    sources = [
        f"[{one.number}] {escape(', '.join(filter(None, [one.outlet, one.title, _held(one)])))}"
        for one in answer.citations
    ]
    paragraphs = [escape(answer.answer), escape(answer.notice or ""), "\n".join(sources)]
    text = "\n\n".join(paragraph.strip() for paragraph in paragraphs if paragraph.strip())
    first = split(text, MOST_TEXT - 2)
    return f"{first[0]} …" if len(first) > 1 else text or "There is no text in this answer."
