"""What operators ask: alive, ready, metrics. Real servers, and a real Chroma that is stopped."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser import free_port, served
from conftest import ChainFactory
from fastapi import FastAPI
from helpers import HashEmbeddings, write_article
from serving import samples

from assistant.api.app import create_app
from assistant.api.operations import operations
from assistant.chain import AnswerChain
from assistant.feedback import Feedback, FeedbackStore
from assistant.index import Index
from assistant.telemetry.metrics import metrics

ASK = {"question": "How high is the tower of Tarn?"}


@pytest.fixture
def chain(tmp_path: Path, make_chain: ChainFactory) -> AnswerChain:
    text = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"
    write_article(tmp_path / "corpus", "tower.md", text, as_of="2024-05-01")
    return make_chain()


@pytest.fixture
def client(chain: AnswerChain) -> Iterator[httpx.Client]:
    chain.warm()
    with served(create_app(chain)) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as made:
        yield made


def scraped(client: httpx.Client) -> dict[str, float]:
    return samples(client.get("/metrics").text)


def test_alive_does_not_read_the_index(chain: AnswerChain) -> None:
    unread = AnswerChain(chain.settings, Index(chain.settings, chain.index.embeddings), chain._scorer)
    app = FastAPI()
    app.include_router(operations(unread))
    with served(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        body = client.get("/healthz").json()
        assert (body["status"], body["articles"], body["revision"]) == ("ok", 0, None)
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["index"] == {"ok": False, "detail": "not loaded"}
        assert client.get("/metrics").status_code == 200
        assert unread.index.loaded is None
        unread.warm()
        assert client.get("/healthz").json()["articles"] == 1
        assert client.get("/readyz").status_code == 200
        unread.index.close()
        assert client.get("/readyz").status_code == 503


def test_alive_answers_while_every_thread_is_busy(client: httpx.Client, chain: AnswerChain) -> None:
    go_on = threading.Event()
    chain._answers = lambda *_: (go_on.wait(60), None)[1]  # type: ignore[method-assign,assignment]
    asking = [threading.Thread(target=client.post, args=("/api/answer",), kwargs={"json": ASK}) for _ in range(45)]
    for thread in asking:
        thread.start()
    try:
        assert client.get("/healthz", timeout=10).status_code == 200
        assert client.get("/readyz", timeout=10).status_code == 200
    finally:
        go_on.set()
        for thread in asking:
            thread.join()


def test_ready_once_warm(chain: AnswerChain) -> None:
    with served(create_app(chain)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        before = client.get("/readyz")
        assert before.status_code == 503
        assert before.json()["checks"]["models"] == {"ok": False, "detail": "being loaded"}
        assert client.get("/healthz").status_code == 200
        chain.warm()
        after = client.get("/readyz")
        assert after.status_code == 200
        assert after.json()["ready"]
        assert after.headers["cache-control"] == "no-store"


def test_not_ready_without_articles(make_chain: ChainFactory, chain: AnswerChain) -> None:
    empty = Index(chain.settings.model_copy(update={"data_dir": chain.settings.data_dir / "other"}), HashEmbeddings())
    assert len(empty.snapshot.passages) == 0
    other = AnswerChain(chain.settings, empty, chain._scorer)
    with served(create_app(other)) as url:
        check = httpx.get(f"{url}readyz", trust_env=False).json()["checks"]["index"]
    empty.close()
    assert not check["ok"]
    assert "assistant sync" in check["detail"]


def test_not_ready_when_chroma_is_gone(tmp_path: Path, make_chain: ChainFactory) -> None:
    write_article(tmp_path / "corpus", "tower.md", "The tower of Tarn is 80 metres high.\n")
    port = free_port()
    command = [
        str(Path(sys.executable).parent / "chroma"),
        "run",
        "--port",
        str(port),
        "--path",
        str(tmp_path / "chroma"),
    ]
    with (tmp_path / "chroma.log").open("wb") as log:
        chroma = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{url}/api/v2/heartbeat", trust_env=False)
                break
            except httpx.TransportError:
                assert chroma.poll() is None, (tmp_path / "chroma.log").read_text()
                threading.Event().wait(0.1)
        chain = make_chain(chroma_url=url)
        chain.warm()
        with served(create_app(chain)) as own, httpx.Client(base_url=own, timeout=30, trust_env=False) as client:
            there = client.get("/readyz")
            assert (there.status_code, there.json()["checks"]["chroma"]["ok"]) == (200, True)
            chroma.send_signal(signal.SIGSTOP)  # takes connections and says nothing
            silent = client.get("/readyz")
            assert silent.status_code == 503
            assert "ReadTimeout" in silent.json()["checks"]["chroma"]["detail"]
            chroma.kill()
            chroma.wait()
            gone = client.get("/readyz")
            assert gone.status_code == 503
            assert "ConnectError" in gone.json()["checks"]["chroma"]["detail"]
            assert client.get("/healthz").status_code == 200
    finally:
        chroma.kill()
        chroma.wait()


def test_metrics_count_what_happened(client: httpx.Client, chain: AnswerChain, tmp_path: Path) -> None:
    before = scraped(client)
    for question in ("How high is the tower of Tarn?", "What is the capital of Mongolia?", "", ""):
        client.post("/api/answer", json={"question": question})
    with client.stream("POST", "/api/answer", json={**ASK, "stream": True}) as reply:
        reply.read()
    answer = chain.invoke(ASK["question"])
    FeedbackStore(tmp_path / "feedback.sqlite3").add(Feedback(question="x", answer=answer, helpful=False))
    after = scraped(client)

    def more(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    answers = 'assistant_answers_total{{outcome="{}",reader="extractive",surface="{}"}}'
    assert more(answers.format("answered", "api")) == 2
    assert more(answers.format("declined", "api")) == 1
    assert more(answers.format("refused", "api")) == 2
    assert more(answers.format("answered", "python")) == 1
    assert more('assistant_http_requests_total{method="POST",route="/api/answer",status="200"}') == 3
    assert more('assistant_http_requests_total{method="POST",route="/api/answer",status="422"}') == 2
    assert more('assistant_answer_seconds_count{reader="extractive"}') == 4
    assert more('assistant_answer_first_sentence_seconds_count{reader="extractive"}') == 3
    for stage in ("standalone", "retrieval", "reading", "grounding"):
        assert more(f'assistant_answer_stage_seconds_count{{stage="{stage}"}}') >= 3
    assert more('assistant_feedback_total{helpful="no"}') == 1
    assert after["assistant_index_articles{}"] == 1
    assert after["assistant_index_passages{}"] == len(chain.index.snapshot.passages)
    assert after["assistant_index_revision{}"] == int(chain.index.snapshot.revision[:12], 16)
    assert after["assistant_answers_running{}"] == 0
    assert after["assistant_http_requests_running{}"] == 1
    assert after["process_resident_memory_bytes{}"] > 1e7


def test_no_label_grows_with_what_is_asked_for(client: httpx.Client) -> None:
    before = set(scraped(client))
    for place in range(30):
        client.get(f"/secret/{place}")
        client.get(f"/api/{place}")
        client.get(f"/gradio_api/file={place}")
        client.request(f"BREW{place}", "/healthz")
        client.post("/api/answer", json={"question": f"Who is number {place}?", "filters": {"topics": [f"t{place}"]}})
    new = set(scraped(client)) - before
    assert 0 < len({name for name in new if "_bucket" not in name}) < 25
    assert not [name for name in new if re.search(r"secret|BREW|t\d|number", name)]


def test_openmetrics_for_those_who_ask_for_it(client: httpx.Client) -> None:
    reply = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    assert reply.text.endswith("# EOF\n")
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")


def test_metrics_are_made_once() -> None:
    assert metrics() is metrics()
