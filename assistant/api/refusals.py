"""A request refused before it reaches an endpoint, in the words and the form that its client understands."""

from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import Message, Scope, Send

from assistant.api.openai.errors import INVALID, openai_error
from assistant.api.problems import problem

#: OpenAI's names for what is wrong, which its clients turn into their exceptions.
_CODES = {401: "invalid_api_key", 413: "request_too_large", 429: "rate_limit_exceeded", 503: "service_unavailable"}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 503: "server_error"}


class Refusal(Exception):
    """What is wrong with a request, and what to do."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self, path: str) -> JSONResponse:
        """Below /v1 as OpenAI's clients read errors, else a problem document."""
        if path.startswith("/v1/"):
            kind = _TYPES.get(self.status, INVALID)
            response = openai_error(self.status, self.detail, type=kind, code=_CODES.get(self.status))
        else:
            response = problem(self.status, self.title, self.detail)
        response.headers.update(self.headers)
        return response

    async def send(self, scope: Scope, send: Send) -> None:
        """Reply to the request of this scope."""
        await self.response(scope["path"])(scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
