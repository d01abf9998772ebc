"""An answer as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing
from itertools import chain as chained

import anyio
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.types import Send

from assistant.answer import Answer, AnswerSentence, Citation, Found, Frozen
from assistant.api.problems import problem_of

#: Seconds of silence after which a comment keeps the connection alive.
PING = 15.0


class Searching(Frozen):
    """The question is accepted. Event `searching`."""

    id: str | None = Field(description="The answer's id; null where another request computes the same answer")


class Sources(Frozen):
    """What was found to answer from. Event `sources`."""

    id: str
    standalone_question: str
    found: tuple[Found, ...] = Field(description="Best first; which of them are read is known when the answer is done")


class Sentence(Frozen):
    """A sentence, checked. Event `sentence`; one with the same number takes the place of the one before."""

    number: int = Field(ge=1)
    sentence: AnswerSentence
    citations: tuple[Citation, ...] = Field(description="Those that the sentence cites")


class EventStream(StreamingResponse):
    """Server-sent events, whose source is closed when the client goes away."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send them all."""
        async with aclosing(self.body_iterator):  # type: ignore[type-var]  # it is a generator, given below
            await super().stream_response(send)


def stream_answer(growing: Iterator[Answer | None], reply: Callable[[Answer], BaseModel]) -> EventStream:
    """Events `searching`, `sources`, `sentence` for each new one, and `done` with the whole `reply`.

    An error in between is an event `error` with a problem document, and the last event.

    Raises:
        AssistantError: what is wrong before the first answer is a proper error status, not an event.
    """
    first = next(growing)
    blocks = _blocks(chained([first], growing), reply)
    return EventStream(steady(blocks), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _blocks(growing: Iterator[Answer | None], reply: Callable[[Answer], BaseModel]) -> Generator[str, None, None]:
    answer = None
    searching = sources = False
    shown: dict[int, Sentence] = {}
    try:
        for answer in growing:
            yield ""  # it may be closed here, whether or not there is something to tell
            if not searching:
                searching = True
                yield _event("searching", Searching(id=answer and answer.id))
            if answer is None:
                continue
            if not sources and (answer.found or answer.sentences):
                sources = True
                yield _event("sources", _sources(answer))
            for sentence in _sentences(answer):
                if shown.get(sentence.number) != sentence:
                    shown[sentence.number] = sentence
                    yield _event("sentence", sentence)
        assert answer is not None, "the chain gives at least one answer"
        if not sources:
            yield _event("sources", _sources(answer))
        yield _event("done", reply(answer))
    except Exception as error:  # noqa: BLE001  the status has been sent: whatever it is, the client is told in an event
        yield f"event: error\ndata: {bytes(problem_of(error).body).decode()}\n\n"


async def steady(blocks: Generator[str, None, None]) -> AsyncGenerator[str, None]:
    """What a blocking generator gives, made in threads, with a comment where it is silent for long.

    Closed early, it closes the generator too, as soon as that comes to its next block.
    """
    step: asyncio.Task[str | None] | None = None
    try:
        while True:
            step = asyncio.create_task(anyio.to_thread.run_sync(next, blocks, None))
            while not (await asyncio.wait({step}, timeout=PING))[0]:
                yield ": ping\n\n"
            block = step.result()
            if block is None:
                return
            if block:
                yield block
    finally:
        with anyio.CancelScope(shield=True):  # a generator cannot be closed while it runs
            if step is not None:
                await asyncio.wait({step})
            await anyio.to_thread.run_sync(blocks.close)


def _sources(answer: Answer) -> Sources:
    return Sources(id=answer.id, standalone_question=answer.standalone_question, found=answer.found)


def _sentences(answer: Answer) -> Iterator[Sentence]:
    for number, sentence in enumerate(answer.sentences, 1):
        cited = tuple(citation for citation in answer.citations if citation.number in sentence.citations)
        yield Sentence(number=number, sentence=sentence, citations=cited)


def _event(name: str, data: BaseModel) -> str:
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n"
