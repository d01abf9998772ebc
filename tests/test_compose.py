"""compose.yaml: what it promises, and its topology run for real on loopback, with the very commands and proxy file."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from browser import ask, free_port, ready
from helpers import ROOT, write_article
from playwright.sync_api import Browser

from assistant.answer import Outcome
from assistant.settings import PREFIX, Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REPLICAS = ("replica1", "replica2")
ASK = {"question": "How high is the tower of Tarn?"}


# -- as it is written -------------------------------------------------------------------------------------------------


def test_every_image_has_a_version_and_ours_is_built_from_a_file_that_is_there() -> None:
    for service in SERVICES.values():
        assert re.search(r":\d+\.\d+", service["image"])
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert all(re.search(r":\d+\.\d+\.\d+", line) for line in re.findall(r"^FROM (.+)$", dockerfile, re.M))
    assert (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()[1] == "*"


def test_there_is_one_writer_and_no_secret() -> None:
    commands = {name: " ".join(service.get("command", ())) for name, service in SERVICES.items()}
    assert [name for name, command in commands.items() if "assistant sync" in command] == ["sync"]
    for name in REPLICAS:
        assert "--no-sync" in commands[name]
        assert SERVICES[name]["environment"]["ASSISTANT_ADDING"] == "off"
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            secret = re.search("KEY|PASSWORD|TOKEN|SECRET|USERS", name)
            assert not secret or re.fullmatch(r"\$\{\w+:-\}", value), name


def test_every_setting_in_it_is_one_and_every_volume_is_declared() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for service in SERVICES.values():
        assert {name for name in service.get("environment", {}) if name.startswith(PREFIX)} <= known
        named = [volume.split(":")[0] for volume in service.get("volumes", ()) if re.match(r"\w", volume)]
        assert set(named) <= set(COMPOSE["volumes"])


def test_who_waits_for_whom_and_who_says_that_it_is_well() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            finishes = how["condition"] == "service_completed_successfully"
            assert finishes or (how["condition"] == "service_healthy" and "healthcheck" in SERVICES[name])
    assert SERVICES["replica1"] == SERVICES["replica2"]
    assert all("/readyz" in " ".join(SERVICES[name]["healthcheck"]["test"]) for name in REPLICAS)
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


# -- as it runs -------------------------------------------------------------------------------------------------------


class Topology(NamedTuple):
    """All of compose.yaml on loopback."""

    url: str
    processes: dict[str, subprocess.Popen[bytes]]
    ports: dict[str, int]
    folder: Path

    def run(self, name: str) -> subprocess.CompletedProcess[bytes]:
        """Run a service to its end."""
        command, environment = self.started_with(name)
        return subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, timeout=120, check=False)

    def started_with(self, name: str) -> tuple[list[str], dict[str, str]]:
        """The service's command and environment as compose.yaml has them, with this machine's ports and folders."""
        service = SERVICES[name]
        command = [self._here(name, word) for word in service["command"]]
        command[0] = str(Path(sys.executable).with_name(command[0]))
        own = {key: self._here(name, value) for key, value in service["environment"].items() if "${" not in value}
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("ASSISTANT_", "OPENAI_"))}
        return command, {**outside, **own}

    def _here(self, name: str, word: str) -> str:
        if word == str({"chroma": 8000}.get(name, 7860)):
            return str(self.ports[name])
        word = word.replace("http://chroma:8000", f"http://127.0.0.1:{self.ports['chroma']}")
        word = word.replace("0.0.0.0", "127.0.0.1")
        return str(self.folder) + word if re.fullmatch(r"/(data|sync|chroma|corpus|tmp)", word) else word


@contextmanager
def process(command: Sequence[str], environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{time.monotonic_ns()}.log").open("wb") as log:
        running = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(30)
        finally:
            running.kill()


def wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            assert httpx.get(url, timeout=5).status_code == 200
            return
        except (httpx.HTTPError, AssertionError):
            assert running.poll() is None, f"{url}: ended"
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    caddy = shutil.which("caddy")
    if not caddy:
        pytest.skip("THE PROXY WAS NOT TESTED: there is no `caddy`; Debian has it as a package")
    folder = tmp_path_factory.mktemp("compose")
    for name in ("data", "sync", "chroma", "corpus", "tmp"):
        (folder / name).mkdir()
    write_article(
        folder / "corpus", "tower.md", "The tower of Tarn is 80 metres high. It stands.\n", as_of="2024-05-01"
    )
    ports = {name: free_port() for name in SERVICES}
    found = Topology(f"http://127.0.0.1:{ports['proxy']}", {}, ports, folder)
    with ExitStack() as stack:
        found.processes["chroma"] = stack.enter_context(process(*found.started_with("chroma"), folder))
        wait_for(f"http://127.0.0.1:{ports['chroma']}/api/v2/heartbeat", found.processes["chroma"])
        done = found.run("sync")
        assert done.returncode == 0, done.stderr
        for name in REPLICAS:
            found.processes[name] = stack.enter_context(process(*found.started_with(name), folder))
        for name in REPLICAS:
            wait_for(f"http://127.0.0.1:{ports[name]}/healthz", found.processes[name])
        environment = {
            **os.environ,
            "LISTEN": f"http://127.0.0.1:{ports['proxy']}",
            "REPLICAS": " ".join(f"127.0.0.1:{ports[name]}" for name in REPLICAS),
            "HEALTH_INTERVAL": "1s",
            "XDG_CONFIG_HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
        }
        command = [caddy, "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
        proxy = stack.enter_context(process(command, environment, folder))
        wait_for(f"{found.url}/healthz", proxy)
        yield found


def test_visitors_of_the_page_stay_with_their_replica(topology: Topology, browser: Browser) -> None:
    held = set()
    for _ in range(6):
        context = browser.new_context()
        page = ready(context.new_page(), topology.url)
        for turn in range(2):
            assert "80 metres high" in ask(page, ASK["question"]).inner_text(), turn
        held |= {str(cookie.get("value")) for cookie in context.cookies() if cookie.get("name") == "assistant-replica"}
        context.close()
    assert 1 <= len(held) <= len(REPLICAS)


def test_answers_are_streamed_and_what_is_too_large_is_refused(topology: Topology) -> None:
    with httpx.stream("POST", f"{topology.url}/api/answer", json={**ASK, "stream": True}, timeout=60) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert "event: done" in reply.read().decode()
    large = httpx.post(f"{topology.url}/api/answer", json={"question": "x" * 13_000_000}, timeout=60)
    assert large.status_code in (413, 502)  # Caddy before 2.8, which Debian has, says the latter


def test_new_articles_reach_the_replicas_while_they_run(topology: Topology) -> None:
    write_article(topology.folder / "corpus", "bridge.md", "The bridge of Velm cost $40 million.\n", as_of="2025-01-01")
    done = topology.run("sync")
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 60
    for name in REPLICAS:
        url = f"http://127.0.0.1:{topology.ports[name]}/api/answer"
        question = {"question": "What did the bridge of Velm cost?"}
        while "$40 million" not in httpx.post(url, json=question, timeout=60).json()["answer"]:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def test_one_replica_is_enough(topology: Topology) -> None:
    topology.processes["replica1"].send_signal(signal.SIGKILL)
    topology.processes["replica1"].wait()
    # Until its health check has noticed, Caddy 2.6 answers 502 to what it cannot send again, such as a body.
    deadline, in_a_row = time.monotonic() + 30, 0
    while in_a_row < 10:
        assert time.monotonic() < deadline
        reply = httpx.post(f"{topology.url}/api/answer", json=ASK, timeout=60)
        in_a_row = in_a_row + 1 if reply.status_code == 200 else 0
    assert reply.json()["outcome"] == Outcome.ANSWERED
