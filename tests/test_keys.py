"""Keys: made, kept as hashes, revoked; from the data directory and from the setting; and the commands for it."""

import re
import threading
from pathlib import Path

import pytest
from conftest import SettingsFactory
from typer.testing import CliRunner

from assistant.cli import app
from assistant.errors import AssistantError, SettingsError
from assistant.keys import KEYS_FILE, KeyRing, KeyStore, Scope, make_key, parse_keys


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "data" / KEYS_FILE)


def test_a_key_is_found_and_nothing_near_it(store: KeyStore) -> None:
    secret = store.create("bot", [Scope.ASK])
    assert re.fullmatch(r"sa_[\w-]{43}", secret)
    keys = store.all()
    found = KeyRing.find(secret, keys)
    assert found is not None
    assert (found.name, found.may(Scope.ASK), found.may(Scope.ADMIN)) == ("bot", True, False)
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), found.hash, "ключ", "\ud800"):
        assert KeyRing.find(wrong, keys) is None


def test_admin_includes_ask(store: KeyStore) -> None:
    found = KeyRing.find(store.create("ann", [Scope.ADMIN]), store.all())
    assert found is not None
    assert found.may(Scope.ASK)
    assert found.may(Scope.ADMIN)


def test_the_file_does_not_hold_the_key(store: KeyStore, tmp_path: Path) -> None:
    secret = store.create("bot", [Scope.ASK])
    files = list((tmp_path / "data").iterdir())
    assert files
    assert not any(secret.encode() in file.read_bytes() for file in files)


def test_a_revoked_key_is_good_for_nothing_and_does_not_open_the_server(store: KeyStore) -> None:
    secret = store.create("bot", [Scope.ADMIN])
    store.revoke("bot")
    (kept,) = store.all()
    assert kept.revoked is not None
    assert not kept.may(Scope.ASK)
    assert KeyRing.find(secret, [kept]) is None
    with pytest.raises(AssistantError, match="No key in use is named bot"):
        store.revoke("bot")
    assert KeyRing.find(store.create("bot", [Scope.ASK]), store.all()) is not None


def test_a_name_is_taken_once_even_by_many_at_once(store: KeyStore) -> None:
    outcomes: list[object] = []

    def create() -> None:
        try:
            outcomes.append(store.create("bot", [Scope.ASK]))
        except AssistantError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert len(store.all()) == 1


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a,b", "x" * 101, "a\n"])
def test_a_name_that_cannot_be_used(store: KeyStore, name: str) -> None:
    with pytest.raises(AssistantError, match="cannot name a key"):
        store.create(name, [Scope.ASK])


def test_revoking_where_there_are_no_keys(store: KeyStore, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="No key in use"):
        store.revoke("bot")
    assert not (tmp_path / "data").exists()


def test_keys_of_the_setting_and_of_the_file_are_one_ring(settings: SettingsFactory) -> None:
    secret, key = make_key("container", [Scope.ASK, Scope.ADMIN])
    own = settings(api_keys=key.entry)
    ring = KeyRing(own)
    found = ring.find(secret, ring.all())
    assert found is not None
    assert found.scopes == {Scope.ASK, Scope.ADMIN}
    other = KeyStore(own.data_dir / KEYS_FILE).create("bot", [Scope.ASK])
    again = KeyRing(own)
    assert again.find(other, again.all()) is not None
    assert [each.name for each in again.all()] == ["container", "bot"]


@pytest.mark.parametrize(
    "text", ["sa_secret", "a:ask", "a:ask:short", "a:root:" + "0" * 64, "a::" + "0" * 64, "a:ask+:" + "0" * 64,
             ("a:ask:" + "0" * 64 + ",") * 2, "a:ask:" + "0" * 64 + ":x"],
)  # fmt: skip
def test_a_setting_that_holds_no_keys_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(SettingsError, match="assistant keys create") as caught:
        parse_keys(text)
    assert "secret" not in str(caught.value)


def test_the_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(tmp_path / "data"))
    run = CliRunner().invoke
    assert "There are no keys" in run(app, ["keys", "list"]).stderr
    made = run(app, ["keys", "create", "bot"])
    assert made.exit_code == 0
    secret = made.stdout.strip()
    assert secret.startswith("sa_")
    run(app, ["keys", "create", "ann", "--scope", "admin"])
    listed = run(app, ["keys", "list"]).stdout
    assert [line.split("\t")[:2] for line in listed.splitlines()] == [["bot", "ask"], ["ann", "admin"]]
    assert secret not in listed
    assert run(app, ["keys", "revoke", "bot"]).exit_code == 0
    assert "revoked" in run(app, ["keys", "list"]).stdout.splitlines()[0]
    assert isinstance(run(app, ["keys", "revoke", "bot"]).exception, AssistantError)


def test_an_entry_for_the_setting_is_printed_and_nothing_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(tmp_path / "data"))
    printed = CliRunner().invoke(app, ["keys", "create", "bot", "--print-hash"]).stdout.split()
    (key,) = parse_keys(printed[1])
    assert KeyRing.find(printed[0], [key]) is key
    assert not (tmp_path / "data").exists()
    monkeypatch.setenv("ASSISTANT_API_KEYS", printed[1])
    with pytest.raises(AssistantError, match="take it out there"):
        CliRunner().invoke(app, ["keys", "revoke", "bot"], catch_exceptions=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "assistant.example"])
def test_a_server_without_keys_listens_on_loopback_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str
) -> None:
    from assistant.api.cli import _refuse_open_server
    from assistant.settings import Settings

    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(AssistantError, match="--open-to-everybody"):
        _refuse_open_server(Settings.load(), host)
    _refuse_open_server(Settings.load(open_to_everybody=True), host)
    for here in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        _refuse_open_server(Settings.load(), here)
    KeyStore(tmp_path / "data" / KEYS_FILE).create("bot", [Scope.ASK])
    _refuse_open_server(Settings.load(), host)
