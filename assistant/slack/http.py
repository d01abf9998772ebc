"""`POST /slack/events`: events, slash commands and clicks that Slack sends by HTTP, each with its signature checked."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request
from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.responses import Response

from assistant.api.problems import problem
from assistant.chain import AnswerChain
from assistant.errors import SettingsError
from assistant.slack.app import bolt
from assistant.slack.connection import RefusedError, SlackDownError
from assistant.slack.credentials import signing_secret
from assistant.slack.desk import Desk
from assistant.slack.work import Workers

_LOG = logging.getLogger(__name__)
#: Slack's own requests are far smaller.
_MOST_BYTES = 1_000_000


def slack(chain: AnswerChain) -> APIRouter:
    """The route, with workers that run as long as the server does.

    Raises:
        SettingsError: only a part of what Slack needs is set.
    """
    secret = signing_secret(chain.settings)
    if secret is None:
        raise SettingsError("SLACK_SIGNING_SECRET is not set: without it nobody knows what is Slack's.")
    desk = Desk.of(chain)
    workers = Workers(desk)
    app = bolt(workers)
    verifier = SignatureVerifier(secret)

    @asynccontextmanager
    async def running(_: object) -> AsyncIterator[None]:
        workers.start()
        greeting = asyncio.create_task(_greet(desk))
        try:
            yield
        finally:
            greeting.cancel()
            await workers.stop()

    router = APIRouter(lifespan=running, include_in_schema=False)

    @router.post("/slack/events")
    async def events(request: Request) -> Response:
        """Whatever Slack sends."""
        body = await _body(request)
        if body is None:
            return problem(413, "Too large", f"A request from Slack has at most {_MOST_BYTES:,} bytes.")
        if not signed(verifier, request.headers, body):
            return problem(401, "Not signed by Slack", "The signature is missing, wrong, or not of these five minutes.")
        try:
            # Of the headers only the one that tells how to read the body: Bolt takes others as its own.
            kind = {"content-type": request.headers.get("content-type", "")}
            sent = AsyncBoltRequest(body=body.decode(), headers=dict(kind))
        except ValueError:
            return problem(400, "Not readable", "The body is neither JSON nor a form with JSON in it.")
        return to_starlette_response(await app.async_dispatch(sent))

    return router


async def _greet(desk: Desk) -> None:
    """Say in the log whether the token is good, before anybody asks; the server serves either way."""
    try:
        me = await desk.me()
    except (RefusedError, SlackDownError) as error:
        _LOG.error("slack: SLACK_BOT_TOKEN cannot be used: %s", error)
    else:
        _LOG.info("slack: connected as @%s in %s", me.name, me.team)


def signed(verifier: SignatureVerifier, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether Slack signed this body with our secret, within five minutes of now either way."""
    timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    # The verifier raises on what is no number, no ASCII, or no UTF-8; none of it is Slack's.
    if not re.fullmatch(r"[0-9]{1,15}", timestamp) or not signature.isascii():
        return False
    try:
        return verifier.is_valid(body, timestamp, signature)
    except UnicodeDecodeError:
        return False


async def _body(request: Request) -> bytes | None:
    """The raw body, None for one that is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return None
    return body
