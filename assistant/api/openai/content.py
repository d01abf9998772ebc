"""An Answer as the text of a chat message: its sentences with markers, then a note and the sources, in Markdown."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from assistant.answer import Answer, AnswerSentence, Citation, Outcome
from assistant.api.openai.replies import Annotation, UrlCitation
from assistant.markdown import as_link, as_text, unlinked
from assistant.ui.markup import plain_day, safe_url

_AFTERWORD = re.compile(r"(?:\n\nNote: [^\n]+)?(?:\n\nSources:(?:\n- \[\d+\] [^\n]+)+)?\Z")


def content_of(answer: Answer) -> str:
    """The whole message."""
    return body_of(answer) + afterword(answer)


def body_of(answer: Answer) -> str:
    """The answer itself. What is quoted holds no markup, but a decline names titles, which anybody may have written."""
    return answer.answer if answer.sentences else unlinked(answer.answer)


def afterword(answer: Answer) -> str:
    """What comes behind the answer itself: how it came about, if that is to be known, and what it cites."""
    note = f"\n\nNote: {' '.join(answer.notice.split())}" if answer.notice else ""
    sources = "\n\nSources:" + "".join(map(_source, answer.citations)) if answer.citations else ""
    return note + sources


def without_sources(content: str) -> str:
    """The answer itself, from a message that `content_of` made; another message as it is."""
    return _AFTERWORD.sub("", content.rstrip(), count=1)


def annotations_of(answer: Answer, server: str) -> tuple[Annotation, ...]:
    """The markers and what they stand for; `server` is the address under which the client knows this server."""
    return tuple(annotation for _, found in sentence_ends(answer, server) for annotation in found)


def sentence_ends(answer: Answer, server: str) -> Iterator[tuple[int, list[Annotation]]]:
    """Where each sentence ends in the text, behind its markers, and what they stand for."""
    cited = {citation.number: citation for citation in answer.citations}
    end = 0
    for sentence in answer.sentences:
        whole = f"{sentence.lead} {sentence.text}".strip()
        found = answer.answer.find(whole, end)
        if found < 0:
            continue
        end = found + len(whole)
        annotations = []
        for number in sentence.citations:
            marker = f" [{number}]"
            if not answer.answer.startswith(marker, end):
                break
            annotations.append(_annotation(cited[number], end + 1, end + len(marker), server))
            end += len(marker)
        yield end, annotations


def continued(told: Answer | None, answer: Answer) -> Answer:
    """`answer` for those who were told `told` already, which cannot be taken back.

    Growing answers only add to each other, but for one case: when a chat model fails in the middle, the chain answers
    anew by quoting. Then the quotations follow what was told.
    """
    if told is None or _goes_on(told, answer):
        return answer
    cited = {citation.number: citation for citation in answer.citations}
    citations = list(told.citations)
    numbers = {_place(citation): citation.number for citation in citations}
    places = {citation.number: _place(citation) for citation in citations}
    said = [(before.text, {places[number] for number in before.citations}) for before in told.sentences]
    new = []
    for sentence in answer.sentences:
        carried = {_place(cited[number]) for number in sentence.citations}
        if any(text == sentence.text and carried <= before for text, before in said):
            continue
        for citation in (cited[number] for number in sentence.citations):
            if _place(citation) not in numbers:
                numbers[_place(citation)] = len(citations) + 1
                citations.append(citation.model_copy(update={"number": len(citations) + 1}))
        renumbered = tuple(numbers[_place(cited[number])] for number in sentence.citations)
        new.append(sentence.model_copy(update={"citations": renumbered}))
    declined = answer.outcome is Outcome.DECLINED
    return answer.model_copy(
        update={
            "answer": " ".join([told.answer, *map(_written, new)]),
            "outcome": Outcome.PARTIAL if declined else answer.outcome,
            "sentences": (*told.sentences, *new),
            "citations": tuple(citations),
        }
    )


def _goes_on(told: Answer, answer: Answer) -> bool:
    return (
        answer.answer.startswith(told.answer)
        and answer.sentences[: len(told.sentences)] == told.sentences
        and answer.citations[: len(told.citations)] == told.citations
    )


def _place(citation: Citation) -> tuple[str, int, int]:
    return citation.article_id, citation.start, citation.end


def _written(sentence: AnswerSentence) -> str:
    markers = "".join(f" [{number}]" for number in sentence.citations)
    return f"{sentence.lead} {sentence.text}{markers}".strip()


def _annotation(citation: Citation, start: int, end: int, server: str) -> Annotation:
    # An article without an address of its own, or with one that nobody should follow, can be read here.
    url = safe_url(citation.url) or f"{server.rstrip('/')}/api/articles/{quote(citation.article_id)}"
    return Annotation(url_citation=UrlCitation(start_index=start, end_index=end, title=citation.title, url=url))


def _source(citation: Citation) -> str:
    held = citation.as_of or citation.published
    url = safe_url(citation.url)
    about = [
        as_text(citation.outlet) if citation.outlet else None,
        as_text(citation.title),
        f"as of {plain_day(held)}" if held else None,
        as_link(url) if url else None,
    ]
    also = "; ".join(as_text(copy.outlet or copy.title) for copy in citation.copies)
    return f"\n- [{citation.number}] {', '.join(filter(None, about))}{f' (also in: {also})' if also else ''}"
