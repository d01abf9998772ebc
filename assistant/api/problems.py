"""Errors as RFC 9457 problem documents: the right status, what is wrong, and never a stack trace."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from assistant.errors import AssistantError, CorpusError, ProviderError, QuestionError

_LOG = logging.getLogger(__name__)


class Problem(BaseModel):
    """A problem document, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """The response for one problem."""
    body = Problem(title=title, status=status, detail=detail).model_dump()
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def problem_of(error: Exception) -> JSONResponse:
    """The response for an error; of one that is not our own, the log says more and the client nothing."""
    if isinstance(error, QuestionError):
        return problem(422, "The question cannot be answered as it is", str(error))
    if isinstance(error, CorpusError):
        return problem(503, "No articles", str(error))
    if isinstance(error, ProviderError):
        return problem(502, "The provider did not answer", str(error))
    if isinstance(error, AssistantError):
        return problem(500, "The assistant cannot answer", str(error))
    _LOG.error("unexpected error: %s", type(error).__name__, exc_info=error)
    return problem(500, "Internal error", "Something went wrong on the server; its log says more.")


def install_problems(app: FastAPI) -> None:
    """Let every error of `app` end in a problem document."""

    @app.exception_handler(AssistantError)
    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        where = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        return problem(422, "The request is not valid", where)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        response = problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail))
        response.headers.update(error.headers or {})  # such as Allow
        return response
