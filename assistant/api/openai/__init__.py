"""What OpenAI's clients ask: `POST /v1/chat/completions` and `GET /v1/models`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from assistant.api.openai.content import annotations_of, content_of
from assistant.api.openai.errors import OpenAIProblem, unknown_model
from assistant.api.openai.replies import Choice, Completion, Message, Model, Models, TokenUsage
from assistant.api.openai.requests import ChatRequest
from assistant.api.openai.streaming import stream_completion
from assistant.chain import AnswerChain
from assistant.telemetry.watching import Surface, asked_on

#: The one model there is: the assistant, whichever reader answers inside.
MODEL = "story-assistant"

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": OpenAIProblem, "description": "The request cannot be answered as it is"},
    404: {"model": OpenAIProblem, "description": "There is no such model"},
    500: {"model": OpenAIProblem, "description": "Internal error"},
    502: {"model": OpenAIProblem, "description": "The provider did not answer"},
    503: {"model": OpenAIProblem, "description": "No articles"},
}


def openai_compatible(chain: AnswerChain) -> APIRouter:
    """The endpoints below /v1; `errors.install_openai_errors` gives their errors the shape that the clients expect."""
    router = APIRouter(prefix="/v1", tags=["openai-compatible"])
    model = Model(id=MODEL, created=int(time.time()))

    @router.post(
        "/chat/completions",
        response_model=Completion,
        responses={**_ERRORS, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    def create_chat_completion(request: Annotated[ChatRequest, Body()], http: Request) -> object:
        """Answer the last user message; the messages before it are the conversation.

        The text cites its sources by markers `[n]` and lists them at its end; `annotations` give the markers' places
        and addresses, `answer` everything else. System messages are not read: nothing steers what the articles say.
        """
        if request.model != MODEL:
            return unknown_model(request.model, MODEL)
        question, server = request.as_question(), str(http.base_url)
        if request.stream:
            return stream_completion(chain, question, MODEL, server, with_usage=request.wants_usage)
        answer = chain.invoke(question, asked_on(Surface.OPENAI))
        message = Message(content=content_of(answer), annotations=annotations_of(answer, server))
        return Completion(
            id=f"chatcmpl-{answer.id}",
            created=int(time.time()),
            model=MODEL,
            choices=(Choice(message=message),),
            usage=TokenUsage.of(answer.usage),
            answer=answer,
        )

    @router.get("/models", responses={500: _ERRORS[500]})
    def list_models() -> Models:
        """The models: one, the assistant."""
        return Models(data=(model,))

    @router.get("/models/{name:path}", response_model=Model, responses={404: _ERRORS[404], 500: _ERRORS[500]})
    def retrieve_model(name: str) -> object:
        """The model of that name."""
        return model if name == MODEL else unknown_model(name, MODEL)

    return router
