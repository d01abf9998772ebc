"""Fixtures that several test files share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest
from helpers import ROOT
from hypothesis.database import DirectoryBasedExampleDatabase
from openai_server import OpenAIServer

from assistant.embeddings import LocalEmbeddings
from assistant.settings import Settings

hypothesis.settings.register_profile(
    "assistant", deadline=None, database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples")
)
hypothesis.settings.load_profile("assistant")


class SettingsFactory(Protocol):
    """Settings with folders of the test's own; what is given wins."""

    def __call__(self, **overrides: Any) -> Settings: ...


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from the machine: neither from its environment nor from a .env file."""
    for name in list(os.environ):
        if name.upper().startswith(("ASSISTANT_", "OPENAI_")):
            monkeypatch.delenv(name)
    away = tmp_path / "cwd"
    away.mkdir()
    monkeypatch.chdir(away)


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


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """A server on loopback that speaks OpenAI's protocol."""
    with OpenAIServer() as server:
        yield server
