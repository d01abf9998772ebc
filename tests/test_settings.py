"""Settings: where they come from, what is refused, and that the key shows nowhere."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from assistant.errors import SettingsError
from assistant.settings import Settings


def test_defaults() -> None:
    settings = Settings.load()
    assert settings.corpus_dir == Path("corpus")
    assert settings.data_dir == Path(".assistant")
    assert settings.embedding_model == "local"
    assert settings.chroma_url is None
    assert settings.chat_model is None
    assert settings.openai_api_key is None


def test_the_environment_wins_over_the_file_and_an_override_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ASSISTANT_THREADS=3\nASSISTANT_CORPUS_DIR=from-file\nASSISTANT_DATA_DIR=from-file\n")
    monkeypatch.setenv("ASSISTANT_CORPUS_DIR", "from-environment")
    monkeypatch.setenv("ASSISTANT_DATA_DIR", "from-environment")
    settings = Settings.load(data_dir="override")
    assert (settings.threads, settings.corpus_dir, settings.data_dir) == (3, Path("from-environment"), Path("override"))


def test_an_override_that_is_none_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_THREADS", "5")
    assert Settings.load(threads=None).threads == 5


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_THREADS", "")
    monkeypatch.setenv("ASSISTANT_CHAT_MODEL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = Settings.load()
    assert settings.threads == 2
    assert settings.reader_name == "extractive"


@pytest.mark.parametrize("source", ["environment", "file"])
def test_an_unknown_setting_is_named_with_a_suggestion(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    if source == "environment":
        monkeypatch.setenv("ASSISTANT_CORPUS_DIRR", "x")
    else:
        Path(".env").write_text("ASSISTANT_CORPUS_DIRR=x\n")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "Unknown setting ASSISTANT_CORPUS_DIRR." in str(caught.value)
    assert "Did you mean ASSISTANT_CORPUS_DIR?" in str(caught.value)


def test_an_unknown_setting_like_no_other_lists_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_QQQ", "x")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "Did you mean" not in str(caught.value)
    assert "ASSISTANT_DATA_DIR" in str(caught.value)


def test_the_key_has_one_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_OPENAI_API_KEY", "sk-secret")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "sk-secret" not in str(caught.value)


def test_other_programs_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORGANIZATION", "x")
    monkeypatch.setenv("ASSISTANTS", "x")
    Path(".env").write_text("SOMETHING_ELSE=1\n")
    Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSISTANT_THREADS", "many"),
        ("ASSISTANT_THREADS", "0"),
        ("ASSISTANT_MODEL_TIMEOUT", "-1"),
        ("ASSISTANT_MAX_QUESTION_CHARS", "1.5"),
    ],
)
def test_a_bad_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^These settings cannot be used: {name}: "):
        Settings.load()


def test_all_bad_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_THREADS", "many")
    with pytest.raises(SettingsError) as caught:
        Settings.load(model_timeout="soon")
    assert "ASSISTANT_THREADS: " in str(caught.value)
    assert "ASSISTANT_MODEL_TIMEOUT: " in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "reader"),
    [
        ({}, "extractive"),
        ({"OPENAI_API_KEY": "sk-1"}, "openai:gpt-4.1-mini"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "openai:gpt-4.1-mini"),
        ({"ASSISTANT_CHAT_MODEL": "ollama:llama3"}, "ollama:llama3"),
        ({"ASSISTANT_CHAT_MODEL": "ollama:llama3", "OPENAI_API_KEY": "sk-1"}, "ollama:llama3"),
        ({"ASSISTANT_CHAT_MODEL": "extractive", "OPENAI_API_KEY": "sk-1"}, "extractive"),
    ],
)
def test_which_reader(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reader: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().reader_name == reader


@pytest.mark.parametrize("source", ["environment", "file", "override"])
def test_the_key_is_read_and_shows_nowhere(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    if source == "environment":
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    elif source == "file":
        Path(".env").write_text("OPENAI_API_KEY=sk-secret\n")
    settings = Settings.load(**({"openai_api_key": "sk-secret"} if source == "override" else {}))
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-secret"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert "sk-secret" not in shown


def test_a_complaint_about_another_setting_does_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("ASSISTANT_THREADS", "many")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings.load().threads = 9  # type: ignore[misc]


def test_who_may_add_and_from_which_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings.load().adding, Settings.load().fetch_hosts) == ("on", ())
    monkeypatch.setenv("ASSISTANT_ADDING", "login")
    monkeypatch.setenv("ASSISTANT_FETCH_HOSTS", " wiki.corp, news.corp,")
    settings = Settings.load()
    assert (settings.adding, settings.fetch_hosts) == ("login", ("wiki.corp", "news.corp"))
    monkeypatch.setenv("ASSISTANT_ADDING", "perhaps")
    with pytest.raises(SettingsError, match="ASSISTANT_ADDING"):
        Settings.load()
