"""Nothing gets in that Slack has not signed within five minutes, whatever it is, and nothing of it is logged."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from slack_bot import QUESTION, Bot
from slack_server import BOT, SECRET, SlackServer, click, mention, request, signature, slash

from assistant.errors import SettingsError
from assistant.settings import Settings
from assistant.slack.credentials import app_token, bot_token, signing_secret
from assistant.slack.http import slack as slack_router

KINDS = ("json", "command", "interaction", "ssl_check", "url_verification")


def sent(slack: SlackServer, kind: str, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """A signed request of this kind."""
    bodies: dict[str, tuple[Mapping[str, Any], str]] = {
        "json": (mention(slack.say("C1", f"<@{BOT}> {QUESTION}")), "json"),
        "command": (slash(QUESTION, slack.response_url()), "command"),
        "interaction": (click("answer_helpful", "f" * 32, slack.response_url()), "interaction"),
        "ssl_check": ({**slash(QUESTION, slack.response_url()), "ssl_check": "1"}, "command"),
        "url_verification": ({"type": "url_verification", "challenge": "abc", "token": "x"}, "json"),
    }
    return request(*bodies[kind], secret)


def post(bot: Bot, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.post(bot.url, content=body, headers=dict(headers), timeout=30, trust_env=False)


def stamped(body: bytes, headers: Mapping[str, str], at: str, secret: str = SECRET) -> dict[str, str]:
    """The headers with another time, signed anew."""
    return {**headers, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature(body, at, secret)}


@pytest.mark.parametrize("kind", KINDS)
def test_signed_by_slack(bot: Bot, slack: SlackServer, kind: str) -> None:
    body, headers = sent(slack, kind)
    assert post(bot, body, headers).status_code == 200
    for aside in (-280, 280):
        body, headers = sent(slack, kind)
        assert post(bot, body, stamped(body, headers, str(int(time.time()) + aside))).status_code == 200
    bot.settle()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrong",
    ["missing", "no time", "no signature", "stale", "future", "tampered", "secret", "no number", "digits", "not ascii",
     "other version", "empty"],
)  # fmt: skip
def test_not_signed_by_slack(
    bot: Bot, slack: SlackServer, kind: str, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers = sent(slack, kind)
    now, right = headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"]
    changed: dict[str, Mapping[str, Any]] = {
        "missing": {"Content-Type": headers["Content-Type"]},
        "no time": {"Content-Type": headers["Content-Type"], "X-Slack-Signature": right},
        "no signature": {"Content-Type": headers["Content-Type"], "X-Slack-Request-Timestamp": now},
        "stale": stamped(body, headers, str(int(now) - 310)),
        "future": stamped(body, headers, str(int(now) + 310)),
        "tampered": headers,
        "secret": stamped(body, headers, now, "another secret"),
        "no number": stamped(body, headers, "now"),
        "digits": stamped(body, headers, f"{now}.5"),
        "not ascii": {**headers, "X-Slack-Signature": "v0=é".encode()},
        "other version": {**headers, "X-Slack-Signature": right.replace("v0=", "v1=")},
        "empty": {**headers, "X-Slack-Signature": ""},
    }
    with caplog.at_level(logging.DEBUG):
        reply = httpx.post(
            bot.url,
            content=body + b" " if wrong == "tampered" else body,
            headers=changed[wrong],
            timeout=30,
            trust_env=False,
        )
    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == 401
    assert "tower" not in caplog.text.casefold()
    assert bot.inbox.waiting() == 0
    assert bot.chain.asked == []


@pytest.mark.parametrize("kind", ["json", "command", "interaction"])
def test_what_is_replayed_is_known(bot: Bot, slack: SlackServer, kind: str) -> None:
    body, headers = sent(slack, kind)
    for _ in range(3):
        assert post(bot, body, headers).status_code == 200
    bot.settle()
    assert len(slack.ours()) + len(slack.responses) == 1
    assert len(bot.chain.asked) <= 1


def test_signed_but_not_readable(bot: Bot) -> None:
    now = str(int(time.time()))
    for body in (b"{", b"payload=%7B", b"[]", b"\xff\xfe", b"{" + b" " * 1_000_000 + b"}"):
        headers = stamped(body, {"Content-Type": "application/x-www-form-urlencoded"}, now)
        assert post(bot, body, headers).status_code in (200, 400, 401, 413), body[:20]
    assert bot.inbox.waiting() == 0


def test_bolts_own_headers_are_not_listened_to(bot: Bot, slack: SlackServer) -> None:
    body, headers = sent(slack, "json")
    more = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "event"}
    assert post(bot, body, {**headers, **more}).status_code == 200
    bot.settle()
    assert len(slack.ours()) == 1


def test_other_methods(bot: Bot) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert httpx.request(method, bot.url, trust_env=False).status_code == 405


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"slack_signing_secret": "   ", "slack_bot_token": "xoxb-1"}, "SLACK_SIGNING_SECRET is empty"),
        ({"slack_signing_secret": "s"}, "SLACK_BOT_TOKEN is not set"),
        ({"slack_bot_token": "xoxb-1"}, "neither SLACK_SIGNING_SECRET"),
        ({"slack_signing_secret": "s", "slack_bot_token": "xapp-1"}, "SLACK_BOT_TOKEN does not begin with xoxb-"),
    ],
)
def test_slack_set_up_in_part(given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        signing_secret(Settings(**given))  # type: ignore[arg-type]
    assert "xapp-1" not in str(caught.value)


def test_slack_set_up_or_not() -> None:
    assert signing_secret(Settings()) is None
    assert signing_secret(Settings(slack_bot_token="xoxb-1", slack_app_token="xapp-1")) is None
    both = Settings(slack_bot_token="xoxb-1", slack_signing_secret="s")
    assert signing_secret(both) == "s"
    assert bot_token(both) == "xoxb-1"
    with pytest.raises(SettingsError, match="SLACK_APP_TOKEN is not set"):
        app_token(both)
    assert "xoxb-1" not in repr(both)


def test_the_route_needs_a_secret(bot: Bot) -> None:
    bot.chain.settings = Settings()
    with pytest.raises(SettingsError, match="SLACK_SIGNING_SECRET is not set"):
        slack_router(bot.chain)  # type: ignore[arg-type]
