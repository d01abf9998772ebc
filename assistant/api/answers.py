"""`POST /api/answer`: one question, one answer."""

from collections import deque
from collections.abc import Generator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.openapi.models import Example
from pydantic import Field, StrictBool, StringConstraints

from assistant.answer import Answer
from assistant.api.guard import caller
from assistant.api.requests import RecentAnswers
from assistant.api.stream import stream_answer
from assistant.chain import AnswerChain, Question
from assistant.slack.blocks import message
from assistant.telemetry.watching import Surface, asked_on

_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["searching", "sources", "sentence", "done", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_EXAMPLE_EVENTS = """event: searching
data: {"id": "…"}

event: sources
data: {"id": "…", "standalone_question": "…", "found": […]}

event: sentence
data: {"number": 1, "sentence": {…}, "citations": […]}

event: done
data: {"answer": "…", …}

"""


class AnswerRequest(Question):
    """A question for the answer endpoint."""

    stream: StrictBool = Field(False, description="Whether to reply with server-sent events")
    request_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Made by the client, new for each question: sent again within ten minutes, the same answer"
    )
    format: Literal["json", "slack"] = Field("json", description="`slack` adds a Slack message: `text` and `blocks`")


class SlackAnswer(Answer):
    """An answer with the message that shows it in Slack."""

    text: str = Field(description="For notifications, and where blocks are not shown")
    blocks: list[dict[str, Any]] = Field(description="Block Kit, for `chat.postMessage` or a `response_url`")


def answers(chain: AnswerChain, recent: RecentAnswers) -> APIRouter:
    """The answer endpoint."""
    router = APIRouter(tags=["answers"])

    @router.post(
        "/api/answer",
        response_model=SlackAnswer | Answer,
        response_model_exclude_none=False,
        responses={200: {"content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE_EVENTS}}}},
    )
    def answer(request: Annotated[AnswerRequest, Body(openapi_examples=_EXAMPLES)], http: Request) -> object:
        """Answer one question.

        With `stream`, server-sent events with the same content: `searching` at once, `sources` with the passages that
        were found, `sentence` for each as soon as it is checked (one with a number that came before replaces it),
        `done` with the whole answer, which is what counts; or `error` with a problem document, as the last event.
        """
        question = Question(question=request.question, history=request.history, filters=request.filters)
        name = f"{caller(http)} {request.request_id}" if request.request_id else None

        def compute() -> Generator[Answer, None, None]:
            yield from chain.stream(question, asked_on(Surface.API), steps=True)

        reply = _in_slack if request.format == "slack" else _as_it_is
        growing = recent.ask(question, name, compute)
        if request.stream:
            return stream_answer(growing, reply)
        found = deque(growing, maxlen=1)[0]
        assert found is not None, "None stands only between answers"
        return reply(found)

    return router


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _in_slack(answer: Answer) -> SlackAnswer:
    shown = message(answer)
    return SlackAnswer(**dict(answer), text=shown.text, blocks=shown.blocks)


_EXAMPLES: dict[str, Example] = {
    "question": {"summary": "A question", "value": {"question": "What ties OpenAI to Azure?"}},
    "follow-up": {
        "summary": "A question that follows another",
        "value": {
            "question": "And Microsoft?",
            "history": [{"question": "How much did Amazon invest?", "answer": "…"}],
        },
    },
    "filtered": {
        "summary": "A question of some of the articles",
        "value": {"question": "What did the court decide?", "filters": {"since": "2026-01-01"}},
    },
}
