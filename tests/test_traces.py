"""Traces, as an OTLP receiver on loopback gets them from a real server."""

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
import pytest
from helpers import write_article
from openai_server import OpenAIServer, Reply
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from serving import Served, serving

TOWER = "The tower of Tarn is 80 metres high"
ASK = "How high is the tower of Tarn?"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Receiver:
    """Takes OTLP over HTTP as a collector does; keeps the spans, and what was sent as it stands."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.raw = b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/v1/traces"
                receiver.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test output clean."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def take(self, body: bytes) -> None:
        self.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resources.append(attributes(resource.resource))
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def of(self, trace: str) -> list[Span]:
        """The spans of one trace, in the order of their beginning, once its request is there."""
        for _ in range(300):
            found = [span for span in self.spans if span.trace_id.hex() == trace]
            if any(span.kind == Span.SPAN_KIND_SERVER for span in found):
                return sorted(found, key=lambda span: span.start_time_unix_nano)
            time.sleep(0.1)
        raise AssertionError(f"no trace {trace}; there are {[span.name for span in self.spans]}")

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in of.attributes}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as made:
        yield made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, provider: OpenAIServer) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("traces")
    write_article(folder / "corpus", "tower.md", f"{TOWER}. It was finished in March 1998.\n", as_of="2024-05-01")
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "ASSISTANT_LOG_FORMAT": "json",
        "OPENAI_API_KEY": "sk-none",
        "OPENAI_BASE_URL": provider.url,
    }
    with serving(folder, **environment) as made:
        yield made


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60, trust_env=False) as made:
        yield made


def traced(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{PARENT}-01"}


def test_a_request_and_its_stages(
    client: httpx.Client, receiver: Receiver, provider: OpenAIServer, served: Served
) -> None:
    provider.replies += [Reply(ASK), Reply(chunks=[f"{TOWER} [1]. ", "It was finished in March 1998 [1]."])]
    asked = {"question": "How high is it?", "history": [{"question": ASK, "answer": TOWER}], "stream": True}
    body = client.post("/api/answer", json=asked, headers=traced(TRACE)).text
    assert "event: done" in body
    spans = receiver.of(TRACE)
    request, answer, *stages = spans
    assert request.parent_span_id.hex() == PARENT
    assert (request.name, request.kind) == ("POST /api/answer", Span.SPAN_KIND_SERVER)
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/api/answer",
        "http.response.status_code": 200,
    }
    assert answer.parent_span_id == request.span_id
    assert answer.name == "invoke_agent story-assistant"
    said = attributes(answer)
    assert said["assistant.answer.id"] in body
    assert (said["assistant.surface"], said["assistant.outcome"]) == ("api", "answered")
    assert (said["gen_ai.operation.name"], said["assistant.reader"]) == ("invoke_agent", "openai:gpt-4.1-mini")
    assert said["gen_ai.usage.input_tokens"] > 0
    assert {span.parent_span_id for span in stages} == {answer.span_id}
    order = dict.fromkeys(attributes(span)["assistant.stage"] for span in stages)
    assert list(order) == ["standalone", "retrieval", "reading", "grounding"]
    chats = [span for span in stages if span.kind == Span.SPAN_KIND_CLIENT]
    assert [span.name for span in chats] == ["chat gpt-4.1-mini"] * 2
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1-mini", "gen_ai.provider.name": "openai"}
    assert attributes(chats[1]) == {**model, "assistant.stage": "reading"}
    for span in stages:
        assert answer.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= answer.end_time_unix_nano
    assert receiver.resources[0]["service.name"] == "story-assistant"
    assert receiver.resources[0]["service.version"]
    lines = [line for line in served.lines() if line.get("trace") == TRACE]
    assert {"assistant.access", "assistant.answers"} <= {line["logger"] for line in lines}


def test_what_fails_is_marked_and_never_quoted(
    client: httpx.Client, receiver: Receiver, provider: OpenAIServer
) -> None:
    trace = TRACE.replace("0af", "1af")
    provider.replies.append(Reply("the secret of the model", status=500, headers={"x-should-retry": "false"}))
    client.post("/api/answer", json={"question": ASK}, headers=traced(trace))
    reading = next(span for span in receiver.of(trace) if span.kind == Span.SPAN_KIND_CLIENT)
    assert reading.status.code == Status.STATUS_CODE_ERROR
    assert attributes(reading)["error.type"] == "ProviderError"
    request = next(span for span in receiver.of(trace) if span.kind == Span.SPAN_KIND_SERVER)
    assert request.status.code == Status.STATUS_CODE_UNSET  # it fell back to quoting


def test_nothing_of_what_is_asked_or_answered_is_sent(client: httpx.Client, receiver: Receiver) -> None:
    trace = TRACE.replace("0af", "2af")
    client.post("/api/answer?hidden=Zanzibar", json={"question": "Who is Zanzibar of Tarn?"}, headers=traced(trace))
    client.post("/api/answer", json={"question": ""}, headers=traced(TRACE.replace("0af", "3af")))
    receiver.of(trace)
    receiver.of(TRACE.replace("0af", "3af"))
    for words in (b"Zanzibar", b"Tarn", b"metres", b"secret", b"Traceback"):
        assert words not in receiver.raw
    assert not [span for span in receiver.spans if span.events]


@pytest.mark.parametrize("given", ["00-0-0-01", "rubbish", f"00-{'0' * 32}-{PARENT}-01", "00-\xff"])
def test_a_traceparent_that_is_none_begins_a_new_trace(
    given: str, client: httpx.Client, receiver: Receiver, served: Served
) -> None:
    name = uuid4().hex
    headers = {b"traceparent": given.encode("latin-1"), b"x-request-id": name.encode()}
    client.get("/api/nothing", headers=headers)
    while not (lines := [line for line in served.lines() if line.get("request") == name]):
        time.sleep(0.05)  # it is written behind the response
    (span,) = receiver.of(lines[0]["trace"])
    assert not span.parent_span_id
    assert span.name == "GET /api/{rest:path}"


def test_what_is_left_is_sent_at_the_end(tmp_path: Path, receiver: Receiver) -> None:
    write_article(tmp_path / "corpus", "tower.md", f"{TOWER}.\n")
    trace = TRACE.replace("0af", "4af")
    # Longer than the test lasts: only the end can send it.
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with serving(tmp_path, **environment) as served:
        httpx.post(f"{served.url}/api/answer", json={"question": ASK}, headers=traced(trace), trust_env=False)
        served.process.terminate()
        assert served.process.wait(30) == 0
    assert [attributes(span).get("assistant.stage") for span in receiver.of(trace)][2:] == [
        "standalone", "retrieval", "reading", "grounding"
    ]  # fmt: skip


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_another_protocol_is_refused_in_so_many_words() -> None:
    code = "from assistant.telemetry.traces import tracer; tracer()"
    refused = run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4317", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; use http/protobuf" in refused.stderr
    assert run(code, OTEL_EXPORTER_OTLP_PROTOCOL="grpc").returncode == 0


@pytest.mark.parametrize("environment", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}])
def test_without_an_endpoint_the_exporter_is_not_even_imported(environment: dict[str, str]) -> None:
    code = (
        "import sys, assistant.api.observing as o, fastapi; app = fastapi.FastAPI(); o.Observed(app); "
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))]"
    )
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
