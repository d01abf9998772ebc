"""The outermost layer of the server: each request gets an id, a span, a line in the log, and is counted."""

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from assistant.api.problems import problem
from assistant.telemetry import context
from assistant.telemetry.metrics import metrics
from assistant.telemetry.traces import end_request, request_span, tracer

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_LOG = logging.getLogger("assistant.access")
_HEADER = b"x-request-id"
# What comes from outside goes into logs and other systems: nothing there takes these signs for anything else.
_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HEARTBEAT = re.compile(r"/heartbeat/")
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
#: What no route takes, whatever it is called.
UNKNOWN = "unknown"
# Asked for every few seconds by machines, or a dozen times by every page: in the log they would drown the rest.
_QUIET = re.compile(r"/(?:healthz|readyz|metrics|assets|static|gradio_api|theme\.css|favicon\.ico)\b")


class Observed:
    """Wraps the whole application, also what refuses requests, in pure ASGI: streams pass as they come.

    The id of a request is its X-Request-Id where that is short and plain, else made; the response has it as header.
    """

    def __init__(self, app: FastAPI) -> None:
        """`app` serves, and its routes name what was asked for.

        Raises:
            SettingsError: traces are to be sent by another protocol than the one we have.
        """
        self.app = app
        self._running: dict[int, Scope] = {}
        tracer()
        metrics()
        # Starlette's own routes do not name themselves as FastAPI's do.
        self._paths = {
            id(route.endpoint if isinstance(route, Route) else route.app): route.path
            for route in app.routes
            if isinstance(route, Route | Mount) and route.path  # the page, which takes what is left, has none
        }

    def at_work(self) -> bool:
        """Whether more is being served than the connections that open pages keep all the time."""
        return any(not _HEARTBEAT.search(self._route(scope)) for scope in self._running.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = context.Request(_id(scope))
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        token = context.request.set(request)
        counted = metrics()
        counted.requests_running.inc()
        self._running[id(scope)] = scope
        try:
            with request_span(method, scope["headers"]) as span:
                await self._serve(scope, receive, send, method, span)
        finally:
            del self._running[id(scope)]
            counted.requests_running.dec()
            context.request.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, method: str, span: "Span | None") -> None:
        request = context.request.get()
        assert request
        start, status, begun, whole = time.perf_counter(), 500, False, False

        async def answer(message: Message) -> None:
            nonlocal status, begun, whole
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                MutableHeaders(scope=message)["X-Request-Id"] = request.id
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self.app(scope, receive, answer)
        except asyncio.CancelledError:
            # Which a server does that is told to stop, once the time to finish is over.
            if begun:
                raise
            stopping = problem(503, "The server is being stopped", "There was no time to answer. Ask again.")
            stopping.headers["Retry-After"] = "5"
            await stopping(scope, receive, answer)
        finally:
            route, spent = self._route(scope), time.perf_counter() - start
            metrics().requests.labels(method, route, str(status)).inc()
            metrics().request_seconds.labels(method, route).observe(spent)
            end_request(span, method, route, status)
            fields = {"method": method, "route": route, "status": status, "ms": round(spent * 1000)}
            if request.answer:
                fields |= {"answer": request.answer, "outcome": request.outcome}
            if not whole:
                fields["cut"] = True
            _LOG.log(logging.DEBUG if _QUIET.match(route) else logging.INFO, "request", extra={"fields": fields})

    def _route(self, scope: Scope) -> str:
        """The template of the route that was taken; the paths themselves are without number."""
        template = getattr(scope.get("route"), "path", None)
        return template or self._paths.get(id(scope.get("endpoint")), UNKNOWN)


def _id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
    return given.decode() if _SANE.fullmatch(given) else uuid4().hex
