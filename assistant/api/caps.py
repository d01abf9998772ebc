"""What one request may take: bytes, seconds, and a place among those that are computed at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.refusals import Refusal

#: Seconds for a request's body to arrive.
BODY_SECONDS = 20.0


class GoneError(Exception):
    """The client went away before it was its turn."""


async def whole_body(scope: Scope, receive: Receive, most: int) -> Receive:
    """Wait for the body, and give it to the application at once: a slow or endless one costs no more than this.

    Raises:
        Refusal: it is longer than `most` bytes, or takes too long.
        GoneError: the client went away.
    """
    too_long = Refusal(
        413, "The request is too long", f"At most {most:,} bytes are read.", headers={"Connection": "close"}
    )
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > most:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                body += message.get("body", b"")
                if len(body) > most:
                    raise too_long
                more = message.get("more_body", False)
    except TimeoutError:
        detail = f"Its body did not arrive within {BODY_SECONDS:.0f} seconds. Send it again."
        raise Refusal(408, "The request is too slow", detail, headers={"Connection": "close"}) from None
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay


class Places:
    """A number of places for requests that compute, and a queue before them that is served in order."""

    def __init__(self, places: int, waiting: int) -> None:
        """Beyond `waiting` in the queue a request is refused at once, so that nobody waits for ever."""
        self._free = asyncio.Semaphore(places)
        self._waiting = 0
        self._most = waiting

    @asynccontextmanager
    async def one(self, receive: Receive, seconds: float) -> AsyncIterator[None]:
        """A place of one's own. `receive`, from which the body has been read, tells when the client goes away.

        Raises:
            Refusal: the queue is full, or did not move within `seconds`.
            GoneError: the client went away meanwhile.
        """
        if self._free.locked():
            await self._queue(receive, seconds)
        else:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    async def _queue(self, receive: Receive, seconds: float) -> None:
        busy = Refusal(
            503, "The assistant is busy", "Too many questions are waiting. Try again.", headers={"Retry-After": "5"}
        )
        if self._waiting >= self._most:
            raise busy
        self._waiting += 1
        turn, gone = asyncio.create_task(self._free.acquire()), asyncio.create_task(_gone(receive))
        try:
            done, _ = await asyncio.wait({turn, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            done = set()
            raise
        finally:
            self._waiting -= 1
            gone.cancel()
            if turn not in done and not turn.cancel():
                self._free.release()  # it came while nobody looked any more
        if turn not in done:
            raise GoneError if gone in done else busy


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":  # a server may say once more that the body has ended
        pass


async def in_time(app: ASGIApp, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
    """Let the application answer, but refuse in its place when it has said nothing after `seconds`.

    A reply that has begun by then ends, as for a client that goes away. What a thread computes cannot be stopped: this
    returns once the application does, and whatever it says after the refusal goes nowhere.
    """
    started = False
    over = asyncio.Event()

    async def watch() -> None:
        await asyncio.sleep(seconds)
        over.set()
        if not started:
            detail = f"The answer took longer than {seconds:.0f} seconds. Ask a simpler question, or try again."
            await Refusal(503, "The answer took too long", detail, headers={"Retry-After": "10"}).send(scope, send)

    async def send_in_time(message: Message) -> None:
        nonlocal started
        if not over.is_set():
            started = True
            await send(message)

    async def receive_in_time() -> Message:
        message, late = asyncio.ensure_future(receive()), asyncio.create_task(over.wait())
        try:
            await asyncio.wait({message, late}, return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()
            late.cancel()

    watching = asyncio.create_task(watch())
    try:
        await app(scope, receive_in_time, send_in_time)
    finally:
        if not watching.done() and not over.is_set():
            watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
