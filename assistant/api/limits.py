"""How many requests a key and an address may make, with the `limits` library; in memory or counted in Redis."""

import ipaddress
import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError

from assistant.api.refusals import Refusal
from assistant.errors import SettingsError
from assistant.settings import Settings

#: Wrong keys from one address. A key cannot be guessed; this keeps those who try from filling the log.
_WRONG_KEYS = "20/minute"


@dataclass(frozen=True)
class Room:
    """What is left of a limit, as the headers of draft-ietf-httpapi-ratelimit-headers say it."""

    name: str
    limit: RateLimitItem
    left: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy`."""
        return {
            "RateLimit": f'"{self.name}";r={self.left};t={self.reset}',
            "RateLimit-Policy": f'"{self.name}";q={self.limit.amount};w={self.limit.get_expiry()}',
        }


class Limits:
    """Counts what comes from keys and addresses, in moving windows."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet.

        Raises:
            SettingsError: a limit or the address of Redis cannot be read.
        """
        self._key = _limit("ASSISTANT_RATE_LIMIT_KEY", settings.rate_limit_key)
        self._address = _limit("ASSISTANT_RATE_LIMIT_ADDRESS", settings.rate_limit_address)
        self._wrong = parse(_WRONG_KEYS)
        self._counter = MovingWindowRateLimiter(_storage(settings))

    async def spend(self, key: str | None, address: str) -> dict[str, str]:
        """Count a request, and give the headers for its reply: of the limit that is nearer.

        Raises:
            Refusal: there were too many.
        """
        rooms = []
        if key is not None:
            rooms.append(await self._hit("key", self._key, key))
        if not is_loopback(address):
            rooms.append(await self._hit("address", self._address, network(address)))
        return min(rooms, key=lambda room: room.left).headers if rooms else {}

    async def spend_wrong_key(self, address: str) -> None:
        """Count a key that is none.

        Raises:
            Refusal: there were too many from this address.
        """
        await self._hit("wrong-keys", self._wrong, network(address))

    async def _hit(self, name: str, limit: RateLimitItem, who: str) -> Room:
        try:
            fits = await self._counter.hit(limit, name, who)
            reset, left = await self._counter.get_window_stats(limit, name, who)
        except StorageError as error:
            # Neither without limits nor with other ones: what counts is away.
            detail = f"The limits cannot be counted ({type(error.storage_error).__name__}). Try again in a moment."
            raise Refusal(503, "The assistant is not ready", detail, headers={"Retry-After": "10"}) from None
        room = Room(name, limit, max(0, left), max(1, math.ceil(reset - time.time())))
        if not fits:
            detail = f"At most {limit.amount} in {_seconds(limit)}. Try again in {room.reset} s."
            raise Refusal(429, "Too many requests", detail, headers={**room.headers, "Retry-After": str(room.reset)})
        return room


def network(address: str) -> str:
    """Whom an address stands for: with IPv6 a whole network of 64 bits is one client's to choose from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def is_loopback(address: str) -> bool:
    """Whether a request comes from this machine; through a socket file, which has no address, it does too."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return True
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _limit(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; give a limit such as 60/minute or 1000/hour.") from None


def _storage(settings: Settings) -> Storage:
    if settings.limits_url is None:
        return MemoryStorage()
    url = settings.limits_url.get_secret_value()
    try:
        return RedisStorage(f"async+{url}", wrap_exceptions=True, implementation="redispy")
    except (ConfigurationError, ValueError):
        # Not the address itself: it may hold a password.
        raise SettingsError("ASSISTANT_LIMITS_URL cannot be used; give redis://host:port.") from None


def _seconds(limit: RateLimitItem) -> str:
    seconds = limit.get_expiry()
    return "a minute" if seconds == 60 else "an hour" if seconds == 3600 else f"{seconds} s"
