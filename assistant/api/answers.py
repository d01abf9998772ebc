"""`POST /api/answer`: one question, one answer."""

from typing import Annotated

from fastapi import APIRouter, Body

from assistant.answer import Answer
from assistant.api.stream import stream_answer
from assistant.chain import AnswerChain, Question
from assistant.telemetry.watching import Surface, asked_on


class AnswerRequest(Question):
    """A question for the answer endpoint."""

    stream: bool = False


def answers(chain: AnswerChain) -> APIRouter:
    """The answer endpoint."""
    router = APIRouter(tags=["answers"])

    @router.post("/api/answer", response_model=Answer, response_model_exclude_none=False)
    def answer(request: Annotated[AnswerRequest, Body()]) -> object:
        """Answer one question. With `stream`, server-sent events: `answer` for each growing answer, then `done`."""
        question = Question(question=request.question, history=request.history, filters=request.filters)
        if request.stream:
            return stream_answer(chain, question)
        return chain.invoke(question, asked_on(Surface.API))

    return router
