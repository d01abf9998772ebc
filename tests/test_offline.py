"""Nothing goes to another machine: indexing, asking and serving with every connection watched and refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

from helpers import ROOT, write_article

# Every way from Python to the network goes through one of these.
WATCH = """
import json, socket, sys
attempts = []

def local(address):
    host = address[0] if isinstance(address, tuple) else None
    return host is None or host in ("localhost", "::1", "0.0.0.0", "") or str(host).startswith("127.")

def watched(name):
    real = getattr(socket.socket, name)
    def call(self, *arguments):
        if self.family != socket.AF_UNIX:
            address = next((a for a in arguments if isinstance(a, tuple)), ("?",))
            if not local(address):
                attempts.append([name, str(address)])
                raise OSError(101, "refused by the test: " + str(address))
        return real(self, *arguments)
    setattr(socket.socket, name, call)

for name in ("connect", "connect_ex", "sendto"):
    watched(name)
real_lookup = socket.getaddrinfo
def lookup(host, *arguments, **named):
    if not local((host.decode() if isinstance(host, bytes) else host or "",)):
        attempts.append(["getaddrinfo", str(host)])
        raise socket.gaierror(-3, "refused by the test")
    return real_lookup(host, *arguments, **named)
socket.getaddrinfo = lookup
"""

WORK = """
import time
try:  # the watch itself works
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except OSError:
    pass
try:
    socket.create_connection(("example.com", 80), timeout=1)
except OSError:
    pass
assert [name for name, _ in attempts] == ["getaddrinfo", "getaddrinfo"], attempts
attempts.clear()

from assistant.chain import build_chain
from assistant.settings import Settings
from assistant.api.app import create_app
from fastapi.testclient import TestClient

chain = build_chain(Settings.load())
report = chain.sync()
answer = chain.invoke("How high is the tower of Tarn?")
app = create_app(chain)
chain.warm()
with TestClient(app) as client:
    pages = [client.get(path).status_code for path in ("/", "/docs", "/healthz", "/openapi.json")]
    status = client.post("/api/answer", json={"question": "How high is the tower of Tarn?"}).status_code
time.sleep(1.5)  # what reports home does so from a thread
chain.index.close()
found = {"attempts": attempts, "added": len(report.added), "answer": answer.answer, "pages": [*pages, status]}
print(json.dumps(found))
"""


def test_nothing_is_sent_to_another_host(tmp_path: Path) -> None:
    write_article(tmp_path / "corpus", "tower.md", "The tower of Tarn is 80 metres high.\n", as_of="2024-05-01")
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASSISTANT_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "GRADIO_", "ANONYMIZED_", "HF_"))
    }
    wishes = {"ANONYMIZED_TELEMETRY": "True", "GRADIO_ANALYTICS_ENABLED": "True"}  # the defaults of Chroma and Gradio
    done = subprocess.run(
        [sys.executable, "-c", WATCH + WORK],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**own, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **wishes},
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["attempts"] == []
    assert found["added"] == 1
    assert "80 metres" in found["answer"]
    assert found["pages"] == [200] * 5
