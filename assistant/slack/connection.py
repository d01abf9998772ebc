"""The way to Slack: the client, who we are there, and what errors mean."""

import logging
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import AssistantError
from assistant.settings import Settings
from assistant.slack.credentials import bot_token

#: Errors of Slack's own making, which pass.
_PASSING = {"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"}


#: What a call of Slack can fail with.
FAILURES = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError)


class SlackDownError(AssistantError):
    """Slack could not be reached, or could not serve us just now."""


class NoConnectionError(SlackDownError):
    """Slack did not reply: whether it did what was asked is not known."""


class RefusedError(AssistantError):
    """Slack refused what was asked of it, and would refuse it again; the message is Slack's word for it."""


@dataclass(frozen=True)
class Identity:
    """Who we are in Slack."""

    user_id: str
    bot_id: str
    name: str
    team: str


class _AgainUnlessPosting(AsyncServerErrorRetryHandler):
    async def _can_retry_async(self, *, request: HttpRequest, **more: Any) -> bool:
        return not _posts(request) and await super()._can_retry_async(request=request, **more)


class _ReconnectUnlessPosting(AsyncConnectionErrorRetryHandler):
    async def _can_retry_async(self, *, request: HttpRequest, **more: Any) -> bool:
        return not _posts(request) and await super()._can_retry_async(request=request, **more)


def _posts(request: HttpRequest) -> bool:
    # Slack may have posted although its reply did not arrive: that is looked up before it is tried again.
    return bool(request.url and request.url.endswith("/chat.postMessage"))


def retries() -> list[AsyncRetryHandler]:
    """Waits as long as a 429 says; repeats after an error of Slack's what can be repeated without harm."""
    return [
        AsyncRateLimitErrorRetryHandler(max_retry_count=5),
        _AgainUnlessPosting(max_retry_count=3),
        _ReconnectUnlessPosting(max_retry_count=3),
    ]


def quiet(name: str, level: int = logging.WARNING) -> logging.Logger:
    """A logger for one of Slack's libraries. Below a warning they log what people write, whatever the root level."""
    logger = logging.getLogger(f"{__name__}.{name}")
    logger.setLevel(level)
    return logger


def client(settings: Settings) -> AsyncWebClient:
    """The client of Slack's Web API. Raises as `bot_token`."""
    return AsyncWebClient(
        bot_token(settings), base_url=settings.slack_api_url, logger=quiet("sdk"), retry_handlers=retries()
    )


async def identity(api: AsyncWebClient) -> Identity:
    """Ask Slack who we are.

    Raises:
        SlackDownError: Slack could not say.
        RefusedError: the token is not valid.
    """
    try:
        told = await api.auth_test()
    except FAILURES as error:
        raise meaning(error) from None
    return Identity(
        str(told["user_id"]), str(told.get("bot_id", "")), str(told.get("user", "")), str(told.get("team", ""))
    )


def meaning(error: Exception) -> AssistantError:
    """What one of `FAILURES` means to us. It holds nothing of what was sent, and of what Slack said only the code."""
    if isinstance(error, SlackApiError):
        data = getattr(error.response, "data", None)
        status = int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0) or 0)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or status >= 500 or code in _PASSING:
            return SlackDownError(f"Slack said {code or status}")
        return RefusedError(code or f"status {status}")
    return NoConnectionError(f"no connection to Slack: {type(error).__name__}")
