"""`POST /api/answer`: one question, one answer."""

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Body
from pydantic import Field, model_validator

from assistant.answer import Answer
from assistant.api.stream import stream_answer
from assistant.chain import AnswerChain, Question
from assistant.slack.blocks import message


class AnswerRequest(Question):
    """A question for the answer endpoint."""

    stream: bool = False
    format: Literal["json", "slack"] = Field("json", description="`slack` adds a Slack message: `text` and `blocks`")

    @model_validator(mode="after")
    def _whole_messages_only(self) -> Self:
        if self.stream and self.format == "slack":
            raise ValueError("a Slack message is made of a whole answer: leave out stream, or format")
        return self


class SlackAnswer(Answer):
    """An answer with the message that shows it in Slack."""

    text: str = Field(description="For notifications, and where blocks are not shown")
    blocks: list[dict[str, Any]] = Field(description="Block Kit, for `chat.postMessage` or a `response_url`")


def answers(chain: AnswerChain) -> APIRouter:
    """The answer endpoint."""
    router = APIRouter(tags=["answers"])

    @router.post("/api/answer", response_model=SlackAnswer | Answer, response_model_exclude_none=False)
    def answer(request: Annotated[AnswerRequest, Body()]) -> object:
        """Answer one question. With `stream`, server-sent events: `answer` for each growing answer, then `done`."""
        question = Question(question=request.question, history=request.history, filters=request.filters)
        if request.stream:
            return stream_answer(chain, question)
        found = chain.invoke(question)
        if request.format == "slack":
            shown = message(found)
            return SlackAnswer(**dict(found), text=shown.text, blocks=shown.blocks)
        return found

    return router
