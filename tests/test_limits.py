"""The guard before the server: keys, limits by key and address, caps on size, time and number. Over real HTTP."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api import ASK, assert_problem, calling, tower
from browser import free_port

from assistant.answer import Answer
from assistant.api import caps
from assistant.api.limits import is_loopback, network
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.errors import AssistantError, SettingsError
from assistant.keys import FRESH, KEYS_FILE, KeyStore, Scope, make_key
from assistant.passwords import hash_password
from assistant.reading.scorer import Scorer

AWAY = {"X-Forwarded-For": "203.0.113.7"}  # as a proxy on loopback says it, which uvicorn believes
BRIDGE = {"articles": [{"title": "The bridge", "text": "The bridge of Tarn carries 400 carts a day."}]}
Starter = Callable[..., tuple[httpx.Client, AnswerChain]]


@pytest.fixture
def start(tmp_path: Path, local_embeddings: LocalEmbeddings, scorer: Scorer) -> Iterator[Starter]:
    """Start a server with some settings."""
    with contextlib.ExitStack() as stack:

        def begin(**options: Any) -> tuple[httpx.Client, AnswerChain]:
            chain = stack.enter_context(tower(tmp_path, local_embeddings, scorer, **options))
            return stack.enter_context(calling(chain)), chain

        yield begin


def keyed(**scopes: Scope) -> tuple[dict[str, dict[str, str]], str]:
    """Headers for keys of these names and scopes, and the setting that has them."""
    made = {name: make_key(name, [scope]) for name, scope in scopes.items()}
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, (secret, _) in made.items()}
    return headers, ",".join(key.entry for _, key in made.values())


def test_without_keys_this_machine_may_do_everything_and_others_nothing(start: Starter) -> None:
    client, _ = start()
    assert client.post("/api/answer", json=ASK).status_code == 200
    assert client.post("/api/articles", json=BRIDGE).status_code == 200
    assert client.get("/").status_code == 200
    for method, path in (
        ("POST", "/api/answer"),
        ("GET", "/api/articles"),
        ("DELETE", "/api/articles/tower"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/mcp"),
        ("GET", "/"),
        ("GET", "/metrics"),
    ):
        reply = client.request(method, path, headers=AWAY, json=ASK)
        assert reply.status_code == 403, path
        assert "ASSISTANT_OPEN_TO_EVERYBODY" in reply.text or "admin key" in reply.text
    assert client.get("/healthz", headers=AWAY).status_code == 200


def test_open_to_everybody_is_for_asking_not_for_writing(start: Starter) -> None:
    client, _ = start(open_to_everybody=True)
    assert client.post("/api/answer", json=ASK, headers=AWAY).status_code == 200
    assert client.get("/", headers=AWAY).status_code == 200
    assert_problem(client.post("/api/articles", json=BRIDGE, headers=AWAY), 403)


def test_a_page_of_another_site_cannot_write_through_a_browser_here(start: Starter) -> None:
    client, _ = start()
    port = client.base_url.port
    for headers in (
        {"Host": f"rebound.example:{port}"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ):
        assert_problem(client.post("/api/articles", json=BRIDGE, headers=headers), 403)
    assert client.post("/api/articles", json=BRIDGE, headers={"Origin": f"http://127.0.0.1:{port}"}).status_code == 200


def test_another_site_s_name_that_points_here_reads_nothing(start: Starter) -> None:
    client, _ = start()
    for host in ("rebound.example", "localhost.example", "[", ""):
        assert_problem(client.get("/api/articles", headers={"Host": host}), 403)
    for host in ("localhost:7860", "127.0.0.1", "[::1]:7860"):
        assert client.get("/api/articles", headers={"Host": host}).status_code == 200


def test_page_users_open_the_page_alone(start: Starter) -> None:
    client, _ = start(ui_users=f"ann:{hash_password('secret')}")
    assert client.get("/", headers=AWAY).status_code == 200
    assert_problem(client.post("/api/answer", json=ASK, headers=AWAY), 403)


def test_with_keys_everybody_needs_one(start: Starter) -> None:
    headers, entries = keyed(bot=Scope.ASK, ann=Scope.ADMIN)
    client, _ = start(api_keys=entries)
    for method, path in (
        ("POST", "/api/answer"),
        ("GET", "/api/articles"),
        ("POST", "/api/feedback"),
        ("GET", "/api/nothing"),
        ("POST", "/mcp"),
        ("GET", "/mcp/"),
    ):
        reply = client.request(method, path, json=ASK)
        assert "Authorization: Bearer" in assert_problem(reply, 401)["detail"]
        assert reply.headers["www-authenticate"] == 'Bearer realm="assistant"'
    for name in ("bot", "ann"):
        assert client.post("/api/answer", json=ASK, headers=headers[name] | AWAY).status_code == 200
    refused = client.post("/api/articles", json=BRIDGE, headers=headers["bot"])
    assert "scope admin" in assert_problem(refused, 403)["detail"]
    assert "insufficient_scope" in refused.headers["www-authenticate"]
    assert_problem(client.delete("/api/articles/tower", headers=headers["bot"]), 403)
    assert client.post("/api/articles", json=BRIDGE, headers=headers["ann"] | AWAY).status_code == 200
    # Not guarded by keys: the health of the server, its description, and the page, which has users of its own.
    for path in ("/healthz", "/openapi.json", "/docs", "/"):
        assert client.get(path, headers=AWAY).status_code == 200


@pytest.mark.parametrize("given", ["Bearer", "Basic YTpi", "sa_x", "Bearer sa_wrong", "bearer sa_ünicode"])
def test_what_is_no_key(start: Starter, given: str) -> None:
    headers, entries = keyed(bot=Scope.ASK)
    client, _ = start(api_keys=entries)
    sent = {"Authorization": given.encode()}
    assert_problem(client.post("/api/answer", json=ASK, headers=sent), 401)  # type: ignore[arg-type]
    lower = {"Authorization": headers["bot"]["Authorization"].replace("Bearer", "bearer ")}
    assert client.post("/api/answer", json=ASK, headers=lower).status_code == 200


def test_below_v1_errors_are_as_openais_clients_read_them(start: Starter) -> None:
    headers, entries = keyed(bot=Scope.ASK)
    client, _ = start(api_keys=entries, max_request_bytes=1000)
    reply = client.get("/v1/models", headers={"Authorization": "Bearer sa_wrong"})
    assert reply.status_code == 401
    assert set(reply.json()) == {"error"}
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert reply.json()["error"]["message"]
    long = client.post("/v1/chat/completions", content=b" " * 2000, headers=headers["bot"])
    assert (long.status_code, long.json()["error"]["code"]) == (413, "request_too_large")


def test_metrics_need_any_key_but_not_on_this_machine(start: Starter) -> None:
    headers, entries = keyed(bot=Scope.ASK)
    client, _ = start(api_keys=entries)
    assert client.get("/metrics", headers=AWAY).status_code == 401
    for allowed in ({}, AWAY | headers["bot"]):
        assert client.get("/metrics", headers=allowed).status_code not in (401, 403)


def test_a_running_server_sees_new_and_revoked_keys(start: Starter) -> None:
    client, chain = start()
    assert client.post("/api/answer", json=ASK).status_code == 200
    store = KeyStore(chain.settings.data_dir / KEYS_FILE)
    headers = {"Authorization": f"Bearer {store.create('bot', [Scope.ASK])}"}
    time.sleep(FRESH + 0.2)
    assert_problem(client.post("/api/answer", json=ASK), 401)
    assert client.post("/api/answer", json=ASK, headers=headers).status_code == 200
    store.revoke("bot")
    time.sleep(FRESH + 0.2)
    assert_problem(client.post("/api/answer", json=ASK, headers=headers), 401)
    assert_problem(client.post("/api/answer", json=ASK), 401)  # with the last key gone it is not open again


def test_keys_that_cannot_be_read_open_nothing(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / KEYS_FILE).write_bytes(b"no database, but long enough to look like one" * 40)
    client, _ = start()
    assert "The keys" in assert_problem(client.post("/api/answer", json=ASK), 503)["detail"]


def test_too_many_requests_from_an_address(start: Starter) -> None:
    client, _ = start(open_to_everybody=True, rate_limit_address="3/hour")

    def ask(address: str) -> httpx.Response:
        return client.post("/api/answer", json=ASK, headers={"X-Forwarded-For": address})

    replies = [ask("203.0.113.7") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert replies[0].headers["ratelimit"].startswith('"address";r=2;t=')
    assert replies[0].headers["ratelimit-policy"] == '"address";q=3;w=3600'
    assert "At most 3 in an hour" in assert_problem(replies[3], 429)["detail"]
    assert 3500 <= int(replies[3].headers["retry-after"]) <= 3600
    assert replies[3].headers["ratelimit"].startswith('"address";r=0;t=')
    assert ask("203.0.113.8").status_code == 200
    # What neither computes nor writes is not limited.
    assert client.get("/api/articles", headers=AWAY).status_code == 200


def test_an_ipv6_network_is_one_address(start: Starter) -> None:
    client, _ = start(open_to_everybody=True, rate_limit_address="2/hour")
    addresses = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:9::3", "2001:db8:0:1::1"]
    replies = [client.post("/api/answer", json=ASK, headers={"X-Forwarded-For": each}) for each in addresses]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 200]


def test_an_address_that_a_stranger_claims_is_not_believed(start: Starter) -> None:
    client, _ = start(open_to_everybody=True, rate_limit_address="2/hour")
    claimed = [{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"} for number in range(3)]
    assert [client.post("/api/answer", json=ASK, headers=each).status_code for each in claimed] == [200, 200, 429]


def test_too_many_requests_with_a_key_whatever_the_address(start: Starter) -> None:
    headers, entries = keyed(bot=Scope.ASK, ann=Scope.ASK)
    client, _ = start(api_keys=entries, rate_limit_key="2/hour")
    sent = [headers["bot"] | {"X-Forwarded-For": f"203.0.113.{number}"} for number in range(3)]
    assert [client.post("/api/answer", json=ASK, headers=each).status_code for each in sent] == [200, 200, 429]
    assert client.post("/api/answer", json=ASK, headers=headers["ann"]).status_code == 200


def test_many_wrong_keys_from_one_address(start: Starter) -> None:
    headers, entries = keyed(bot=Scope.ASK)
    client, _ = start(api_keys=entries)
    statuses = [
        client.get("/api/articles", headers=AWAY | {"Authorization": f"Bearer sa_{number}"}).status_code
        for number in range(25)
    ]
    assert statuses == [401] * 20 + [429] * 5
    # Whoever shares the address with them and has a key is not locked out.
    assert client.get("/api/articles", headers=AWAY | headers["bot"]).status_code == 200


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed")
def test_limits_counted_in_redis_hold_for_several_servers(start: Starter, tmp_path: Path) -> None:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert redis.poll() is None
            time.sleep(0.05)
        client, chain = start(
            open_to_everybody=True, rate_limit_address="2/hour", limits_url=f"redis://127.0.0.1:{port}"
        )
        with calling(chain) as other:
            asked = [each.post("/api/answer", json=ASK, headers=AWAY).status_code for each in (client, other, client)]
        assert asked == [200, 200, 429]
    finally:
        redis.terminate()
        redis.wait()
    away = client.post("/api/answer", json=ASK, headers=AWAY)
    assert "limits cannot be counted" in assert_problem(away, 503)["detail"]
    assert away.headers["retry-after"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_limit_key": "many"},
        {"rate_limit_address": "60"},
        {"limits_url": "mysql://secret@127.0.0.1"},
        {"api_keys": "sa_secret"},
    ],
)
def test_settings_that_cannot_be_read_are_told_at_the_start(start: Starter, wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        start(**wrong)
    assert next(iter(wrong)).upper() in str(caught.value)
    assert "secret" not in str(caught.value)


def raw(client: httpx.Client, sent: bytes, seconds: float = 20) -> bytes:
    """What the server says to bytes that no well-behaved client sends."""
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=seconds) as connection:
        connection.sendall(sent)
        return connection.recv(65536)


def test_a_body_that_is_too_long_whether_it_says_so_or_not(start: Starter) -> None:
    client, _ = start(max_request_bytes=1000)
    short = {"question": "x" * 900}
    assert client.post("/api/answer", json=short).status_code == 200
    long = client.post("/api/answer", json={"question": "x" * 1100})
    assert "1,000 bytes" in assert_problem(long, 413)["detail"]

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    assert_problem(client.post("/api/answer", content=endless()), 413)
    said = b"POST /api/answer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    assert raw(client, said).startswith(b"HTTP/1.1 413")
    # Articles may be longer.
    assert client.post("/api/articles", json={"articles": [{"title": "x", "text": "x " * 2000}]}).status_code == 200


def test_a_body_that_does_not_come(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "BODY_SECONDS", 0.3)
    client, _ = start()
    said = b"POST /api/answer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    assert raw(client, said).startswith(b"HTTP/1.1 408")


class Slow:
    """Makes a chain's answers wait until they are let go, and counts them."""

    def __init__(self, chain: AnswerChain, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.running = self.most = 0
        self._lock = threading.Lock()
        stream = chain.stream

        def slow(*arguments: Any, **options: Any) -> Iterator[Answer]:
            with self._lock:
                self.running += 1
                self.most = max(self.most, self.running)
            try:
                assert self.go.wait(30)
                yield from stream(*arguments, **options)
            finally:
                with self._lock:
                    self.running -= 1

        monkeypatch.setattr(chain, "stream", slow)


def at_once(client: httpx.Client, count: int) -> tuple[list[threading.Thread], list[httpx.Response]]:
    replies: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: replies.append(client.post("/api/answer", json=ASK))) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    return threads, replies


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_only_some_are_computed_at_once_some_wait_and_the_rest_is_refused(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, chain = start(answers_at_once=2, answers_waiting=3)
    slow = Slow(chain, monkeypatch)
    threads, replies = at_once(client, 9)
    until(lambda: len(replies) == 4)
    for refused in replies:
        assert "waiting" in assert_problem(refused, 503)["detail"]
        assert refused.headers["retry-after"] == "5"
    assert client.get("/api/articles").status_code == 200  # others do not wait for them
    slow.go.set()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies[4:]] == [200] * 5
    assert slow.most == 2


def test_whoever_goes_away_gives_up_the_place_in_the_queue(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    client, chain = start(answers_at_once=1, answers_waiting=1)
    slow = Slow(chain, monkeypatch)
    threads, replies = at_once(client, 1)
    until(lambda: slow.running == 1)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/answer", json=ASK, timeout=0.5)
    waiting: list[tuple[list[threading.Thread], list[httpx.Response]]] = []

    def takes_the_place() -> bool:  # refused at once, until the server has noticed who went away
        waiting.append(at_once(client, 1))
        (thread,), late = waiting[-1]
        thread.join(2)
        return not late

    until(takes_the_place)
    slow.go.set()
    more, late = waiting[-1]
    for thread in threads + more:
        thread.join()
    assert [reply.status_code for reply in replies + late] == [200, 200]


def test_an_answer_that_takes_too_long(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    client, chain = start(request_seconds=4, answers_at_once=1)
    slow = Slow(chain, monkeypatch)
    late = client.post("/api/answer", json=ASK)
    assert "longer than" in assert_problem(late, 503)["detail"]
    assert late.headers["retry-after"]
    slow.go.set()
    until(lambda: slow.running == 0)
    assert client.post("/api/answer", json=ASK).status_code == 200


def test_a_stream_that_takes_too_long_ends(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    client, chain = start(request_seconds=1)
    ended = threading.Event()
    (answer,) = chain.stream(ASK["question"])

    def endless(*_: object, **__: object) -> Iterator[Answer]:
        try:
            while True:
                yield answer
                time.sleep(0.05)
        finally:
            ended.set()

    monkeypatch.setattr(chain, "stream", endless)
    with contextlib.suppress(httpx.RemoteProtocolError):
        assert "event: done" not in client.post("/api/answer", json={**ASK, "stream": True}).text
    assert ended.wait(20)


def test_other_origins_may_call_only_where_they_are_named(start: Starter) -> None:
    headers, entries = keyed(bot=Scope.ASK)
    client, _ = start(api_keys=entries, cors_origins="https://intranet.example")
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    allowed = client.options("/api/answer", headers={"Origin": "https://intranet.example", **asks})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://intranet.example"
    assert "access-control-allow-credentials" not in allowed.headers
    reply = client.post("/api/answer", json=ASK, headers={"Origin": "https://intranet.example"} | headers["bot"])
    assert reply.headers["access-control-allow-origin"] == "https://intranet.example"
    other = client.options("/api/answer", headers={"Origin": "https://evil.example", **asks})
    assert "access-control-allow-origin" not in other.headers


def test_by_default_no_other_origin_may_call(start: Starter) -> None:
    client, _ = start()
    reply = client.post("/api/answer", json=ASK, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    ("address", "counted", "here"),
    [
        ("203.0.113.7", "203.0.113.7", False),
        ("127.9.9.9", "127.9.9.9", True),
        ("::1", "::/64", True),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", False),
        ("::ffff:203.0.113.7", "203.0.113.7", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("", "", True),
    ],
)
def test_addresses(address: str, counted: str, here: bool) -> None:
    assert network(address) == counted
    assert is_loopback(address) is here


def test_serve_refuses_to_be_open_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from assistant.cli import app

    refused = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0", "--port", str(free_port())])
    assert isinstance(refused.exception, AssistantError)
    assert "--open-to-everybody" in str(refused.exception)
