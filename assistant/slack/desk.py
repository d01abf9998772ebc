"""What all work for Slack needs at hand, and how it speaks: a message in a thread once, a word to one person."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from assistant.chain import AnswerChain
from assistant.feedback import FEEDBACK_FILE, FeedbackStore
from assistant.slack.blocks import Block, Message, button, context, message, section
from assistant.slack.connection import (
    FAILURES,
    Identity,
    RefusedError,
    SlackDownError,
    client,
    identity,
    meaning,
    quiet,
    retries,
)
from assistant.slack.inbox import SLACK_FILE, Inbox, Taken
from assistant.slack.jobs import HANDOFF, HELPFUL, SHARE, UNHELPFUL
from assistant.slack.kept import Kept, KeptAnswers
from assistant.slack.mrkdwn import escape
from assistant.slack.thread import mark, messages, posted

_LOG = logging.getLogger(__name__)


@dataclass
class Desk:
    """The chain, the way to Slack and the stores."""

    chain: AnswerChain
    api: AsyncWebClient
    inbox: Inbox
    kept: KeptAnswers
    feedback: FeedbackStore
    _me: Identity | None = field(default=None, init=False)

    @classmethod
    def of(cls, chain: AnswerChain) -> "Desk":
        """The desk for a chain, by its settings.

        Raises:
            SettingsError: there is no bot token.
        """
        settings = chain.settings
        path = settings.data_dir / SLACK_FILE
        return cls(
            chain, client(settings), Inbox(path), KeptAnswers(path), FeedbackStore(settings.data_dir / FEEDBACK_FILE)
        )

    async def me(self) -> Identity:
        """Who we are; asked of Slack once. Raises as `identity`."""
        if self._me is None:
            self._me = await identity(self.api)
        return self._me

    def shown(self, kept: Kept) -> Message:
        """The message for an answer, with the buttons that it has now."""
        in_thread = bool(kept.ts)
        elements = [] if in_thread else [button("Share in channel", SHARE, kept.answer.id, "Share this answer")]
        if kept.helpful is None:
            elements.append(button("👍", HELPFUL, kept.answer.id, "This answer is helpful"))
            elements.append(button("👎", UNHELPFUL, kept.answer.id, "This answer is not helpful"))
        if self.chain.settings.slack_handoff and in_thread and not kept.direct and not kept.handed:
            elements.append(button("Ask a person", HANDOFF, kept.answer.id, "Ask a person instead"))
        below: list[Block] = [{"type": "actions", "elements": elements}] if elements else []
        if kept.helpful is not None:
            said = "helpful" if kept.helpful else "not helpful"
            below.append(context(f"Thank you. Noted as {said}."))
        return message(kept.answer, below)

    async def post_once(self, taken: Taken, thread: str, key: str, shown: Message, question: str = "") -> str:
        """Post into a thread unless an earlier attempt has; gives the message's `ts`.

        Raises:
            SlackDownError: Slack may or may not have posted it; the next attempt will see.
            RefusedError: Slack does not take it.
        """
        channel = taken.job.channel
        try:
            if taken.attempt > 1 and (found := posted(await messages(self.api, channel, thread), key)):
                return found
            if not await asyncio.to_thread(self.inbox.keep, taken):
                raise SlackDownError("another worker has taken over")
            sent = await self.api.chat_postMessage(
                channel=channel,
                thread_ts=thread,
                text=shown.text,
                blocks=shown.blocks,
                metadata=mark(key, question),
                unfurl_links=False,
                unfurl_media=False,
            )
        except FAILURES as error:
            raise meaning(error) from None
        return str(sent["ts"])

    async def update(self, kept: Kept) -> None:
        """Show an answer that is posted as it is now. Raises as `post_once`."""
        shown = self.shown(kept)
        try:
            await self.api.chat_update(
                channel=kept.channel,
                ts=kept.posted,
                text=shown.text,
                blocks=shown.blocks,
                metadata=mark(kept.key, kept.ts),
            )
        except FAILURES as error:
            raise meaning(error) from None

    async def respond(self, url: str, shown: Message, **more: Any) -> None:
        """Send to a `response_url`: by default to the one person who typed or clicked. Raises as `post_once`."""
        hook = AsyncWebhookClient(url, logger=quiet("webhook"), retry_handlers=retries())
        fields = {"response_type": "ephemeral", "replace_original": False, **more}
        try:
            reply = await hook.send(
                text=shown.text, blocks=shown.blocks, unfurl_links=False, unfurl_media=False, **fields
            )
        except FAILURES as error:
            raise meaning(error) from None
        if reply.status_code == 429 or reply.status_code >= 500:
            raise SlackDownError(f"Slack said {reply.status_code}")
        if reply.status_code != 200:
            raise RefusedError(f"status {reply.status_code}")

    async def tell(self, taken: Taken, words: str) -> None:
        """Say to whoever asked what became of it, where they asked or else directly; once, and no harm if it fails."""
        job, said = taken.job, plain_message(words)
        try:
            if job.response_url:
                await self.respond(job.response_url, said)
            elif job.ts:
                await self.post_once(taken, job.thread, f"{job.channel}:{job.ts}", said)
        except (RefusedError, SlackDownError):
            if not job.user:
                return
            try:
                await self.api.chat_postMessage(channel=job.user, text=said.text, blocks=said.blocks)
            except FAILURES as error:
                _LOG.warning("slack: %s could not be told of a failure: %s", job.kind, meaning(error))


def plain_message(words: str) -> Message:
    """A message of our own words."""
    return Message(escape(words), [section(escape(words))])
