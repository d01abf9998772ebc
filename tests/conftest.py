"""Fixtures that several test files share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import local_model
import pytest
from chroma import chroma, chroma_server  # noqa: F401
from helpers import ROOT
from hypothesis.database import DirectoryBasedExampleDatabase
from openai_server import OpenAIServer
from pages import browser, own_server, page, server, store  # noqa: F401
from slack_bot import bot, make_bot, slack, tower  # noqa: F401

from assistant.chain import AnswerChain, build_chain
from assistant.embeddings import LocalEmbeddings
from assistant.grounding.entailment import SupportModel
from assistant.index import Index
from assistant.reading.chat import ChatReader, load_chat_model
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

hypothesis.settings.register_profile(
    "assistant", deadline=None, database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples")
)
hypothesis.settings.load_profile("assistant")


#: They take longest, so they are begun first: else one of the processes of `make test` is left waiting at the end.
SLOWEST = (
    *("test_serving", "test_sync", "test_cli", "test_ui_looks", "test_running", "test_crash", "test_mutations"),
    *("test_compose", "test_ui_conversations", "test_traces"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST))


def pytest_addoption(parser: pytest.Parser) -> None:
    """How hard to try where chance decides what is tried."""
    parser.addoption("--crashes", type=int, default=30, help="syncs to kill in tests/test_crash.py")


class SettingsFactory(Protocol):
    """Settings with folders of the test's own; what is given wins."""

    def __call__(self, **overrides: Any) -> Settings: ...


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from the machine: neither from its environment nor from a .env file."""
    _forget_settings(monkeypatch)
    away = tmp_path / "cwd"
    away.mkdir()
    monkeypatch.chdir(away)


def _forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("ASSISTANT_", "OPENAI_", "SLACK_")):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFactory:
    """Make settings: an empty corpus folder, a data folder that does not exist yet, the project's prompts."""

    def make(**overrides: Any) -> Settings:
        (tmp_path / "corpus").mkdir(exist_ok=True)
        folders = {
            "corpus_dir": tmp_path / "corpus",
            "data_dir": tmp_path / "data",
            "prompts_dir": ROOT / "prompts",
        }
        return Settings.load(**{**folders, **overrides})

    return make


@pytest.fixture(scope="session")
def local_embeddings() -> LocalEmbeddings:
    """The real local model, loaded once."""
    return LocalEmbeddings()


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    """The packaged scorer, loaded once."""
    return Scorer()


@pytest.fixture(scope="session")
def support_model() -> SupportModel:
    """The packaged support model, loaded once."""
    return SupportModel()


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    """The chain over the articles that come with the project, answering by quoting."""
    away = tmp_path_factory.mktemp("story")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _forget_settings(monkeypatch)
        monkeypatch.chdir(away)
        settings = Settings.load(
            corpus_dir=ROOT / "corpus", data_dir=away / "data", prompts_dir=ROOT / "prompts", chat_model="extractive"
        )
        chain = build_chain(settings)
        chain.sync()
    yield chain
    chain.index.close()


class ChainFactory(Protocol):
    """A chain over the corpus folder of `settings`, synced; with a chat reader where the settings name one."""

    def __call__(self, **overrides: Any) -> AnswerChain: ...


@pytest.fixture
def make_chain(
    settings: SettingsFactory, local_embeddings: LocalEmbeddings, scorer: Scorer, support_model: SupportModel
) -> Iterator[ChainFactory]:
    """Chains that share the models of the session, which take seconds to load."""
    made: list[AnswerChain] = []

    def make(**overrides: Any) -> AnswerChain:
        own = settings(**overrides)
        name = own.reader_name
        chat = None if name == "extractive" else ChatReader(name, load_chat_model(own), own)
        chain = AnswerChain(own, Index(own, local_embeddings), scorer, chat, support_model)
        made.append(chain)
        chain.sync()
        return chain

    yield make
    for chain in made:
        chain.index.close()


@pytest.fixture(scope="session")
def local_model_url() -> Iterator[str]:
    """The address of a small chat model that runs on this machine."""
    if missing := local_model.missing():
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    with local_model.serving() as url:
        yield url


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """A server on loopback that speaks OpenAI's protocol."""
    with OpenAIServer() as started:
        yield started
