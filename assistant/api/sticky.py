"""A visitor of the page stays with one worker: Gradio keeps their queue, their session and their login in its memory.

The answer to the first page sets a cookie that names the worker. A request with the cookie that reaches another worker
is handed on to the named one, over a socket that only this user's processes can reach. Clients without cookies (of the
API, or Gradio's own client) go wherever they land, but for the page's events, which then all go to the first worker.
A worker that is gone is stood in for by the next one, always the same for the same cookie.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpcore
import uvicorn
from filelock import FileLock, Timeout
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.problems import problem

COOKIE = "assistant-worker"
_CLIENT = b"x-assistant-client"  # between workers only: who asks, and by which scheme
_EVENTS = "/gradio_api/"
#: These are about one connection, not about the message; the last two are added anew by the server.
_ONE_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"date", b"server"}


class Sticky:
    """ASGI middleware around a worker's application."""

    def __init__(self, app: ASGIApp, folder: Path, workers: int, graceful: int) -> None:
        """`folder` is the workers' own, with room for short socket names; `graceful` is the number of seconds that
        requests handed on to this worker may take to finish when it stops.
        """
        self._app = app
        self._folder = folder
        self._workers = workers
        self.number, self._lock = _take_number(folder)
        self._door = _Door(self._through_the_door, _socket(folder, self.number), graceful)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request here, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._closing(receive), self._opening(send))
        elif scope["type"] == "http":
            await self._route(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = _named(scope)
        if named is None and scope["path"].startswith(_EVENTS):
            named = 0
        if named is None:
            await self._app(scope, receive, self._with_cookie(scope, send))
            return
        following = [(named + step) % self._workers for step in range(1, self._workers + 1)]
        for number in dict.fromkeys([named, *following]):
            if number == self.number:
                await self._app(scope, receive, send)
                return
            if await _HandOn(_socket(self._folder, number), scope, receive, send).run():
                return
        await self._app(scope, receive, send)

    def _with_cookie(self, scope: Scope, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    secure = "; Secure" if scope.get("scheme") == "https" else ""
                    headers.append("set-cookie", f"{COOKIE}={self.number}; Path=/; HttpOnly; SameSite=Lax{secure}")
            await send(message)

        return marked

    async def _through_the_door(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what another worker has handed on, as if it had come here."""
        headers = dict(scope["headers"])
        client = json.loads(headers.get(_CLIENT, b"{}"))
        scope["client"] = tuple(client["client"]) if client.get("client") else None
        scope["scheme"] = client.get("scheme", "http")
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != _CLIENT]
        await self._app(scope, receive, send)

    def _opening(self, send: Send) -> Send:
        async def opening(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._door.open()
            await send(message)

        return opening

    def _closing(self, receive: Receive) -> Receive:
        async def closing() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._door.close()
            return message

        return closing


class _Door(uvicorn.Server):
    """A second server of the same process and event loop, for the other workers."""

    def __init__(self, app: ASGIApp, path: Path, graceful: int) -> None:
        self._path = path
        self._task: asyncio.Task[None] | None = None
        super().__init__(
            uvicorn.Config(
                app,
                uds=str(path),
                interface="asgi3",
                lifespan="off",
                proxy_headers=False,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=graceful,
            )
        )

    async def open(self) -> None:
        """Listen."""
        self._path.unlink(missing_ok=True)  # of a worker that was killed
        self._task = asyncio.create_task(self.serve())
        while not self.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Finish what is running and end."""
        self.should_exit = True
        if self._task is not None:
            await self._task
        self._path.unlink(missing_ok=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker's first server, which ends this one."""
        yield


class _HandOn:
    """One request on its way to another worker, and the answer on its way back."""

    def __init__(self, path: Path, scope: Scope, receive: Receive, send: Send) -> None:
        self._path, self._scope, self._receive, self._send = path, scope, receive, send
        self._connected = anyio.Event()
        self._read = anyio.Event()  # the request, to its end
        self._started = False

    async def run(self) -> bool:
        """Let the worker behind the socket answer. False, and nothing has happened, if nobody listens there."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._relay, group.cancel_scope)
            group.start_soon(self._watch, group.cancel_scope)
        return self._connected.is_set()

    async def _relay(self, both: anyio.CancelScope) -> None:
        try:
            # No connection is kept: one to a worker that has ended meanwhile would fail halfway.
            async with httpcore.AsyncConnectionPool(uds=str(self._path), max_keepalive_connections=0) as pool:
                response = await pool.handle_async_request(self._request())
                try:
                    await self._answer(response)
                finally:
                    with anyio.CancelScope(shield=True):
                        await response.aclose()
        except httpcore.ConnectError:
            pass  # nothing has been taken from the request yet
        except (httpcore.NetworkError, httpcore.ProtocolError):
            # Halfway through an answer there is nothing to be said any more: the server closes the connection.
            if not self._started:
                gone = problem(503, "The worker has ended", "The worker that held this page has ended. Try again.")
                await gone(self._scope, self._receive, self._send)
        both.cancel()

    async def _answer(self, response: httpcore.Response) -> None:
        headers = [pair for pair in response.headers if pair[0].lower() not in _ONE_HOP]
        self._started = True
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        async for chunk in response.aiter_stream():
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _watch(self, both: anyio.CancelScope) -> None:
        """End it when the client goes, which the other worker sees as its client having gone."""
        await self._connected.wait()
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        both.cancel()

    def _request(self) -> httpcore.Request:
        scope = self._scope
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        names = {name for name, _ in scope["headers"]}
        headers = [(name, value) for name, value in scope["headers"] if name not in _ONE_HOP and name != _CLIENT]
        headers.append((_CLIENT, json.dumps({"client": scope.get("client"), "scheme": scope.get("scheme")}).encode()))
        content: AsyncIterator[bytes] | None = self._body()
        if b"transfer-encoding" in names:
            headers.append((b"transfer-encoding", b"chunked"))
        elif b"content-length" not in names:
            content = None
            self._read.set()
        url = httpcore.URL(scheme=b"http", host=b"worker", port=80, target=target)
        return httpcore.Request(
            scope["method"], url, headers=headers, content=content, extensions={"trace": self._trace}
        )

    async def _body(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._read.set()  # `_watch` is told the same and ends it all
                await anyio.sleep_forever()
            yield message.get("body", b"")
            more = message.get("more_body", False)
        self._read.set()

    async def _trace(self, event: str, _: Any) -> None:
        if event == "connection.connect_unix_socket.complete":
            self._connected.set()


def _named(scope: Scope) -> int | None:
    """The worker that the request's cookie names."""
    with suppress(ValueError):
        number = int(Request(scope).cookies.get(COOKIE, ""))
        return number if 0 <= number < 1000 else None
    return None


def _socket(folder: Path, number: int) -> Path:
    return folder / f"{number}.sock"


def _take_number(folder: Path) -> tuple[int, FileLock]:
    """The lowest number that no living worker has. The lock frees it, whichever way the process ends."""
    for number in count():
        lock = FileLock(folder / f"{number}.lock")
        with suppress(Timeout):
            lock.acquire(timeout=0)
            return number, lock
    raise AssertionError("there are always more numbers")
