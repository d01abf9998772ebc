"""A small Slack on loopback: Web API, `response_url`s, websocket of Socket Mode, and requests as Slack signs them."""

import asyncio
import hashlib
import hmac
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import WSMsgType, web

BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-test-1", "xapp-test-1", "8f742231b10e8888abcd99yyyzzz85a5"
BOT, BOT_ID, TEAM = "UBOT", "BBOT", "T1"


@dataclass(frozen=True)
class Fault:
    """What happens to one call of a method instead of, or after, what should."""

    method: str
    status: int = 200
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    """Whether Slack does what was asked all the same."""
    hang: bool = False
    """No reply at all."""


@dataclass(frozen=True)
class Call:
    """One call of a method."""

    method: str
    fields: dict[str, Any]


class SlackServer:
    """Start it, point a client at `url`; `faults` go wrong, `calls` and `messages` tell what was done."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.messages: dict[str, list[dict[str, Any]]] = {"C1": [], "C2": [], "D1": []}
        self.reactions: set[tuple[str, str, str]] = set()
        self.responses: deque[dict[str, Any]] = deque()
        """What was sent to `response_url`s, in order."""
        self.acks: deque[dict[str, Any]] = deque()
        """What came back through the websocket."""
        self.hanging = 0
        """How many calls were left without a reply."""
        self._clock = itertools.count(1)
        self._sockets: list[web.WebSocketResponse] = []
        self.connected = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._port = 0

    # -- running ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/response/{name}", self._response)
        app.router.add_get("/socket", self._socket)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

        async def start() -> None:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self._port = runner.addresses[0][1]
            started.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())

    @property
    def url(self) -> str:
        """The Web API."""
        return f"http://127.0.0.1:{self._port}/api/"

    def response_url(self, name: str = "one") -> str:
        """A `response_url`."""
        return f"http://127.0.0.1:{self._port}/response/{name}"

    # -- looking ---------------------------------------------------------------------------------------------------

    def ts(self) -> str:
        """The next moment."""
        return f"{int(time.time())}.{next(self._clock):06d}"

    def say(self, channel: str, text: str, user: str = "U1", thread: str | None = None, **more: Any) -> dict[str, Any]:
        """Somebody writes a message."""
        ts = self.ts()
        message = {"type": "message", "channel": channel, "user": user, "text": text, "ts": ts, **more}
        if thread:
            message["thread_ts"] = thread
        self.messages[channel].append(message)
        return message

    def ours(self, channel: str = "C1") -> list[dict[str, Any]]:
        """The bot's messages."""
        return [one for one in self.messages[channel] if one.get("bot_id") == BOT_ID]

    def called(self, method: str) -> list[dict[str, Any]]:
        """The fields of all calls of a method."""
        return [call.fields for call in list(self.calls) if call.method == method]

    # -- the Web API -----------------------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fields = await _fields(request)
        self.calls.append(Call(method, fields))
        fault = next((one for one in self.faults if one.method == method), None)
        if fault:
            self.faults.remove(fault)
        if fault and not fault.done:
            reply: dict[str, Any] = {"ok": False, "error": fault.error}
        else:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            expected = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
            reply = self._do(method, fields) if token == expected else {"ok": False, "error": "invalid_auth"}
        if fault and fault.hang:
            self.hanging += 1
            await asyncio.sleep(3600)
        if fault and (fault.status != 200 or fault.error):
            reply = {"ok": False, "error": fault.error}
        return web.json_response(reply, status=fault.status if fault else 200, headers=fault.headers if fault else {})

    def _do(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        done: Callable[[dict[str, Any]], dict[str, Any]] | None = {
            "auth.test": self._auth_test,
            "apps.connections.open": self._open,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.replies": self._replies,
            "reactions.add": self._react,
            "reactions.remove": self._unreact,
            "assistant.threads.setStatus": _nothing,
            "assistant.threads.setTitle": _nothing,
            "assistant.threads.setSuggestedPrompts": _nothing,
        }.get(method)
        return done(fields) if done else {"ok": False, "error": "unknown_method"}

    def _auth_test(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "user_id": BOT, "bot_id": BOT_ID, "user": "storybot", "team": "Newsroom", "team_id": TEAM}

    def _open(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": f"ws://127.0.0.1:{self._port}/socket"}

    def _post(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel = fields.get("channel", "")
        if channel.startswith("U"):
            self.messages.setdefault(channel, [])
        if channel not in self.messages:
            return {"ok": False, "error": "channel_not_found"}
        if wrong := _wrong_blocks(fields):
            return {"ok": False, "error": wrong}
        message = {"type": "message", "user": BOT, "bot_id": BOT_ID, "ts": self.ts(), **fields}
        self.messages[channel].append(message)
        return {"ok": True, "channel": channel, "ts": message["ts"], "message": message}

    def _update(self, fields: dict[str, Any]) -> dict[str, Any]:
        for message in self.messages.get(fields["channel"], []):
            if message["ts"] == fields["ts"]:
                if wrong := _wrong_blocks(fields):
                    return {"ok": False, "error": wrong}
                message.update(fields)
                return {"ok": True, "ts": message["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def _delete(self, fields: dict[str, Any]) -> dict[str, Any]:
        kept = [one for one in self.messages[fields["channel"]] if one["ts"] != fields["ts"]]
        found = len(kept) < len(self.messages[fields["channel"]])
        self.messages[fields["channel"]] = kept
        return {"ok": True} if found else {"ok": False, "error": "message_not_found"}

    def _replies(self, fields: dict[str, Any]) -> dict[str, Any]:
        thread = [
            one for one in self.messages.get(fields["channel"], [])
            if fields["ts"] in (one["ts"], one.get("thread_ts"))
        ]  # fmt: skip
        if not thread:
            return {"ok": False, "error": "thread_not_found"}
        at, size = int(fields.get("cursor") or 0), min(int(fields.get("limit", 1000)), 5)
        page = thread[at : at + size]
        if fields.get("include_all_metadata") not in ("1", "true", True):
            page = [{key: value for key, value in one.items() if key != "metadata"} for one in page]
        on = str(at + size) if at + size < len(thread) else ""
        return {"ok": True, "messages": page, "has_more": bool(on), "response_metadata": {"next_cursor": on}}

    def _react(self, fields: dict[str, Any]) -> dict[str, Any]:
        reaction = (fields["channel"], fields["timestamp"], fields["name"])
        if reaction in self.reactions:
            return {"ok": False, "error": "already_reacted"}
        self.reactions.add(reaction)
        return {"ok": True}

    def _unreact(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.reactions.discard((fields["channel"], fields["timestamp"], fields["name"]))
        return {"ok": True}

    async def _response(self, request: web.Request) -> web.Response:
        sent = await request.json()
        fault = next((one for one in self.faults if one.method == "response_url"), None)
        if fault:
            self.faults.remove(fault)
        if not fault or fault.done:
            self.responses.append({"name": request.match_info["name"], **sent})
        if fault and fault.hang:
            self.hanging += 1
            await asyncio.sleep(3600)
        return web.Response(text="ok", status=fault.status if fault else 200, headers=fault.headers if fault else {})

    # -- Socket Mode -------------------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self._sockets.append(socket)
        self.connected.set()
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                self.acks.append(json.loads(message.data))
        return socket

    def push(self, kind: str, payload: Mapping[str, Any], envelope: str = "e1") -> None:
        """Deliver through the websocket; `kind` is `events_api`, `slash_commands` or `interactive`."""
        sent = {"type": kind, "envelope_id": envelope, "payload": payload, "accepts_response_payload": True}
        asyncio.run_coroutine_threadsafe(self._sockets[-1].send_json(sent), self._loop).result(10)


def _nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True}


async def _fields(request: web.Request) -> dict[str, Any]:
    """The fields of a call, whichever way the client sends them: query, form or JSON."""
    if request.content_type == "application/json":
        return dict(json.loads(await request.read() or b"{}"))
    fields: dict[str, Any] = {**request.query, **await request.post()}
    for name in ("blocks", "metadata", "prompts"):
        if isinstance(fields.get(name), str):
            fields[name] = json.loads(fields[name])
    return fields


def _wrong_blocks(fields: dict[str, Any]) -> str:
    """Slack's own limits."""
    blocks = fields.get("blocks") or []
    texts = [text for block in blocks for text in [block.get("text"), *block.get("elements", [])] if text]
    texts = [text["text"] if isinstance(text["text"], str) else text["text"]["text"] for text in texts]
    if len(blocks) > 50 or any(not 1 <= len(text) <= 3000 for text in texts):
        return "invalid_blocks"
    return "" if blocks or fields.get("text") else "no_text"


# -- what Slack sends ------------------------------------------------------------------------------------------------


def signature(body: bytes, timestamp: str, secret: str = SECRET) -> str:
    """Slack's signature of a body. https://docs.slack.dev/authentication/verifying-requests-from-slack/"""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


def request(body: Mapping[str, Any], form: str = "json", secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """A signed request: body and headers. `form` is json (events), command, or interaction."""
    if form == "json":
        sent, kind = json.dumps(body).encode(), "application/json"
    else:
        fields = {"payload": json.dumps(body)} if form == "interaction" else body
        sent, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    now = str(int(time.time()))
    headers = {
        "Content-Type": kind,
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": signature(sent, now, secret),
    }
    return sent, headers


_numbers = itertools.count(1)


def event(payload: Mapping[str, Any], event_id: str | None = None) -> dict[str, Any]:
    """An event of the Events API."""
    return {
        "token": "x",
        "team_id": TEAM,
        "api_app_id": "A1",
        "type": "event_callback",
        "event_id": event_id or f"Ev{next(_numbers)}",
        "event_time": int(time.time()),
        "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT, "is_bot": True}],
        "event": dict(payload),
    }


def mention(message: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The event that a message mentions the bot."""
    return event({**message, "type": "app_mention", **more})


def direct(message: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The event of a direct message."""
    return event({**message, "channel_type": "im", **more})


def slash(text: str, url: str, trigger: str | None = None) -> dict[str, str]:
    """A slash command."""
    return {
        "command": "/ask", "text": text, "user_id": "U1", "channel_id": "C1", "channel_name": "general",
        "team_id": TEAM, "response_url": url, "trigger_id": trigger or f"t{next(_numbers)}", "token": "x",
    }  # fmt: skip


def click(action_id: str, value: str, url: str, user: str = "U1", channel: str = "C1") -> dict[str, Any]:
    """A click on a button."""
    action = {"type": "button", "action_id": action_id, "block_id": "b", "value": value,
              "action_ts": f"{time.time():.3f}{next(_numbers)}"}  # fmt: skip
    return {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": user}, "channel": {"id": channel},
        "actions": [action], "response_url": url, "trigger_id": f"t{next(_numbers)}", "container": {"type": "message"},
    }  # fmt: skip
