"""A server over one small article, and a client of it: what the tests of the API start from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from browser import served
from helpers import ROOT, write_article

from assistant.api.app import create_app
from assistant.chain import AnswerChain
from assistant.embeddings import PassageEmbeddings
from assistant.index import Index
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

ASK = {"question": "How high is the tower of Tarn?"}


@contextmanager
def tower(away: Path, embeddings: PassageEmbeddings, scorer: Scorer, **options: Any) -> Iterator[AnswerChain]:
    """A quoting chain over one article about the tower of Tarn; `options` are settings."""
    text = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"
    write_article(away / "corpus", "tower.md", text, outlet="The Tarn Times", as_of="2024-05-01")
    with quoting(away, embeddings, scorer, **options) as chain:
        yield chain


@contextmanager
def quoting(away: Path, embeddings: PassageEmbeddings, scorer: Scorer, **options: Any) -> Iterator[AnswerChain]:
    """A quoting chain over the articles in `away`/corpus; `options` are settings."""
    given = {"corpus_dir": away / "corpus", "data_dir": away / "data", "prompts_dir": ROOT / "prompts"}
    settings = Settings.load(**{**given, "chat_model": "extractive", **options})
    chain = AnswerChain(settings, Index(settings, embeddings), scorer)
    chain.sync()
    try:
        yield chain
    finally:
        chain.index.close()


@contextmanager
def calling(chain: AnswerChain, **headers: str) -> Iterator[httpx.Client]:
    """A client of a server of its own around the chain."""
    with (
        served(create_app(chain), log_level="warning") as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False, headers=headers) as client,
    ):
        yield client


def events(body: str) -> list[tuple[str, Any]]:
    """The server-sent events of a body: name and data. Comments are left out."""
    assert body.endswith("\n\n")
    found = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def assert_problem(reply: Any, status: int) -> dict[str, Any]:
    """The reply is a problem document of that status that tells nothing of the server; gives it."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"].split(";")[0] == "application/problem+json"
    body: dict[str, Any] = reply.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in reply.text
    assert str(ROOT) not in reply.text
    return body
