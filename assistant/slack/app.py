"""The Bolt app: writes down what Slack asks before it tells Slack that it came, and leaves the work to the workers."""

import logging
import re
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_sdk.web.async_client import AsyncWebClient

from assistant.slack.connection import quiet
from assistant.slack.jobs import HANDOFF, HELPFUL, SHARE, UNHELPFUL, of_action, of_command, of_event
from assistant.slack.work import Workers

_LOG = logging.getLogger(__name__)
_USAGE = "Ask something about the articles, for example: `/ask What has changed?`"


def bolt(workers: Workers) -> AsyncApp:
    """The app around the workers. It verifies no signature: `http.py` has done so, and Socket Mode needs none."""
    # Bolt logs the bodies of requests, with what people wrote, from INFO up to ERROR.
    app = AsyncApp(
        client=AsyncWebClient(logger=quiet("bolt.client")),
        logger=quiet("bolt", logging.CRITICAL),
        authorize=_authorize,
        request_verification_enabled=False,
        raise_error_for_unhandled_request=True,
        # Listeners end before Slack gets its answer: what is acknowledged is written down.
        process_before_response=True,
    )

    @app.event(re.compile(r"^(?:app_mention|message|assistant_thread_started)$"))
    async def event(body: dict[str, Any]) -> None:
        if received := of_event(body):
            await workers.add(received)

    @app.command(re.compile(".*"))
    async def command(ack: AsyncAck, body: dict[str, Any]) -> None:
        received = of_command(body)
        if not received.job.text.strip():
            await ack(_USAGE)
        elif await workers.add(received):
            await ack("Reading the articles…")
        else:
            await ack()

    @app.action(re.compile("|".join((HELPFUL, UNHELPFUL, SHARE, HANDOFF))))
    async def action(ack: AsyncAck, body: dict[str, Any], action: dict[str, Any]) -> None:
        if received := of_action(body, action):
            await workers.add(received)
        await ack()

    @app.error
    async def failed(error: Exception) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            return BoltResponse(status=200, body="")  # An event or a click that is not for us.
        _LOG.error("slack: a request was not taken: %s", type(error).__name__)
        return BoltResponse(status=500, body="")

    return app


async def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    # One workspace, one token: nothing that Slack would have to be asked for before it gets its answer.
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)
