"""What a chat provider can do wrong, end to end: our server on loopback asks a server on loopback that misbehaves."""

import json
import logging
import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from browser import served
from helpers import ROOT, write_article
from openai_server import OpenAIServer, Reply

from assistant.answer import Answer, Outcome, Usage
from assistant.api.app import create_app
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.grounding.entailment import SupportModel
from assistant.index import Index
from assistant.reading.chat import ChatReader, load_chat_model
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

KEY = "sk-very-secret-key"
MODEL = "openai:gpt-4.1-mini"
ASK = "How high is the tower of Tarn?"
TOWER = "The tower of Tarn is 80 metres high."
SUPPORTED = f"{TOWER[:-1]} [1]."
DEADLINE = 3.0
AT_MOST = DEADLINE + 20.0  # with our own work on a busy machine; what hangs takes for ever


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(
    provider: OpenAIServer,
    tmp_path_factory: pytest.TempPathFactory,
    local_embeddings: LocalEmbeddings,
    scorer: Scorer,
    support_model: SupportModel,
) -> Iterator[httpx.Client]:
    away = tmp_path_factory.mktemp("failures")
    text = f"{TOWER} It was finished in March 1998 by the builder Ada Brook.\n"
    write_article(away / "corpus", "tower.md", text, outlet="The Tarn Times", as_of="2024-05-01")
    settings = Settings.load(
        corpus_dir=away / "corpus",
        data_dir=away / "data",
        prompts_dir=ROOT / "prompts",
        model_timeout=DEADLINE,
        openai_api_key=KEY,
        openai_base_url=provider.url,
    )
    reader = ChatReader(MODEL, load_chat_model(settings), settings)
    chain = AnswerChain(settings, Index(settings, local_embeddings), scorer, reader, support_model)
    chain.sync()
    chain.warm()
    with (
        served(create_app(chain), log_level="debug") as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as made,
    ):
        yield made
    chain.index.close()


@pytest.fixture(autouse=True)
def nothing_scripted(provider: OpenAIServer) -> None:
    provider.replies.clear()
    provider.requests.clear()
    provider.always = None


def ask(client: httpx.Client, stream: bool, **fields: Any) -> Answer:
    """The final answer to one question, after looking at every sentence on the way."""
    start = time.monotonic()
    reply = client.post("/api/answer", json={"question": ASK, "stream": stream, **fields})
    assert time.monotonic() - start < AT_MOST
    assert reply.status_code == 200
    assert KEY not in reply.text
    if not stream:
        answer = Answer.model_validate(reply.json())
    else:
        events = [block.split("\ndata: ") for block in reply.text.removesuffix("\n\n").split("\n\n")]
        names = ["searching", "sources", *["sentence"] * (len(events) - 3), "done"]
        assert [name for name, _ in events] == [f"event: {name}" for name in names]
        for shown in (json.loads(data) for _, data in events[2:-1]):  # each could be the last that a reader sees
            assert shown["sentence"]["citations"] == [citation["number"] for citation in shown["citations"]] != []
            assert all(citation["quote"] in TOWER for citation in shown["citations"])
        answer = Answer.model_validate_json(events[-1][1])
    assert {int(n) for n in re.findall(r"\[(\d+)\]", answer.answer)} == {c.number for c in answer.citations}
    assert not re.search(r"\[(?!\d+\])|(?<!\d)\]", answer.answer)
    assert all(citation.quote in TOWER for citation in answer.citations)
    return answer


def events(*datas: object) -> bytes:
    return b"".join(
        b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n" for data in datas
    )


def raw(content: bytes, status: int = 200, kind: str = "text/event-stream") -> Reply:
    return Reply(status=status, body=content, headers={"content-type": kind})


def delta(**fields: object) -> dict[str, object]:
    return {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields}]}


MANY = [f"The tower of Tarn is {number} metres high [1]. " for number in range(1000, 9000)]
# On a busy machine the deadline may come first.
TOO_LONG = "did not (stop after 6,000 characters|finish within 3 seconds)"
NOISE = random.Random(4).randbytes(20_000)
FAILURES = {
    "key refused": (Reply(f"Incorrect API key provided: {KEY}", status=401), r"status 401\), the key was refused"),
    "key not allowed": (Reply(f"{KEY} has no access", status=403), r"status 403\), the key is not allowed"),
    "no such model": (Reply(f"The model does not exist: {KEY}", status=404), r"status 404\), no such model"),
    "too many requests": (Reply(f"{KEY} is over its quota", status=429), r"status 429\), too many requests"),
    "come back much later": (Reply("slow down", status=429, headers={"retry-after": "60"}), "within 3 seconds"),
    "server error": (Reply(f"oops {KEY}", status=500), "status 500"),
    "overloaded": (Reply("overloaded", status=503), "status 503"),
    "a proxy's page": (raw(b"<html>Bad gateway", 502, "text/html"), "status 502"),
    "silent": (Reply(SUPPORTED, delay=60), "within 3 seconds"),
    "silent in the middle": (Reply(chunks=[SUPPORTED, " It was", " finished."], silent_after=2), "within 3 seconds"),
    "cut at the beginning": (Reply(chunks=[SUPPORTED], cut_after=0), "failed"),
    "cut in the middle": (Reply(chunks=[SUPPORTED, " It was", " in March 1998 [", "1]. "], cut_after=3), "failed"),
    "cut in the headers' wake": (Reply(body="{}" * 50, cut_after=30), "failed"),
    "empty": (Reply(""), "empty"),
    "white space": (Reply(" \n\t \n"), "empty"),
    "no words": (Reply("… [1]. ??? \x00\x01 [2]"), "empty"),
    "only thoughts": (Reply(f"<think>{SUPPORTED} Well. And so on."), "empty"),
    "half a sentence": (Reply(SUPPORTED[:-5], finish="length"), "cut short"),
    "no body": (raw(b""), "failed"),
    "garbage": (raw(NOISE), "failed"),
    "garbage as JSON": (raw(NOISE, kind="application/json"), "failed"),
    "garbage in an event": (raw(events(NOISE.replace(b"\n", b""))), "failed"),
    "half of a JSON": (raw(events(delta(content=SUPPORTED), b'{"choices": [{"del')), "failed"),
    "JSON of something else": (raw(events({"hello": KEY})), "empty"),
    "JSON list": (raw(events([1, 2], b"[DONE]")), "failed"),
    "JSON with wrong types": (raw(events({"choices": [{"index": "x", "delta": 7}]})), "failed"),
    "JSON with a number for text": (raw(events(delta(content=80))), "failed"),
    "JSON of a whole page": (raw(json.dumps({"message": KEY}).encode(), kind="application/json"), "failed"),
    "an error in the stream": (raw(events(delta(content="So"), {"error": {"message": KEY}})), "failed"),
    "50,000 tokens": (Reply(chunks=MANY), TOO_LONG),
    "50,000 tokens in a line": (Reply("tower" * 50_000), TOO_LONG),
    "the same for ever": (Reply(chunks=[f"{SUPPORTED} "] * 5_000), TOO_LONG),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # OpenAI's library on wrong types
def test_every_failure_ends_in_quotes_and_a_statement(
    failure: str,
    stream: bool,
    client: httpx.Client,
    provider: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    provider.always, reason = FAILURES[failure]
    with caplog.at_level(logging.DEBUG):
        answer = ask(client, stream)
    assert answer.outcome is Outcome.ANSWERED
    assert answer.answer.endswith(f"{TOWER} [1]")
    assert answer.reader == "extractive"
    assert answer.standalone_question == ASK
    assert answer.notice is not None
    assert answer.notice.startswith("Fell back to quoting, because ")
    assert re.search(reason, answer.notice)
    assert "Traceback" not in caplog.text
    assert KEY not in caplog.text + "".join(capfd.readouterr())
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "first",
    [Reply("slow down", status=429), Reply("oops", status=500), Reply("overloaded", status=503), Reply(delay=60)],
    ids=["429", "500", "503", "silent"],
)
def test_what_passes_is_tried_again(first: Reply, stream: bool, client: httpx.Client, provider: OpenAIServer) -> None:
    provider.replies.append(first)
    provider.always = Reply(SUPPORTED)
    answer = ask(client, stream)
    assert (answer.reader, answer.notice) == (MODEL, None)
    assert answer.answer == f"{TOWER} [1]"
    assert len(provider.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_does_not_pass_is_not_tried_again(status: int, client: httpx.Client, provider: OpenAIServer) -> None:
    provider.always = Reply("no", status=status)
    assert ask(client, stream=False).reader == "extractive"
    assert len(provider.requests) == 1


def test_what_is_given_up_is_not_asked_for_later(client: httpx.Client, provider: OpenAIServer) -> None:
    provider.always = Reply("slow down", status=429, headers={"retry-after": "4"})
    assert "within 3 seconds" in (ask(client, stream=True).notice or "")
    time.sleep(2)
    assert len(provider.requests) == 1


HISTORY = [{"question": ASK, "answer": "80 metres [1]."}]


@pytest.mark.parametrize("failure", ["key refused", "silent", "garbage", "50,000 tokens"])
def test_a_rewriting_that_fails_loses_no_question(failure: str, client: httpx.Client, provider: OpenAIServer) -> None:
    provider.always, reason = FAILURES[failure]
    answer = ask(client, stream=False, question="How high is it?", history=HISTORY)
    assert answer.answer.endswith(f"{TOWER} [1]")
    assert answer.notice is not None
    assert re.search(reason, answer.notice)
    assert answer.notice.count("Fell back to quoting") == 1
    asked = {request.body["messages"][0]["content"] for request in provider.requests}
    assert len(asked) == 1  # the answer is not asked for where the rewriting failed


def test_the_deadline_is_one_for_rewriting_and_answer(client: httpx.Client, provider: OpenAIServer) -> None:
    provider.replies += [Reply(chunks=[ASK], delay=1.0), Reply(chunks=[SUPPORTED], silent_after=0)]
    start = time.monotonic()
    answer = ask(client, stream=False, question="How high is it?", history=HISTORY)
    assert time.monotonic() - start > DEADLINE - 0.5
    assert answer.standalone_question == ASK
    assert "within 3 seconds" in (answer.notice or "")
    assert len(provider.requests) == 2


def test_a_provider_that_hangs_holds_up_nobody(client: httpx.Client, provider: OpenAIServer) -> None:
    provider.always = Reply(delay=60)
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        hanging = [pool.submit(ask, client, stream=True) for _ in range(8)]
        assert client.get("/healthz").json()["reader"] == MODEL
        answers = [future.result() for future in hanging]
    assert time.monotonic() - start < AT_MOST  # one after the other they would take 8 deadlines
    assert {answer.answer.endswith(f"{TOWER} [1]") for answer in answers} == {True}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_usage_is_reported(stream: bool, client: httpx.Client, provider: OpenAIServer) -> None:
    provider.replies += [Reply(ASK), Reply(SUPPORTED)]
    answer = ask(client, stream, question="How high is it?", history=HISTORY)
    assert (answer.reader, answer.notice) == (MODEL, None)
    words = [sum(len(m["content"].split()) for m in request.body["messages"]) for request in provider.requests]
    written = len(ASK.split()) + len(SUPPORTED.split())
    assert answer.usage == Usage(input_tokens=sum(words), output_tokens=written)
    provider.always = Reply("no", status=401)
    assert ask(client, stream).usage is None
