"""A chat completion in pieces, as server-sent events: nothing is sent that could still change."""

import json
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain as chained
from typing import Any, cast

from fastapi.responses import StreamingResponse

from assistant.answer import Answer
from assistant.api.openai.content import afterword, body_of, continued, sentence_ends
from assistant.api.openai.errors import error_of
from assistant.api.openai.replies import Annotation, TokenUsage
from assistant.chain import AnswerChain, Question
from assistant.errors import AssistantError
from assistant.telemetry.watching import Surface, asked_on


@dataclass(frozen=True)
class Piece:
    """More of a message's text, the citations in it, and the answer as it has been told with it."""

    text: str
    annotations: tuple[Annotation, ...]
    told: Answer


def pieces(answers: Iterable[Answer], server: str) -> Iterator[Piece]:
    """A message sentence by sentence, from the growing answers of a chain; last, what follows the answer."""
    told: Answer | None = None
    sent = 0
    for answer in answers:
        told = continued(told, answer)
        text = body_of(told)
        for end, annotations in sentence_ends(told, server):
            if end > sent:
                yield Piece(text[sent:end], tuple(annotations), told)
                sent = end
        if sent < len(text):
            yield Piece(text[sent:], (), told)
            sent = len(text)
    if told:
        yield Piece(afterword(told), (), told)


def stream_completion(
    chain: AnswerChain, question: Question, model: str, server: str, *, with_usage: bool = False
) -> StreamingResponse:
    """Chunks: the role, each sentence with its annotations, the sources, the end with the whole Answer; then `[DONE]`.

    `server` is the address under which the client knows this server. An error in between is an object `error`, and
    the last event.

    Raises:
        AssistantError: what is wrong before the first sentence is a proper error status, not an event.
    """
    answers = cast("Generator[Answer]", chain.stream(question, asked_on(Surface.OPENAI)))
    first = next(answers)
    head = {
        "id": f"chatcmpl-{first.id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        **({"usage": None} if with_usage else {}),
    }

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**head, "choices": [choice], **more})

    def events() -> Iterator[str]:
        yield chunk({"role": "assistant", "content": ""})
        told, annotated = first, 0
        try:
            with closing(answers):
                for piece in pieces(chained([first], answers), server):
                    told = piece.told
                    if piece.text:
                        yield chunk(_delta(piece, annotated))
                    annotated += len(piece.annotations)
        except AssistantError as error:
            yield _event(json.loads(bytes(error_of(error).body)))
            return
        yield chunk({}, "stop", answer=told.model_dump(mode="json"))
        if with_usage:
            yield _event({**head, "choices": [], "usage": TokenUsage.of(told.usage).model_dump()})
        yield "data: [DONE]\n\n"

    return StreamingResponse(
        events(),
        media_type="text/event-stream",
        # A proxy that collects a stream until it is complete makes it none.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _delta(piece: Piece, annotated: int) -> dict[str, Any]:
    # OpenAI's client puts lists together by `index`, and refuses a second list without.
    annotations = [
        {"index": index, **annotation.model_dump()} for index, annotation in enumerate(piece.annotations, annotated)
    ]
    return {"content": piece.text, **({"annotations": annotations} if annotations else {})}


def _event(data: dict[str, Any]) -> str:
    # In ASCII: some clients end a line at each sign that Unicode ends one with.
    return f"data: {json.dumps(data)}\n\n"
