"""The buttons below an answer: whether it helped, share it with the channel, ask a person."""

import asyncio

from assistant.feedback import Feedback
from assistant.slack.answering import send_noted
from assistant.slack.blocks import MOST_BLOCKS, Message, context, message, section
from assistant.slack.desk import Desk, plain_message
from assistant.slack.inbox import Taken
from assistant.slack.kept import Kept
from assistant.slack.mrkdwn import clip, escape

_EXPIRED = "This answer is more than a week old, and its buttons no longer work. Please ask again."
_INTERRUPTED = "I was interrupted while I shared this. If it is not in the channel, please ask and share again."
_QUESTION_CHARS = 400


async def vote(desk: Desk, taken: Taken) -> None:
    """Keep what somebody thinks of an answer; the last word counts."""
    kept = await _kept(desk, taken)
    if kept is None or taken.job.helpful is None:
        return
    said = Feedback(question=kept.question, answer=kept.answer, helpful=taken.job.helpful)
    await asyncio.to_thread(desk.feedback.add, said)
    kept = await asyncio.to_thread(desk.kept.change, kept, helpful=taken.job.helpful)
    if kept.posted:
        await desk.update(kept)
    else:
        await desk.respond(taken.job.response_url, desk.shown(kept), replace_original=True)


async def share(desk: Desk, taken: Taken) -> None:
    """Show an answer that one person saw to the whole channel, in that person's name."""
    if taken.sending:
        await desk.respond(taken.job.response_url, plain_message(_INTERRUPTED))
        return
    kept = await _kept(desk, taken)
    if kept is None:
        return
    who = f"<@{taken.job.user}> asked: {escape(clip(kept.question, _QUESTION_CHARS))}"
    shown = message(kept.answer, [context("Shared from `/ask`.")])
    shared = Message(f"{who}\n\n{shown.text}", [section(who), *shown.blocks][:MOST_BLOCKS])
    # By the response_url it is posted wherever /ask can be used, also where the bot is no member.
    sending = desk.respond(taken.job.response_url, shared, response_type="in_channel")
    await send_noted(desk, taken, sending)


async def hand_on(desk: Desk, taken: Taken) -> None:
    """Mention a person in the thread of an answer."""
    kept = await _kept(desk, taken)
    whom = desk.chain.settings.slack_handoff
    if kept is None or whom is None:
        return
    mention = f"<!subteam^{whom}>" if whom.startswith("S") else f"<@{whom}>"
    words = f"{mention}, can you help? <@{taken.job.user}> would like a person to answer this."
    asked = Message(words, [section(words)])
    await desk.post_once(taken, kept.thread, f"handoff:{kept.answer.id}", asked)
    kept = await asyncio.to_thread(desk.kept.change, kept, handed=True)
    await desk.update(kept)


async def _kept(desk: Desk, taken: Taken) -> Kept | None:
    """The answer that was clicked at; whoever clicks at one that is not kept any longer is told."""
    kept = await asyncio.to_thread(desk.kept.get, taken.job.answer_id)
    if kept is None:
        await desk.respond(taken.job.response_url, plain_message(_EXPIRED))
    return kept
