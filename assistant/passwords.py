"""Passwords of the page's users: hashed by scrypt, and checked in a time that tells nothing."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from assistant.errors import SettingsError

# RFC 7914's parameters for interactive logins: 16 MB and some 50 ms for each try.
_LOG_N, _R, _P = 14, 8, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_LONGEST = 1_000


def hash_password(password: str) -> str:
    """A hash for the settings, `scrypt.14.8.1.salt.hash`, with a salt of its own.

    URL-safe base64 without padding: no shell reads anything into it.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    return ".".join(["scrypt", str(_LOG_N), str(_R), str(_P), _encode(salt), _encode(_derive(password, salt))])


class Users:
    """Who may use the page."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """`hashes` are those of `hash_password`, by user name.

        Raises:
            SettingsError: one of them is no such hash.
        """
        self._users = {name: _parse(name, text) for name, text in hashes.items()}
        # Whoever is not there is checked against this, so that a name cannot be found out by the time it takes.
        self._nobody = (secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))

    def check(self, name: str, password: str) -> bool:
        """Whether this is the password of this user."""
        salt, expected = self._users.get(name, self._nobody)
        return hmac.compare_digest(_derive(password[:_LONGEST], salt), expected)


def parse_users(text: str) -> dict[str, str]:
    """Hashes by name, from `name:hash` pairs with commas between them.

    Raises:
        SettingsError: something else stands there, or a name stands there twice.
    """
    users: dict[str, str] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        name, colon, hashed = pair.partition(":")
        if not colon or not name.strip() or name.strip() in users:
            raise SettingsError(
                "ASSISTANT_UI_USERS must be name:hash pairs with commas between them, each name once. "
                "`assistant password` makes a hash."
            )
        users[name.strip()] = hashed.strip()
        _parse(name, hashed)
    return users


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, n=2**_LOG_N, r=_R, p=_P, dklen=_HASH_BYTES)


def _parse(name: str, text: str) -> tuple[bytes, bytes]:
    parts = text.strip().split(".")
    try:
        salt, hashed = _decode(parts[4]), _decode(parts[5])
    except (IndexError, binascii.Error, ValueError):
        salt, hashed = b"", b""
    if parts[:4] != ["scrypt", str(_LOG_N), str(_R), str(_P)] or (len(salt), len(hashed)) != (_SALT_BYTES, _HASH_BYTES):
        # Not a word of what stands there: it may be a password.
        raise SettingsError(f"What ASSISTANT_UI_USERS holds for {name} is no hash that `assistant password` made.")
    return salt, hashed


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
