"""Keys of the API: made, listed and revoked; kept as hashes in SQLite or in a setting.

A key is 256 random bits, so its SHA-256 is as hard to turn back as the key is to guess: the slow, salted hashes of
passwords protect what people choose, and would only make every request slow here.
"""

import hashlib
import hmac
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from assistant.database import opened
from assistant.errors import AssistantError, SettingsError
from assistant.settings import Settings

#: In the data directory.
KEYS_FILE = "keys.sqlite3"
#: Seconds until a server sees what `assistant keys` changed.
FRESH = 1.0
_PREFIX = "sa_"
_NAME = re.compile(r"[\w.@-]{1,100}")
_TABLE = """CREATE TABLE IF NOT EXISTS keys (
    hash TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, created TEXT NOT NULL, revoked TEXT
)"""


class Scope(StrEnum):
    """What a key is good for. `admin` includes `ask`."""

    ASK = "ask"
    ADMIN = "admin"


@dataclass(frozen=True)
class Key:
    """A key as we know it: never the key itself."""

    name: str
    scopes: frozenset[Scope]
    hash: str
    created: datetime | None = None
    revoked: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it is good for this."""
        return self.revoked is None and (scope in self.scopes or Scope.ADMIN in self.scopes)

    @property
    def entry(self) -> str:
        """As ASSISTANT_API_KEYS takes it."""
        return f"{self.name}:{'+'.join(sorted(self.scopes))}:{self.hash}"


def hashed(secret: str) -> str:
    """What is kept of a key, as hexadecimal."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def make_key(name: str, scopes: Sequence[Scope]) -> tuple[str, Key]:
    """A new key, to be shown once, and what is to be kept of it.

    Raises:
        AssistantError: the name cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise AssistantError(f"{name!r} cannot name a key: use up to 100 letters, figures and . _ @ -")
    secret = _PREFIX + secrets.token_urlsafe(32)
    return secret, Key(name, frozenset(scopes), hashed(secret), created=datetime.now(UTC))


class KeyStore:
    """The keys in one file. Safe to use from any number of threads and processes.

    A revoked key stays in it: with the last key revoked the server must not be open as if there had never been one.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the SQLite file; it is made with the first key."""
        self._path = path

    def create(self, name: str, scopes: Sequence[Scope]) -> str:
        """Make and keep a key, and return it: it cannot be had again.

        Raises:
            AssistantError: the name cannot be used, or a key of that name is in use.
        """
        secret, key = make_key(name, scopes)
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            if database.execute("SELECT 1 FROM keys WHERE name = ? AND revoked IS NULL", (name,)).fetchone():
                raise AssistantError(f"There is a key named {name} already. Revoke it first, or take another name.")
            created = datetime.now(UTC).isoformat(timespec="seconds")
            database.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, NULL)", (key.hash, name, "+".join(sorted(key.scopes)), created)
            )
        return secret

    def all(self) -> list[Key]:
        """Every key that was made, revoked ones too, oldest first.

        Raises:
            AssistantError: the file cannot be read.
        """
        if not self._path.exists():
            return []
        with self._open() as database:
            rows = database.execute("SELECT name, scopes, hash, created, revoked FROM keys ORDER BY rowid")
            return [
                Key(
                    name,
                    frozenset(map(Scope, scopes.split("+"))),
                    digest,
                    datetime.fromisoformat(created),
                    datetime.fromisoformat(revoked) if revoked else None,
                )
                for name, scopes, digest, created, revoked in rows
            ]

    def revoke(self, name: str) -> None:
        """Let the key be good for nothing from now on.

        Raises:
            AssistantError: no key in use has that name.
        """
        revoked = datetime.now(UTC).isoformat(timespec="seconds")
        if self._path.exists():
            with self._open() as database:
                command = "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL"
                if database.execute(command, (revoked, name)).rowcount:
                    return
        raise AssistantError(f"No key in use is named {name}. `assistant keys list` shows them.")

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path, _TABLE, "The keys")


class KeyRing:
    """The keys that a server goes by: those of the settings and those of the data directory."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read from the data directory yet.

        Raises:
            SettingsError: ASSISTANT_API_KEYS is not as `assistant keys create --print-hash` prints it.
        """
        self._given = parse_keys(settings.api_keys.get_secret_value()) if settings.api_keys else []
        self._store = KeyStore(settings.data_dir / KEYS_FILE)
        self._keys: Sequence[Key] = ()
        self._read = float("-inf")
        self._reading = threading.Lock()

    @property
    def stale(self) -> bool:
        """Whether the next look reads the file."""
        return time.monotonic() - self._read > FRESH

    def all(self) -> Sequence[Key]:
        """All of them, revoked ones too; none at all means that nobody is asked for a key.

        Raises:
            AssistantError: the file cannot be read.
        """
        with self._reading:
            if self.stale:
                self._keys = [*self._given, *self._store.all()]
                self._read = time.monotonic()
            return self._keys

    @staticmethod
    def find(secret: str, keys: Sequence[Key]) -> Key | None:
        """The key in use that this is. How long it takes tells nothing of how near a wrong one comes."""
        digest = hashed(secret)
        found = None
        for key in keys:
            if hmac.compare_digest(key.hash, digest) and key.revoked is None:
                found = key
        return found


def parse_keys(text: str) -> list[Key]:
    """Keys from `name:scopes:hash` entries with commas between them.

    Raises:
        SettingsError: something else stands there, or a name stands there twice.
    """
    keys: dict[str, Key] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        name, scopes, digest = (*entry.split(":"), "", "", "")[:3]
        named = [scope for scope in scopes.split("+") if scope in list(Scope)]
        if (
            entry.count(":") != 2
            or not _NAME.fullmatch(name)
            or name in keys
            or not named
            or len(named) != len(scopes.split("+"))
            or not re.fullmatch(r"[0-9a-f]{64}", digest)
        ):
            # Not a word of what stands there: it may be a key.
            raise SettingsError(
                "ASSISTANT_API_KEYS must be name:scopes:hash entries with commas between them, each name once. "
                "`assistant keys create NAME --print-hash` makes one."
            )
        keys[name] = Key(name, frozenset(map(Scope, named)), digest)
    return list(keys.values())
