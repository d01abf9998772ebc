"""What Slack asks of us, read from its payloads: each a job to be done once, with the keys that tell it from others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from assistant.answer import Frozen

#: Action ids of our buttons.
HELPFUL, UNHELPFUL, SHARE, HANDOFF = "answer_helpful", "answer_unhelpful", "answer_share", "answer_handoff"

# The subtypes of messages that somebody wrote; all others tell of something that happened.
_WRITTEN = {None, "file_share", "me_message", "thread_broadcast"}


class Kind(StrEnum):
    """What is to be done."""

    QUESTION = "question"
    EDIT = "edit"
    DELETION = "deletion"
    COMMAND = "command"
    VOTE = "vote"
    SHARE = "share"
    HANDOFF = "handoff"
    PANEL = "panel"


class Job(Frozen):
    """One piece of work."""

    kind: Kind
    channel: str
    ts: str = ""
    """The message that it is about; empty for a slash command."""
    thread: str = ""
    """The thread that the message stands in, or begins."""
    user: str = ""
    text: str = ""
    direct: bool = False
    """Whether nobody else reads along: a direct message, the assistant panel among them."""
    panel: bool = False
    """Whether the message may stand in the assistant panel, whose conversations are threads of direct messages."""
    response_url: str = ""
    answer_id: str = ""
    helpful: bool | None = None


@dataclass(frozen=True)
class Received:
    """A job as it came in. Whatever shares one of `keys` is the same job; jobs of one `lane` are done in order."""

    job: Job
    keys: tuple[str, ...]
    lane: str
    follows: str = ""
    """The key of an earlier job without which this one is none of ours."""


def of_event(body: Mapping[str, Any]) -> Received | None:
    """The job of an event of the Events API; None for what is not for us."""
    event = body.get("event") or {}
    once = f"event:{body['event_id']}" if body.get("event_id") else f"event:{uuid4().hex}"
    if event.get("type") == "assistant_thread_started":
        panel = event.get("assistant_thread") or {}
        channel, thread = str(panel.get("channel_id", "")), str(panel.get("thread_ts", ""))
        job = Job(kind=Kind.PANEL, channel=channel, thread=thread, user=str(panel.get("user_id", "")), direct=True)
        return Received(job, (once, f"panel:{channel}:{thread}"), f"panel:{channel}:{thread}")
    if event.get("type") not in ("message", "app_mention") or _by_a_bot(event) or not event.get("channel"):
        return None
    if event.get("subtype") == "message_changed":
        return _edit(event, once)
    if event.get("subtype") == "message_deleted":
        return _deletion(event, once)
    return _question(event, once)


def _question(event: Mapping[str, Any], once: str) -> Received | None:
    direct = event.get("channel_type") == "im"
    # Where others read along, a message is for us when it mentions us, and Slack tells that by an event of its own.
    if event.get("subtype") not in _WRITTEN or not event.get("ts") or not (direct or event["type"] == "app_mention"):
        return None
    channel, ts = str(event["channel"]), str(event["ts"])
    job = Job(
        kind=Kind.QUESTION,
        channel=channel,
        ts=ts,
        thread=str(event.get("thread_ts") or ts),
        user=str(event.get("user", "")),
        text=str(event.get("text") or ""),
        direct=direct,
        panel=direct and bool(event.get("thread_ts")),
    )
    return Received(job, (once, _message(channel, ts)), f"{channel}:{job.thread}")


def _message(channel: str, ts: str) -> str:
    return f"message:{channel}:{ts}"


def _edit(event: Mapping[str, Any], once: str) -> Received | None:
    after, before = event.get("message") or {}, event.get("previous_message") or {}
    # A message also changes when a link unfolds below it, or somebody replies to it.
    if _by_a_bot(after) or not after.get("ts") or after.get("text") == before.get("text"):
        return None
    channel, ts = str(event["channel"]), str(after["ts"])
    job = Job(
        kind=Kind.EDIT,
        channel=channel,
        ts=ts,
        thread=str(after.get("thread_ts") or ts),
        user=str(after.get("user", "")),
        text=str(after.get("text") or ""),
        direct=event.get("channel_type") == "im",
    )
    edited = (after.get("edited") or {}).get("ts") or event.get("event_ts") or once
    return Received(job, (once, f"edit:{channel}:{ts}:{edited}"), f"{channel}:{job.thread}", _message(channel, ts))


def _deletion(event: Mapping[str, Any], once: str) -> Received | None:
    before = event.get("previous_message") or {}
    if _by_a_bot(before) or not event.get("deleted_ts"):
        return None
    channel, ts = str(event["channel"]), str(event["deleted_ts"])
    job = Job(kind=Kind.DELETION, channel=channel, ts=ts, thread=str(before.get("thread_ts") or ts))
    return Received(job, (once, f"deletion:{channel}:{ts}"), f"{channel}:{job.thread}", _message(channel, ts))


def _by_a_bot(message: Mapping[str, Any]) -> bool:
    return bool(message.get("bot_id") or message.get("bot_profile")) or message.get("subtype") == "bot_message"


def of_command(body: Mapping[str, Any]) -> Received:
    """The job of a slash command."""
    once = f"command:{body.get('trigger_id') or uuid4().hex}"
    job = Job(
        kind=Kind.COMMAND,
        channel=str(body.get("channel_id", "")),
        user=str(body.get("user_id", "")),
        text=str(body.get("text") or ""),
        direct=body.get("channel_name") == "directmessage",
        response_url=str(body.get("response_url", "")),
    )
    return Received(job, (once,), once)


def of_action(body: Mapping[str, Any], action: Mapping[str, Any]) -> Received | None:
    """The job of a click on one of our buttons; None for another's."""
    name, answer_id = action.get("action_id"), str(action.get("value", ""))
    kinds = {HELPFUL: Kind.VOTE, UNHELPFUL: Kind.VOTE, SHARE: Kind.SHARE, HANDOFF: Kind.HANDOFF}
    if name not in kinds or not re.fullmatch(r"[\w-]{1,100}", answer_id):
        return None
    job = Job(
        kind=kinds[name],
        channel=str((body.get("channel") or {}).get("id", "")),
        user=str((body.get("user") or {}).get("id", "")),
        response_url=str(body.get("response_url", "")),
        answer_id=answer_id,
        helpful={HELPFUL: True, UNHELPFUL: False}.get(name),
    )
    # An answer is shared and handed on once, however often the button is pressed; a vote may be cast again.
    press = f":{job.user}:{action.get('action_ts') or uuid4().hex}" if job.kind is Kind.VOTE else ""
    return Received(job, (f"{job.kind}:{answer_id}{press}",), f"answer:{answer_id}")
