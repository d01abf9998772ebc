"""An answer as server-sent events."""

from collections.abc import Iterator
from itertools import chain as chained

from fastapi.responses import StreamingResponse

from assistant.api.problems import problem_of
from assistant.chain import AnswerChain, Question
from assistant.errors import AssistantError
from assistant.telemetry.watching import Surface, asked_on


def stream_answer(chain: AnswerChain, question: Question) -> StreamingResponse:
    """Events `answer` (growing, each a whole Answer as JSON), then `done` with the complete one.

    An error in between is an event `error` with a problem document, and the last event.

    Raises:
        AssistantError: what is wrong before the first answer is a proper error status, not an event.
    """
    answers = chain.stream(question, asked_on(Surface.API))
    first = next(answers)

    def events() -> Iterator[str]:
        last = first
        try:
            for last in chained([first], answers):
                yield f"event: answer\ndata: {last.model_dump_json()}\n\n"
        except AssistantError as error:
            yield f"event: error\ndata: {bytes(problem_of(error).body).decode()}\n\n"
            return
        yield f"event: done\ndata: {last.model_dump_json()}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
