"""Questions from Slack: answered in their thread; when one is edited or deleted, so is its answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from assistant.answer import Answer, Turn
from assistant.chain import Question
from assistant.errors import CorpusError, QuestionError
from assistant.slack import assistant_panel
from assistant.slack.connection import FAILURES, NoConnectionError, RefusedError, SlackDownError, meaning
from assistant.slack.desk import Desk, plain_message
from assistant.slack.inbox import Taken
from assistant.slack.jobs import Job
from assistant.slack.kept import Kept
from assistant.slack.mrkdwn import plain
from assistant.slack.thread import history, messages, question_in
from assistant.telemetry.watching import Surface, asked_on

_LOG = logging.getLogger(__name__)
_EYES = "eyes"
_INTERRUPTED = "I was interrupted while I sent this. If you see no answer, please ask again."


async def question(desk: Desk, taken: Taken) -> None:
    """Answer a message in its thread, once."""
    job = taken.job
    key = f"{job.channel}:{job.ts}"
    async with _working(desk, job):
        kept = await asyncio.to_thread(desk.kept.to, job.channel, job.ts)
        if kept is None:
            me = await desk.me()
            asked = question_in(job.text, me)
            turns = await _turns(desk, job)
            if job.panel and not turns:
                await _politely(assistant_panel.title(desk.api, job, asked))
            try:
                answer = await _answer(desk, asked, turns)
            except (QuestionError, CorpusError) as error:
                await desk.post_once(taken, job.thread, key, plain_message(_explained(error)))
                return
            place = {"channel": job.channel, "ts": job.ts, "thread": job.thread, "direct": job.direct}
            kept = Kept(answer=answer, question=asked, user=job.user, **place)
            await asyncio.to_thread(desk.kept.keep, kept)
        at = await desk.post_once(taken, job.thread, key, desk.shown(kept), question=job.ts)
        await asyncio.to_thread(desk.kept.change, kept, posted=at)


async def edit(desk: Desk, taken: Taken) -> None:
    """Answer an edited question anew, in the message that answered it before."""
    job = taken.job
    kept = await asyncio.to_thread(desk.kept.to, job.channel, job.ts)
    if kept is None or not kept.posted:
        return
    asked = question_in(job.text, await desk.me())
    if asked == kept.question:
        return
    async with _working(desk, job):
        try:
            answer = await _answer(desk, asked, await _turns(desk, job))
        except (QuestionError, CorpusError):
            return  # Nothing is left that could be answered: the answer to what it was stays.
        anew = kept.model_copy(update={"answer": answer, "question": asked, "helpful": None})
        await desk.update(anew)
        await asyncio.to_thread(desk.kept.keep, anew)


async def deletion(desk: Desk, taken: Taken) -> None:
    """Delete the answer to a question that was deleted."""
    job = taken.job
    kept = await asyncio.to_thread(desk.kept.to, job.channel, job.ts)
    if kept is None:
        return
    if kept.posted:
        try:
            await desk.api.chat_delete(channel=kept.channel, ts=kept.posted)
        except FAILURES as error:
            found = meaning(error)
            if str(found) != "message_not_found":
                raise found from None
    await asyncio.to_thread(desk.kept.forget, kept)


async def command(desk: Desk, taken: Taken) -> None:
    """Answer a slash command, to be seen by its user alone."""
    job = taken.job
    if taken.sending:
        # It may have arrived: of such a message nothing can be looked up.
        await desk.respond(job.response_url, plain_message(_INTERRUPTED))
        return
    asked = plain(job.text)
    try:
        answer = await _answer(desk, asked, ())
    except (QuestionError, CorpusError) as error:
        await desk.respond(job.response_url, plain_message(_explained(error)))
        return
    kept = Kept(answer=answer, question=asked, channel=job.channel, user=job.user, direct=job.direct)
    await asyncio.to_thread(desk.kept.keep, kept)
    await send_noted(desk, taken, desk.respond(job.response_url, desk.shown(kept)))


async def send_noted(desk: Desk, taken: Taken, sending: Awaitable[None]) -> None:
    """Send what cannot be looked up afterwards, with a note, so that no restart sends it twice. Raises as `sending`."""
    await asyncio.to_thread(desk.inbox.sending, taken, True)
    try:
        await sending
    except NoConnectionError:
        raise
    except (SlackDownError, RefusedError):  # Slack said that it did not take it.
        await asyncio.to_thread(desk.inbox.sending, taken, False)
        raise


async def _answer(desk: Desk, asked: str, turns: tuple[Turn, ...]) -> Answer:
    return await asyncio.to_thread(desk.chain.invoke, Question(question=asked, history=turns), asked_on(Surface.SLACK))


async def _turns(desk: Desk, job: Job) -> tuple[Turn, ...]:
    if job.thread == job.ts:
        return ()
    try:
        thread = await messages(desk.api, job.channel, job.thread)
    except FAILURES as error:
        raise meaning(error) from None
    return history(thread, job.ts, await desk.me())


def _explained(error: QuestionError | CorpusError) -> str:
    # Where the articles should be is for whoever runs this, not for whoever asks.
    return str(error) if isinstance(error, QuestionError) else "I have no articles to answer from yet."


@asynccontextmanager
async def _working(desk: Desk, job: Job) -> AsyncIterator[None]:
    """Show that we are at work, and that we no longer are. Slack may be slow or refuse it: nobody waits for that."""
    shown = asyncio.create_task(_show(desk, job))
    try:
        yield
    except asyncio.CancelledError:  # The server ends; at its next start the work is taken up, and the eyes are removed.
        shown.cancel()
        raise
    finally:
        if not shown.cancelling() and await shown == _EYES:
            await _politely(desk.api.reactions_remove(channel=job.channel, timestamp=job.ts, name=_EYES))


async def _show(desk: Desk, job: Job) -> str:
    # The panel's status goes by itself with the answer. A thread of direct messages may also be no panel.
    if job.panel and await _politely(assistant_panel.status(desk.api, job)):
        return "status"
    await _politely(desk.api.reactions_add(channel=job.channel, timestamp=job.ts, name=_EYES))
    return _EYES


async def _politely(call: Awaitable[object]) -> bool:
    """Whether Slack did what is nice to have and no more."""
    try:
        await call
    except FAILURES as error:
        _LOG.debug("slack: %s", meaning(error))
        return False
    return True
