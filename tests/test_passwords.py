"""Passwords of the page: their hashes, the setting, the command, and the login itself."""

import subprocess
import sys

import httpx
import pytest
from browser import served
from conftest import ChainFactory, SettingsFactory
from helpers import write_article

from assistant.api.app import create_app
from assistant.errors import SettingsError
from assistant.passwords import Users, hash_password, parse_users


def test_only_the_right_password_of_the_right_user_opens() -> None:
    users = Users({"ann": hash_password("correct"), "bob": hash_password("other")})
    assert users.check("ann", "correct")
    assert not users.check("ann", "other")
    assert not users.check("bob", "correct")
    assert not users.check("eve", "correct")
    assert not users.check("ann", "")


def test_a_hash_tells_nothing_and_has_a_salt() -> None:
    assert "correct" not in hash_password("correct")
    assert hash_password("correct") != hash_password("correct")


def test_users_are_read_from_pairs() -> None:
    one, two = hash_password("a"), hash_password("b")
    assert parse_users(f" ann:{one} , bob:{two},") == {"ann": one, "bob": two}


@pytest.mark.parametrize("text", ["ann", "ann:secret", ":x", "ann:scrypt.1.8.1.AAAA.AAAA", "ann:scrypt.14.8.1.é.é"])
def test_what_is_no_hash_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_users(text)
    assert "secret" not in str(error.value)


def test_a_name_stands_once() -> None:
    one = hash_password("a")
    with pytest.raises(SettingsError, match="each name once"):
        parse_users(f"ann:{one},ann:{one}")


def test_the_command_hashes_what_is_piped_in() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "assistant.cli", "password"],
        input="correct\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert Users({"ann": run.stdout.strip()}).check("ann", "correct")


def test_the_page_asks_for_a_password_where_users_are_set(make_chain: ChainFactory, settings: SettingsFactory) -> None:
    write_article(settings().corpus_dir, "one.md")
    chain = make_chain(ui_users=f"ann:{hash_password('correct')}")
    with served(create_app(chain)) as url, httpx.Client(base_url=url) as client:
        assert client.get("/config").status_code == 401
        wrong = client.post("/login", data={"username": "ann", "password": "wrong"})
        assert wrong.status_code == 400
        assert client.get("/config").status_code == 401
        assert client.post("/login", data={"username": "ann", "password": "correct"}).status_code == 200
        assert client.get("/config").status_code == 200
