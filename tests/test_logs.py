"""The log: each line one event with the request it belongs to, whoever writes it and in whichever thread."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from helpers import write_article
from openai_server import OpenAIServer, Reply
from serving import Served, serving

from assistant.api.observing import Observed
from assistant.api.problems import install_problems
from assistant.settings import Settings
from assistant.telemetry import context
from assistant.telemetry.logs import JsonLines, TextLines, configure_logs

TOWER = "The tower of Tarn is 80 metres high"
ASK = "How high is the tower of Tarn?"
SECRET = "Zanzibar"


def record(message: str, *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("assistant.x", logging.WARNING, "x.py", 1, message, args, extra.pop("exc_info", None))
    for name, value in extra.items():
        setattr(made, name, value)
    return made


def raised() -> Any:
    try:
        try:
            raise KeyError(f"{SECRET} of the inner one")
        except KeyError as error:
            raise ValueError(f"{SECRET}\n2026-01-01T00:00:00.000Z INFO    assistant: forged") from error
    except ValueError:
        return sys.exc_info()


HOSTILE = "a\nb\r\nc\x1b[31md\u2028e\x00f\u202eg\ud800h"


def test_no_text_begins_a_new_line() -> None:
    hostile = record("said %s", HOSTILE, fields={"route": HOSTILE})
    for line in (TextLines().format(hostile), JsonLines().format(hostile)):
        assert len(line.splitlines()) == 1
        assert line.isprintable()
    parsed = json.loads(JsonLines().format(hostile))
    assert (parsed["message"], parsed["route"], parsed["level"]) == (f"said {HOSTILE}", HOSTILE, "warning")


def test_an_error_is_told_by_type_and_place_alone() -> None:
    failed = record("no answer", exc_info=raised())
    text, entry = TextLines().format(failed), json.loads(JsonLines().format(failed))
    first, *rest = text.split("\n")
    assert first.endswith("WARNING assistant.x: no answer")
    assert all(line.startswith("    ") for line in rest)
    assert entry["exception"][-1] == "builtins.ValueError"
    assert "builtins.KeyError" in entry["exception"]
    assert "test_logs.py:" in entry["exception"][0]
    assert SECRET not in text + json.dumps(entry)
    assert "forged" not in text


def test_the_request_stands_in_every_line() -> None:
    token = context.request.set(context.Request("r-1"))
    answering = context.answering.set("a-1")
    try:
        entry = json.loads(JsonLines().format(record("x", fields={"outcome": None})))
        text = TextLines().format(record("x", fields={"outcome": None}))
    finally:
        context.request.reset(token)
        context.answering.reset(answering)
    assert (entry["request"], entry["answer"]) == ("r-1", "a-1")
    assert text.endswith("assistant.x: x request=r-1 answer=a-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"])
    assert "request" not in json.loads(JsonLines().format(record("x")))


@pytest.fixture
def untouched() -> Iterator[None]:
    """Put the loggers back as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("assistant", "uvicorn")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


@pytest.mark.usefixtures("untouched")
def test_others_are_heard_from_warnings_on_alone(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings.load(log_level="debug", log_format="json"))
    configure_logs(Settings.load(log_level="debug", log_format="json"))
    logging.getLogger("openai._base_client").debug("request with %s", SECRET)
    logging.getLogger("httpx").info("POST http://x/?q=%s", SECRET)
    logging.getLogger("assistant.chain").debug("ours")
    logging.getLogger("chromadb").warning("theirs")
    lines = [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["ours", "theirs"]


# -- ids of requests ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def echo() -> Iterator[TestClient]:
    """An application that says the id of its request, from a thread; and one that breaks."""
    app = FastAPI()
    install_problems(app)

    @app.get("/id")
    def own() -> str:
        request = context.request.get()
        assert request
        return request.id

    @app.get("/break")
    def fail() -> None:
        raise ZeroDivisionError(SECRET)

    with TestClient(Observed(app), raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize("given", ["a", "7f3c-12.b_9", "x" * 128])
def test_an_id_that_is_sane_is_kept(given: str, echo: TestClient) -> None:
    reply = echo.get("/id", headers={"X-Request-Id": given})
    assert (reply.json(), reply.headers.get_list("x-request-id")) == (given, [given])


@pytest.mark.parametrize(
    "given", [None, "", " ", "a b", "a\tb", "-a", "x" * 129, "ä", "<b>", '"', "a\n", "a=b", "$(x)"]
)
def test_another_is_made(given: str | None, echo: TestClient) -> None:
    headers = {b"x-request-id": given.encode("latin-1")} if given is not None else {}
    reply = echo.get("/id", headers=headers)
    assert re.fullmatch(r"[0-9a-f]{32}", reply.json())
    assert reply.headers["x-request-id"] == reply.json()


def test_what_goes_wrong_has_an_id_too(echo: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    formatted: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            formatted.append(JsonLines().format(record))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    try:
        for path, status in (("/break", 500), ("/nothing", 404)):
            reply = echo.get(path, headers={"X-Request-Id": "r-2"})
            assert (reply.status_code, reply.headers["x-request-id"]) == (status, "r-2")
    finally:
        logging.getLogger().removeHandler(handler)
    entries = [json.loads(line) for line in formatted]
    errors = [entry for entry in entries if entry["logger"] == "assistant.api.problems"]
    assert [(entry["request"], entry["exception"][-1]) for entry in errors] == [("r-2", "builtins.ZeroDivisionError")]
    assert SECRET not in "".join(formatted)


# -- a real server -----------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path, openai_server: OpenAIServer) -> Iterator[Served]:
    write_article(tmp_path / "corpus", "tower.md", f"{TOWER}. {SECRET} was there.\n", as_of="2024-05-01")
    environment = {"OPENAI_API_KEY": "sk-none", "OPENAI_BASE_URL": openai_server.url, "ASSISTANT_LOG_FORMAT": "json"}
    with serving(tmp_path, **environment) as made:
        yield made


def test_a_real_server_logs_who_when_what_and_nothing_said(served: Served, openai_server: OpenAIServer) -> None:
    openai_server.always = Reply(f"{SECRET} in the text of an error", status=401)
    with httpx.Client(base_url=served.url, timeout=60, trust_env=False) as client:
        for place, stream in enumerate((False, True)):
            asked = {"question": f"{ASK} {SECRET}?", "stream": stream}
            client.post(f"/api/answer?q={SECRET}", json=asked, headers={"X-Request-Id": f"r-{place}"})
        client.get(f"/{SECRET}?{SECRET}", headers={"X-Request-Id": "r-2"})
        client.post("/api/answer", json={"question": SECRET, "filters": {"topics": [SECRET]}})
        client.post("/api/answer", content=f'{{"{SECRET}": 1}}')
    lines = served.lines()
    for place in (0, 1):
        own = [line for line in lines if line.get("request") == f"r-{place}"]
        # The chain's warning comes from a thread of the pool.
        assert [line["logger"] for line in own] == ["assistant.chain", "assistant.answers", "assistant.access"]
        assert len({line["answer"] for line in own}) == 1
        assert "AuthenticationError" in own[0]["message"]
        access = {name: own[2][name] for name in ("level", "method", "route", "status", "outcome")}
        assert access == {
            "level": "info", "method": "POST", "route": "/api/answer", "status": 200, "outcome": "answered"
        }  # fmt: skip
        assert own[2]["ms"] >= own[1]["ms"] > 0
    assert [line["route"] for line in lines if line.get("request") == "r-2"] == ["unknown"]
    assert {"uvicorn.error"} <= {line["logger"] for line in lines}
    assert SECRET not in served.log.read_text()
    assert "metres" not in served.log.read_text()
    probes = [line for line in lines if line.get("route") in ("/readyz", "/healthz")]
    assert not probes
