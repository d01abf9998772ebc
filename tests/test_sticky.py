"""Handing requests on between workers: two of them in this process, over real sockets."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn
from browser import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from assistant.api.sticky import COOKIE, Sticky


class Worker(NamedTuple):
    """A worker of the tests: where it listens, what it has seen, how to stop it."""

    url: str
    ended: threading.Event
    server: uvicorn.Server


def application(number: int, ended: threading.Event) -> Starlette:
    async def page(_: Request) -> Response:
        return HTMLResponse(f"worker {number}")

    async def echo(request: Request) -> Response:
        about = {
            "worker": number,
            "client": request.client.host if request.client else None,
            "scheme": request.url.scheme,
            "headers": [[name, value] for name, value in request.headers.items()],
            "query": request.url.query,
            "path": request.url.path,
            "bytes": len(await request.body()),
        }
        return JSONResponse(about, headers={"X-Worker": str(number)})

    async def stream(_: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            try:
                for line in range(600):
                    yield f"{number} {line}\n"
                    await asyncio.sleep(0.05)
            finally:
                ended.set()

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def broken(_: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            yield "begun\n"
            raise ZeroDivisionError

        return StreamingResponse(lines())

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/echo", echo, methods=["GET", "POST"]),
            Route("/gradio_api/echo", echo, methods=["GET", "POST"]),
            Route("/gradio_api/stream", stream),
            Route("/broken", broken),
        ]
    )


@contextmanager
def worker(number: int, folder: Path, **options: Any) -> Iterator[Worker]:
    ended = threading.Event()
    app = Sticky(application(number, ended), folder, workers=2, graceful=1)
    assert app.number == number
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="critical", timeout_graceful_shutdown=1, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    yield Worker(f"http://127.0.0.1:{port}", ended, server)
    server.should_exit = True
    thread.join(15)
    assert not thread.is_alive()


@pytest.fixture
def pair() -> Iterator[tuple[Worker, Worker]]:
    """Two workers, the first with the number 0, the second with 1."""
    with TemporaryDirectory(prefix="assistant-") as folder, ExitStack() as stack:
        yield tuple(stack.enter_context(worker(number, Path(folder))) for number in range(2))  # type: ignore[misc]


def named(number: object) -> dict[str, str]:
    return {"Cookie": f"other=1; {COOKIE}={number}"}


def test_the_first_page_names_the_worker_and_only_a_page_does(pair: tuple[Worker, Worker]) -> None:
    for number, one in enumerate(pair):
        first = httpx.get(one.url)
        assert first.text == f"worker {number}"
        assert first.headers["set-cookie"] == f"{COOKIE}={number}; Path=/; HttpOnly; SameSite=Lax"
        assert "set-cookie" not in httpx.get(one.url, headers=named(number)).headers
        assert "set-cookie" not in httpx.get(f"{one.url}/api/echo").headers
    secure = httpx.get(pair[0].url, headers={"X-Forwarded-Proto": "https"})
    assert secure.headers["set-cookie"].endswith("; Secure")


def test_a_request_reaches_the_named_worker_as_it_was_sent(pair: tuple[Worker, Worker]) -> None:
    for here in pair:
        for number in range(2):
            sent = httpx.post(
                f"{here.url}/gradio_api/echo?a=%2Fb&c=ü",
                content=b"x" * 300_000,
                headers={**named(number), "X-Own": "a, b"},
            )
            told = sent.json()
            assert (told["worker"], told["bytes"], told["client"]) == (number, 300_000, "127.0.0.1")
            assert told["query"] == "a=%2Fb&c=%C3%BC"
            assert ["x-own", "a, b"] in told["headers"]
            assert sent.headers["x-worker"] == str(number)
            assert len(sent.headers.get_list("date")) == len(sent.headers.get_list("server")) == 1


def test_a_body_of_unknown_length_is_handed_on(pair: tuple[Worker, Worker]) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield b"y" * 1000

    told = httpx.post(f"{pair[0].url}/api/echo", content=pieces(), headers=named(1)).json()
    assert (told["worker"], told["bytes"]) == (1, 50_000)


def test_clients_without_cookies_meet_at_the_first_worker_for_the_pages_events_only(
    pair: tuple[Worker, Worker],
) -> None:
    assert [httpx.get(f"{one.url}/gradio_api/echo").json()["worker"] for one in pair] == [0, 0]
    assert [httpx.get(f"{one.url}/api/echo").json()["worker"] for one in pair] == [0, 1]


@pytest.mark.parametrize("value", ["x", "-1", "99999", "", "7"])
def test_a_cookie_that_names_nobody_does_no_harm(value: str, pair: tuple[Worker, Worker]) -> None:
    assert {httpx.get(f"{one.url}/gradio_api/echo", headers=named(value)).status_code for one in pair} == {200}


def test_what_workers_tell_each_other_is_not_taken_from_outside(pair: tuple[Worker, Worker]) -> None:
    forged = {"X-Assistant-Client": json.dumps({"client": ["10.9.8.7", 1], "scheme": "https"})}
    for number in range(2):
        told = httpx.get(f"{pair[0].url}/api/echo", headers={**forged, **named(number)}).json()
        assert (told["client"], told["scheme"]) == ("127.0.0.1", "http")
        assert number == 0 or all(name != "x-assistant-client" for name, _ in told["headers"])


def test_who_asks_through_a_proxy_is_known_to_the_named_worker_too(pair: tuple[Worker, Worker]) -> None:
    behind = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    told = httpx.get(f"{pair[0].url}/api/echo", headers={**behind, **named(1)}).json()
    assert (told["worker"], told["client"], told["scheme"]) == (1, "203.0.113.9", "https")


def test_a_stream_comes_line_by_line_and_ends_when_the_client_goes(pair: tuple[Worker, Worker]) -> None:
    with httpx.stream("GET", f"{pair[0].url}/gradio_api/stream", headers=named(1)) as reply:
        lines = reply.iter_lines()
        assert [next(lines) for _ in range(3)] == ["1 0", "1 1", "1 2"]
        assert not pair[1].ended.is_set()
    assert pair[1].ended.wait(10), "the other worker goes on for nobody"


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(pair: tuple[Worker, Worker]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{pair[0].url}/broken", headers=named(1))


def test_the_next_worker_stands_in_for_one_that_is_gone() -> None:
    with TemporaryDirectory(prefix="assistant-") as name:
        folder = Path(name)
        with worker(0, folder) as first:
            with worker(1, folder):
                assert httpx.get(f"{first.url}/api/echo", headers=named(1)).json()["worker"] == 1
            assert httpx.get(f"{first.url}/api/echo", headers=named(1)).json()["worker"] == 0
            (folder / "1.sock").touch()  # what a killed worker leaves behind
            assert httpx.get(f"{first.url}/api/echo", headers=named(1)).json()["worker"] == 0
