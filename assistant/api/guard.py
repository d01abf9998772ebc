"""Who may do what, how often and how much: one middleware before the whole server, by path.

Whoever adds an endpoint below one of the prefixes has it guarded without a word; a path that no rule names is the page,
which has its own users.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.caps import GoneError, Places, in_time, whole_body
from assistant.api.limits import Limits, is_loopback
from assistant.api.refusals import Refusal
from assistant.errors import AssistantError
from assistant.incoming import MAX_FILE_BYTES
from assistant.keys import Key, KeyRing
from assistant.keys import Scope as Right
from assistant.settings import Settings

#: Longest body with articles: the largest file in base64, and what stands around it.
ARTICLES_BYTES = MAX_FILE_BYTES * 4 // 3 + 100_000
#: Seconds for adding articles: pages are fetched and everything is indexed.
ARTICLES_SECONDS = 600.0

_WRITES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_POST = frozenset(("POST",))


@dataclass(frozen=True)
class Rule:
    """What holds for a path and all below it, for some methods or for every one."""

    prefix: str
    methods: frozenset[str] | None = None
    right: Right | None = None
    limited: bool = False
    computes: bool = False
    body: int | None = None
    seconds: float | None = None

    def covers(self, method: str, path: str) -> bool:
        """Whether a request is one of these."""
        inside = path == self.prefix or path.startswith(f"{self.prefix}/")
        return inside and (self.methods is None or method in self.methods)


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The rules; the first that covers a request holds for it."""
    most, seconds = settings.max_request_bytes, settings.request_seconds
    compute = {"right": Right.ASK, "limited": True, "computes": True, "body": most, "seconds": seconds}
    return (
        Rule("/healthz"),
        Rule("/readyz"),
        Rule("/metrics", right=Right.ASK),
        Rule("/slack", body=most, seconds=seconds),  # signed by Slack
        Rule(
            "/api/articles",
            _WRITES,
            right=Right.ADMIN,
            limited=True,
            body=max(most, ARTICLES_BYTES),
            seconds=max(seconds, ARTICLES_SECONDS),
        ),
        Rule("/api/feedback", _WRITES, right=Right.ASK, limited=True, body=most, seconds=seconds),
        Rule("/api/answer", _POST, **compute),  # type: ignore[arg-type]
        Rule("/v1", _POST, **compute),  # type: ignore[arg-type]
        Rule("/mcp", _POST, **compute),  # type: ignore[arg-type]
        Rule("/mcp", right=Right.ASK, body=most),  # a GET there listens for as long as it likes
        Rule("/v1", right=Right.ASK, body=most, seconds=seconds),
        Rule("/api", right=Right.ASK, body=most, seconds=seconds),
    )


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings, ring: KeyRing, limits: Limits) -> None:
        """Before `app`; use `install_guard`."""
        self._app = app
        self._settings = settings
        self._rules = rules(settings)
        self._ring = ring
        self._limits = limits
        self._places = Places(settings.answers_at_once, settings.answers_waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._guarded(scope, receive, send)
        except Refusal as refusal:
            await refusal.send(scope, send)
        except (GoneError, ClientDisconnect):
            return

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        rule = next((rule for rule in self._rules if rule.covers(scope["method"], path)), None)
        address = (scope.get("client") or ("",))[0]
        key = None
        if rule is None or rule.right:
            key = await self._admitted(rule, Headers(scope=scope), address)
        if rule is None:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = f"key {key.name}" if key else f"address {address}"
        if rule.limited:
            send = _with_headers(send, await self._limits.spend(key.name if key else None, address))
        body = await whole_body(scope, receive, rule.body) if rule.body else receive
        if rule.seconds is None:
            await self._app(scope, body, send)
        elif not rule.computes:
            await in_time(self._app, scope, body, send, rule.seconds)
        else:
            async with self._places.one(receive, rule.seconds):
                await in_time(self._app, scope, body, send, rule.seconds)

    async def _keys(self) -> Sequence[Key]:
        try:
            return await run_in_threadpool(self._ring.all) if self._ring.stale else self._ring.all()
        except AssistantError as error:
            raise Refusal(503, "The assistant is not ready", str(error), headers={"Retry-After": "10"}) from None

    async def _admitted(self, rule: Rule | None, headers: Headers, address: str) -> Key | None:
        """The key that a request came with; None where it needs none. `rule` is None for the page.

        Raises:
            Refusal: there is none, it is wrong, or it is not good for this.
        """
        keys = await self._keys()
        if not keys:
            self._refuse_strangers(rule, headers, address)
        if not keys or rule is None or rule.right is None:
            return None
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            if rule.prefix == "/metrics" and is_loopback(address):
                return None  # a scraper on this machine
            raise Refusal(401, "A key is needed", "Send `Authorization: Bearer` and your key.", _challenge())
        key = self._ring.find(secret.strip(), keys)
        if key is None:
            await self._limits.spend_wrong_key(address)
            raise Refusal(
                401, "The key is wrong", "This key is not known, or was revoked.", _challenge("invalid_token")
            )
        if not key.may(rule.right):
            detail = f"The key {key.name} may not do this: it takes one with the scope {rule.right}."
            raise Refusal(403, "The key may not do this", detail, _challenge("insufficient_scope"))
        return key

    def _refuse_strangers(self, rule: Rule | None, headers: Headers, address: str) -> None:
        """Without keys, everything is for this machine alone, unless the settings say otherwise."""
        here = is_loopback(address)
        if rule and rule.right is Right.ADMIN:
            if here and _named_as_here(headers) and _of_no_other_site(headers):
                return
            detail = "Without keys articles are added and removed from this machine only. Make an admin key."
            raise Refusal(403, "Not allowed from here", detail)
        if self._settings.open_to_everybody or (rule is None and (here or self._settings.ui_users)):
            return
        if here and (not _is_address(address) or _named_as_here(headers)):
            return
        detail = (
            "There are no keys, so this server answers its own machine only, and only under the name localhost or an "
            "address. Make a key with `assistant keys create`, or set ASSISTANT_OPEN_TO_EVERYBODY."
        )
        raise Refusal(403, "Not allowed from here", detail)


def caller(request: Request) -> str:
    """Whom a request comes from: its key, or else its address."""
    return str(getattr(request.state, "caller", "")) or f"address {request.client.host if request.client else ''}"


def install_guard(app: FastAPI, settings: Settings) -> None:
    """Put the guard before everything that `app` serves, now or later.

    Raises:
        SettingsError: keys or limits in the settings cannot be read.
    """
    app.add_middleware(Guard, settings=settings, ring=KeyRing(settings), limits=Limits(settings))
    if settings.cors_origins:  # outside the guard: a browser asks for leave without the key
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "RateLimit", "RateLimit-Policy"],
        )


def _challenge(error: str | None = None) -> Mapping[str, str]:
    about = f', error="{error}"' if error else ""
    return {"WWW-Authenticate": f'Bearer realm="assistant"{about}'}


def _named_as_here(headers: Headers) -> bool:
    """Whether a request names this machine as no other site can, whose name may be made to point here (rebinding)."""
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_address(name)


def _of_no_other_site(headers: Headers) -> bool:
    """Whether no page of another site, open in a browser, makes the request."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with
