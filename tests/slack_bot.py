"""Our Slack app on loopback beside a Slack on loopback. Fixtures, shared by conftest."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from browser import served
from fastapi import FastAPI
from helpers import ROOT, write_article
from slack_server import BOT_TOKEN, SECRET, SlackServer, request

from assistant.answer import Answer
from assistant.api.problems import install_problems
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.index import Index
from assistant.reading.scorer import Scorer
from assistant.settings import Settings
from assistant.slack.http import slack as slack_router
from assistant.slack.inbox import SLACK_FILE, Inbox

QUESTION = "How high is the tower of Tarn?"
ARTICLE = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"


class Watched:
    """A chain that can be slow or broken, and counts what it is asked."""

    def __init__(self, chain: AnswerChain, settings: Settings) -> None:
        self.settings = settings
        self.index = chain.index
        self.asked: list[Any] = []
        self.delay = 0.0
        self.most_at_once = 0
        self.error: Exception | None = None
        self._at_once = 0
        self._chain = chain
        self._lock = threading.Lock()

    def invoke(self, question: Any, *more: Any) -> Answer:
        with self._lock:
            self.asked.append(question)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            time.sleep(self.delay)
            if self.error:
                raise self.error
            return self._chain.invoke(question, *more)
        finally:
            with self._lock:
                self._at_once -= 1

    def suggestions(self, answer: Answer | None, count: int, asked: Any = ()) -> list[str]:
        return self._chain.suggestions(answer, count, asked)


class Bot:
    """Our server, as Slack sees it."""

    def __init__(self, url: str, chain: Watched) -> None:
        self.url = f"{url}slack/events"
        self.chain = chain
        self.inbox = Inbox(chain.settings.data_dir / SLACK_FILE)
        self._http = httpx.Client(timeout=30, trust_env=False)

    def deliver(self, body: Mapping[str, Any], form: str = "json") -> httpx.Response:
        """Send as Slack does; the acknowledgement."""
        sent, headers = request(body, form)
        return self._http.post(self.url, content=sent, headers=headers)

    def close(self) -> None:
        """Hang up, so that the server can end."""
        self._http.close()

    def settle(self) -> None:
        """Wait until everything is done."""
        wait_for(lambda: self.inbox.waiting() == 0)


def wait_for(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.03)


@pytest.fixture(scope="module")
def tower(
    tmp_path_factory: pytest.TempPathFactory, local_embeddings: LocalEmbeddings, scorer: Scorer
) -> Iterator[AnswerChain]:
    """A chain over one article."""
    away = tmp_path_factory.mktemp("tower")
    write_article(
        away / "corpus", "tower.md", ARTICLE, title="The *tower* <!channel>", outlet="The Tarn Times",
        as_of="2024-05-01", url="https://tarn.test/tower",
    )  # fmt: skip
    settings = Settings(corpus_dir=away / "corpus", data_dir=away / "data", prompts_dir=ROOT / "prompts")
    made = AnswerChain(settings, Index(settings, local_embeddings), scorer)
    made.sync()
    yield made
    made.index.close()


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A Slack on loopback."""
    with SlackServer() as started:
        yield started


class BotFactory(Protocol):
    """A bot with these settings, on the same stores each time."""

    def __call__(self, over: AnswerChain = ..., **settings: Any) -> Bot: ...


@pytest.fixture
def make_bot(tower: AnswerChain, slack: SlackServer, tmp_path: Path) -> Iterator[BotFactory]:
    """Bots that speak with the Slack on loopback."""
    with ExitStack() as stack:

        def make(over: AnswerChain = tower, **more: Any) -> Bot:
            values: dict[str, Any] = {
                "data_dir": tmp_path / "data", "slack_bot_token": BOT_TOKEN, "slack_signing_secret": SECRET,
                "slack_api_url": slack.url, **more,
            }  # fmt: skip
            chain = Watched(over, Settings(**values))
            app = FastAPI()
            app.include_router(slack_router(chain))  # type: ignore[arg-type]
            install_problems(app)
            made = Bot(stack.enter_context(served(app)), chain)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def bot(make_bot: BotFactory) -> Bot:
    """A bot."""
    return make_bot()
