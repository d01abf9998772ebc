"""The assistant panel of Slack: questions to begin with, the status while we read, the title of a conversation."""

import asyncio

from slack_sdk.web.async_client import AsyncWebClient

from assistant.slack.connection import FAILURES, meaning
from assistant.slack.desk import Desk
from assistant.slack.inbox import Taken
from assistant.slack.jobs import Job
from assistant.slack.mrkdwn import clip

#: At most so many are shown.
_PROMPTS = 4
_TITLE_CHARS = 60


async def begin(desk: Desk, taken: Taken) -> None:
    """Suggest questions that the articles answer to whoever has opened the panel.

    Raises:
        SlackDownError, RefusedError: Slack did not take them.
    """
    found = await asyncio.to_thread(desk.chain.suggestions, None, _PROMPTS)
    if not found:
        return
    try:
        await desk.api.assistant_threads_setSuggestedPrompts(
            channel_id=taken.job.channel,
            thread_ts=taken.job.thread,
            title="The articles answer, for example",
            prompts=[{"title": clip(one, _TITLE_CHARS), "message": one} for one in found],
        )
    except FAILURES as error:
        raise meaning(error) from None


async def status(api: AsyncWebClient, job: Job) -> None:
    """Say below the question that we are at it, until the answer comes. Raises one of `FAILURES`."""
    await api.assistant_threads_setStatus(
        channel_id=job.channel, thread_ts=job.thread, status="is reading the articles…"
    )


async def title(api: AsyncWebClient, job: Job, asked: str) -> None:
    """Name the conversation by its first question. Raises as `status`."""
    await api.assistant_threads_setTitle(
        channel_id=job.channel, thread_ts=job.thread, title=clip(asked, _TITLE_CHARS) or "A question"
    )
