"""The HTTP surface: a real server on loopback over a small corpus."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api import ASK, assert_problem, calling, events, tower
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.answer import Answer
from assistant.api.app import create_app
from assistant.api.problems import install_problems
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.errors import CorpusError, IndexLockedError, ProviderError
from assistant.index import Index
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

ANSWER_FIELDS = {
    "answer", "outcome", "sentences", "citations", "standalone_question", "reader", "usage", "timings_ms", "id",
    "withheld", "confidence", "found",
}  # fmt: skip
CITATION_FIELDS = {
    "number", "article_id", "title", "outlet", "url", "published", "as_of", "quote", "start", "end", "passage", "copies"
}  # fmt: skip


@pytest.fixture(scope="module")
def chain(
    tmp_path_factory: pytest.TempPathFactory, local_embeddings: LocalEmbeddings, scorer: Scorer
) -> Iterator[AnswerChain]:
    with tower(tmp_path_factory.mktemp("api"), local_embeddings, scorer) as made:
        yield made


@pytest.fixture(scope="module")
def client(chain: AnswerChain) -> Iterator[httpx.Client]:
    with calling(chain) as made:
        yield made


def test_an_answer_has_the_fields_of_the_interface(client: httpx.Client, chain: AnswerChain) -> None:
    reply = client.post("/api/answer", json=ASK)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) - {"notice"} == ANSWER_FIELDS
    assert body["answer"] == "The tower of Tarn is 80 metres high. [1]" or body["answer"].endswith("metres high. [1]")
    assert body["outcome"] == "answered"
    (sentence,) = body["sentences"]
    assert {"text", "citations", "verdict"} <= set(sentence)
    assert sentence["citations"] == [1]
    assert sentence["verdict"] == "supported"
    (citation,) = body["citations"]
    assert set(citation) == CITATION_FIELDS
    assert citation["as_of"] == "2024-05-01"
    assert citation["outlet"] == "The Tarn Times"
    assert chain.index.snapshot.articles["tower"].text[citation["start"] : citation["end"]] == citation["quote"]
    assert body["reader"] == "extractive"
    assert body["notice"] is None
    assert all(isinstance(spent, float) for spent in body["timings_ms"].values())


def test_a_decline_is_an_answer(client: httpx.Client) -> None:
    body = client.post("/api/answer", json={"question": "What is the capital of Mongolia?"}).json()
    assert (body["outcome"], body["citations"], body["sentences"]) == ("declined", [], [])


def test_history_comes_with_the_request(client: httpx.Client) -> None:
    asked = {"question": "And when was it finished?", "history": [{**ASK, "answer": "80 metres [1]."}]}
    body = client.post("/api/answer", json=asked).json()
    assert "Tarn" in body["standalone_question"]
    assert "March 1998" in body["answer"]


@pytest.mark.parametrize("stream", [False, True])
def test_filters_come_with_the_request(client: httpx.Client, stream: bool) -> None:
    def ask(**filters: object) -> httpx.Response:
        return client.post("/api/answer", json={**ASK, "filters": filters, "stream": stream})

    for passing in ({"since": "2024-05-01", "until": "2024-05-01"}, {"outlets": ["the tarn times"]}, {}):
        assert "80 metres" in ask(**passing).text
    assert "No article passes the filter (since 2 May 2024)" in ask(since="2024-05-02").text
    said = assert_problem(ask(outlets=["Tarn"]), 422)["detail"]
    assert said == "No article has the outlet 'Tarn'. The outlets are: The Tarn Times."
    assert "None has any topic." in assert_problem(ask(topics=["law"]), 422)["detail"]
    for since in ("soon", 0, "20240501", 1714521600):
        assert "filters.since" in assert_problem(ask(since=since), 422)["detail"]
    assert "filters.outlet" in assert_problem(ask(outlet="The Tarn Times"), 422)["detail"]


def test_a_stream_ends_with_the_same_answer(client: httpx.Client) -> None:
    with client.stream("POST", "/api/answer", json={**ASK, "stream": True}) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        found = events(reply.read().decode())
    assert [name for name, _ in found] == ["searching", "sources", "sentence", "done"]
    searching, sources, sentence, done = (data for _, data in found)
    answer = Answer.model_validate(done)
    assert searching == {"id": answer.id}
    assert (sources["id"], sources["standalone_question"]) == (answer.id, answer.standalone_question)
    assert [part["article_id"] for part in sources["found"]] == [part.article_id for part in answer.found]
    assert sentence["number"] == 1
    assert sentence["sentence"] == done["sentences"][0]
    assert sentence["citations"] == done["citations"]
    whole = Answer.model_validate(client.post("/api/answer", json={**ASK, "stream": False}).json())
    without = {"id", "timings_ms"}
    assert answer.model_dump(exclude=without) == whole.model_dump(exclude=without)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"question": ""}, "empty"),
        ({"question": " \x00\u200b "}, "empty"),
        ({"question": "a" * 20_000}, "20,000"),
        ({"question": "", "stream": True}, "empty"),
        ({}, "question"),
        ({"question": 7}, "question"),
        ({"question": None}, "question"),
        ([], "body"),
        ({"question": "x", "history": [{"question": "x"}]}, "history.0.answer"),
        ({"question": "x", "history": [{"question": "x", "answer": "y"}] * 101}, "history"),
        ({"question": "x", "histroy": []}, "histroy"),
        ({"question": "x", "stream": "perhaps"}, "stream"),
        ({"question": "x", "request_id": ""}, "request_id"),
        ({"question": "x", "request_id": "a" * 201}, "request_id"),
    ],
)
def test_a_request_that_cannot_be_answered(client: httpx.Client, sent: object, says: str) -> None:
    assert says in assert_problem(client.post("/api/answer", json=sent), 422)["detail"]


@pytest.mark.parametrize("body", [b"", b"no json", b'{"question": ', b"\xff\xfe", b'{"question": "\\ud800"}', b"NaN"])
def test_a_body_that_is_no_json(client: httpx.Client, body: bytes) -> None:
    assert_problem(client.post("/api/answer", content=body, headers={"content-type": "application/json"}), 422)


def test_routes_and_methods(client: httpx.Client) -> None:
    for path in ("/api/nothing", "/api", "/api/answer/"):
        assert_problem(client.get(path), 404)
    for method in ("GET", "PUT", "DELETE"):
        reply = client.request(method, "/api/answer")
        assert_problem(reply, 405)
        assert reply.headers["allow"] == "POST"
    assert_problem(client.post("/healthz"), 405)


def test_health(client: httpx.Client, chain: AnswerChain) -> None:
    body = client.get("/healthz").json()
    assert body["status"] == "ok"
    assert body["articles"] == 1
    assert body["revision"] == chain.index.snapshot.revision
    assert body["reader"] == "extractive"
    assert re.fullmatch(r"\d+\.\d+\.\d+", body["version"])


def test_the_description_of_the_interface(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert {"/api/answer", "/healthz"} <= set(schema["paths"])
    assert set(schema["components"]["schemas"]["Citation"]["properties"]) == CITATION_FIELDS
    assert set(schema["components"]["schemas"]["Answer"]["properties"]) >= ANSWER_FIELDS
    responses = schema["paths"]["/api/answer"]["post"]["responses"]
    assert set(responses) >= {"200", "422", "500"}


@pytest.mark.parametrize("path", ["/docs", "/"])
def test_pages_load_nothing_from_another_host(client: httpx.Client, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    loaded = re.findall(
        r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)\s*=\s*["']?([^"'\s>]+)""", reply.text
    )
    loaded += re.findall(r"""url\(["']?([^"')]+)""", reply.text)
    loaded += re.findall(r"""@import\s+["']([^"']+)""", reply.text)
    base = str(client.base_url).rstrip("/")
    for address in loaded:
        assert not re.match(r"(?:[a-z]+:)?//", address) or address.startswith(base), address


def test_docs_name_the_endpoint(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "POST /api/answer" in page
    assert "<script src" not in page


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CorpusError("no articles"), 503),
        (ProviderError("the provider failed"), 502),
        (IndexLockedError("in use"), 500),
        (ZeroDivisionError("secret path /etc"), 500),
    ],
)
def test_errors_of_our_own_and_unforeseen_ones(error: Exception, status: int) -> None:
    app = FastAPI()
    install_problems(app)

    @app.get("/break")
    def fail() -> None:
        raise error

    with TestClient(app, raise_server_exceptions=False) as client:
        reply = client.get("/break")
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == status
    assert "secret" not in reply.text


def test_an_empty_index_is_no_articles(local_embeddings: LocalEmbeddings, scorer: Scorer, tmp_path: Path) -> None:
    settings = Settings.load(corpus_dir=tmp_path, data_dir=tmp_path / "data", chat_model="extractive")
    empty = AnswerChain(settings, Index(settings, local_embeddings), scorer)
    try:
        with TestClient(create_app(empty), raise_server_exceptions=False) as client:
            for stream in (False, True):
                assert_problem(client.post("/api/answer", json={**ASK, "stream": stream}), 503)
            assert client.get("/healthz").json()["articles"] == 0
    finally:
        empty.index.close()
