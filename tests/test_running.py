"""The server is told to stop: a real process, real signals."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import box, ready
from helpers import write_article
from openai_server import OpenAIServer, Reply
from playwright.sync_api import Browser
from serving import Served, serving

FIRST, SECOND = "The tower of Tarn is 80 metres high", "It was finished in March 1998 by the builder Ada Brook"
ASK = {"question": "How high is the tower of Tarn, and when was it finished?", "stream": True}


@pytest.fixture
def served(tmp_path: Path, openai_server: OpenAIServer) -> Iterator[Served]:
    """A server whose model writes for some seconds, unless the test says otherwise."""
    write_article(tmp_path / "corpus", "tower.md", f"{FIRST}. {SECOND}.\n", as_of="2024-05-01")
    openai_server.always = Reply(chunks=[f"{FIRST} [1]. ", f"{SECOND} [1].", " ", " ", " "], pause=0.8)
    environment = {"OPENAI_API_KEY": "sk-none", "OPENAI_BASE_URL": openai_server.url}
    with serving(tmp_path, ASSISTANT_SHUTDOWN_SECONDS="90", ASSISTANT_LOG_FORMAT="json", **environment) as made:
        yield made


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def asking(pool: ThreadPoolExecutor, served: Served, openai_server: OpenAIServer, **fields: Any) -> Future[str]:
    """The body of an answer that is on its way: the model has been asked."""

    def post() -> str:
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.post(f"{served.url}/api/answer", json={**ASK, **fields}).text

    future = pool.submit(post)
    while not openai_server.requests:
        assert not future.done(), future.result()
        time.sleep(0.02)
    return future


def whole(body: str) -> bool:
    """Whether the stream ends with the whole answer."""
    *_, last = body.removesuffix("\n\n").split("\n\n")
    name, data = last.split("\n")
    return name == "event: done" and len(json.loads(data.removeprefix("data: "))["sentences"]) == 2


def refuses(served: Served) -> bool:
    try:
        httpx.get(f"{served.url}/healthz", trust_env=False)
    except httpx.ConnectError:
        return True
    return False


def test_what_is_being_answered_is_finished(
    served: Served, openai_server: OpenAIServer, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    answer = asking(pool, served, openai_server)
    served.process.send_signal(signal.SIGTERM)
    while not refuses(served):
        time.sleep(0.05)
    assert not answer.done()  # nothing new is taken while it goes on
    assert whole(answer.result())
    assert served.process.wait(45) == 0
    requests = [line for line in served.lines() if line.get("route") == "/api/answer"]
    assert [(line["status"], line["outcome"]) for line in requests] == [(200, "answered")]
    assert not [line for line in served.lines() if line["level"] in ("error", "critical")]


def test_ctrl_c_is_no_failure_either(served: Served) -> None:
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(45) == 0
    assert "Traceback" not in served.log.read_text()


def test_what_takes_too_long_is_given_up(tmp_path: Path, openai_server: OpenAIServer, pool: ThreadPoolExecutor) -> None:
    write_article(tmp_path / "corpus", "tower.md", f"{FIRST}. {SECOND}.\n", as_of="2024-05-01")
    openai_server.always = Reply(delay=100)
    environment = {"OPENAI_BASE_URL": openai_server.url, "ASSISTANT_MODEL_TIMEOUT": "100"}
    with serving(tmp_path, ASSISTANT_SHUTDOWN_SECONDS="1", **environment) as served:
        answer = asking(pool, served, openai_server, stream=False)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(45) == 1
        assert json.loads(answer.result())["status"] == 503
        assert "answers were cut off" in served.log.read_text()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_it_ends_at_once(
    sign: signal.Signals, served: Served, openai_server: OpenAIServer, pool: ThreadPoolExecutor
) -> None:
    openai_server.always = Reply(delay=100)
    answer = asking(pool, served, openai_server)
    served.process.send_signal(sign)
    while not refuses(served):
        time.sleep(0.05)
    assert served.process.poll() is None
    served.process.send_signal(sign)
    assert served.process.wait(45) == -sign
    with pytest.raises(httpx.TransportError):
        answer.result()


def test_a_page_that_is_open_holds_nothing_up(served: Served, browser: Browser) -> None:
    page = browser.new_page()
    ready(page, served.url)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(45) == 0  # half of the time that answers would get
    page.close()


def test_an_answer_in_the_page_is_finished(served: Served, openai_server: OpenAIServer, browser: Browser) -> None:
    page = browser.new_page()
    ready(page, served.url)
    box(page).fill(str(ASK["question"]))
    with page.expect_response("**/queue/data*"):
        box(page).press("Enter")
    while not openai_server.requests:
        page.wait_for_timeout(50)
    served.process.send_signal(signal.SIGTERM)
    page.get_by_text("Ada Brook").first.wait_for(timeout=45_000)
    page.locator(".turn footer.small").wait_for(timeout=45_000)
    assert served.process.wait(45) == 0
    page.close()
