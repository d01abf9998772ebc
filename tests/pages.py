"""Pages in a real browser: one of the real server, one of a chain made for the tests. Fixtures, shared by conftest."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import NoBrowserError, chromium, real_server, served
from fastapi import FastAPI
from helpers import make_article
from playwright.sync_api import Browser, Page

from assistant.answer import Answer, AnswerSentence, Citation, Found, Outcome, Verdict
from assistant.errors import QuestionError
from assistant.feedback import FeedbackStore
from assistant.settings import Settings
from assistant.ui.page import mount_ui

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script> [link](javascript:alert(1)) [1]'
SUGGESTED = "What was the sky like then?"


class Chain:
    """What the page uses of an `AnswerChain`; the question's words say how it answers."""

    def __init__(self) -> None:
        self.article = make_article(
            "one", "Before. " * 400 + "The sky was clear.\nNobody saw it.\n", outlet="The Paper", as_of="2026-07-01"
        )
        self.evil = make_article("evil", f"{HOSTILE}\n").model_copy(update={"title": HOSTILE, "outlet": HOSTILE})
        self.index = SimpleNamespace(snapshot=SimpleNamespace(articles={"one": self.article, "evil": self.evil}))
        self.settings = Settings(adding="off")
        self.asked: list[dict[str, Any]] = []
        self.go_on = threading.Event()
        self.suggested: list[str] = []

    def suggestions(self, answer: Answer | None, count: int, asked: Sequence[str] = ()) -> list[str]:
        return self.suggested[:count]

    def stream(self, request: dict[str, Any], config: object = None) -> Iterator[Answer]:
        self.asked.append(request)
        question = request["question"]
        if "refuse" in question:
            raise QuestionError("The question is too long <b>by far</b>.")
        if "break" in question:
            raise ZeroDivisionError("/secret/path")
        if "hold" in question:
            self.go_on.wait(30)
        article = self.evil if "evil" in question else self.article
        quote = HOSTILE if "evil" in question else "The sky was clear."
        words = quote.split(" ")
        steps = range(1, len(words) + 1) if "slowly" in question else [len(words)]
        for step in steps:
            if "slowly" in question:
                time.sleep(0.3 if step < 3 else 2)
            yield self._answer(article, quote, " ".join(words[:step]), question)

    @staticmethod
    def _answer(article: Any, quote: str, text: str, question: str) -> Answer:
        start = article.text.index(quote)
        citation = Citation(
            number=1,
            article_id=article.id,
            title=article.title,
            outlet=article.outlet,
            url=article.url,
            published=None,
            as_of=article.as_of,
            quote=quote,
            start=start,
            end=start + len(quote),
            passage=quote,
        )
        return Answer(
            answer=f"{text} [1]",
            outcome=Outcome.PARTIAL if "partly" in question else Outcome.ANSWERED,
            notice="One sentence was withheld." if "partly" in question else None,
            sentences=(AnswerSentence(text=text, citations=(1,), verdict=Verdict.SUPPORTED),),
            citations=(citation,),
            standalone_question=question,
            reader="test",
            confidence=0.5,
            found=(Found(article_id=article.id, title=article.title, start=0, end=5, score=0.7, read=True),),
            timings_ms={"reading": 12.0},
        )


@pytest.fixture(scope="module")  # while it runs, its thread has an event loop, which other modules' tests do not bear
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    try:
        with chromium() as started:
            yield started
    except NoBrowserError as error:
        if os.environ.get("CI"):
            pytest.fail(f"No Chromium can be started: {error}")
        pytest.skip(f"NO BROWSER TEST WAS RUN: no Chromium can be started ({error}). Set CHROMIUM to its path.")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real server with the project's articles."""
    folder = tmp_path_factory.mktemp("server")
    with real_server(folder / "data", folder / "log.txt") as url:
        yield url


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeedbackStore:
    """Where `own_server` keeps feedback."""
    return FeedbackStore(tmp_path_factory.mktemp("feedback") / "feedback.sqlite3")


@pytest.fixture(scope="module")
def own_server(store: FeedbackStore) -> Iterator[tuple[str, Chain]]:
    """The address of a page with a chain made for the tests, and the chain."""
    chain = Chain()
    with served(mount_ui(FastAPI(), chain, store)) as url:  # type: ignore[arg-type]
        yield url, chain


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor's page that must leave the console clean and call nobody but its own server."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    visited = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    visited.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    visited.on("pageerror", lambda error: complaints.append(str(error)))
    visited.on("request", lambda request: requests.append(request.url))
    yield visited
    own = visited.url
    origin = "/".join(own.split("/")[:3]) + "/"
    foreign = [url for url in requests if not url.startswith((origin, "data:", "blob:"))]
    context.close()
    assert requests
    assert foreign == []
    assert complaints == [], complaints


def write_corpus(folder: Path, articles: dict[str, str]) -> Path:
    """Files of a corpus as they stand, by name."""
    for name, text in articles.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
