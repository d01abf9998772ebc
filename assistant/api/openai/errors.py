"""Errors in the shape that OpenAI's clients read, with the status by which they choose their exception."""

import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from assistant.api.problems import problem_of
from assistant.errors import AssistantError, QuestionError

_LOG = logging.getLogger(__name__)
#: The type of an error that the request is to blame for.
INVALID = "invalid_request_error"

_Handler = Callable[[Request, Any], Response | Awaitable[Response]]


class OpenAIError(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIProblem(BaseModel):
    """The body of a reply that is an error."""

    error: OpenAIError


def openai_error(
    status: int, message: str, *, type: str = INVALID, param: str | None = None, code: str | None = None
) -> JSONResponse:
    """The response for one error."""
    body = OpenAIProblem(error=OpenAIError(message=message, type=type, param=param, code=code))
    return JSONResponse(body.model_dump(), status_code=status)


def unknown_model(name: str, known: str) -> JSONResponse:
    """There is no model of that name; `known` is the one there is."""
    message = f"The model {name[:100]!r} does not exist. This server has one model: {known!r}."
    return openai_error(404, message, param="model", code="model_not_found")


def error_of(error: Exception) -> JSONResponse:
    """The response for an error that a request ended in; the text of an unforeseen one stays in the log."""
    if isinstance(error, AssistantError):
        if isinstance(error, QuestionError):
            return openai_error(400, str(error))
        return openai_error(problem_of(error).status_code, str(error), type="server_error")
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return openai_error(400, first["msg"], param=_path_of(first["loc"]))
    if isinstance(error, HTTPException):
        hint = ". The endpoints are listed at /docs." if error.status_code in (404, 405) else ""
        response = openai_error(error.status_code, f"{error.detail}{hint}")
        response.headers.update(error.headers or {})  # such as Allow
        return response
    _LOG.error("unexpected error: %s", type(error).__name__, exc_info=error)
    return openai_error(500, "Something went wrong on the server; its log says more.", type="server_error")


def install_openai_errors(app: FastAPI) -> None:
    """Give errors below /v1 this shape; those elsewhere keep what `app` does with them already."""
    for kind in (AssistantError, RequestValidationError, HTTPException, Exception):
        app.exception_handlers[kind] = _below_v1(app.exception_handlers[kind])


def _below_v1(elsewhere: _Handler) -> _Handler:
    async def handle(request: Request, error: Exception) -> Response:
        if request.scope["path"].split("/")[1:2] == ["v1"]:
            return error_of(error)
        response = elsewhere(request, error)
        return await response if isawaitable(response) else response

    return handle


def _path_of(location: tuple[Any, ...]) -> str | None:
    """A place in the body as OpenAI writes it, such as `messages[0].content`; None for the body itself."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return path.lstrip(".") if path.startswith(".") else None
