"""A thread in Slack: the conversation before a question, and whether we have replied already."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from assistant.answer import Turn
from assistant.slack.blocks import ANSWER_ID
from assistant.slack.connection import Identity
from assistant.slack.mrkdwn import plain, unescape

#: Our messages say by this what they reply to.
_EVENT_TYPE = "story_assistant_reply"
_PAGE, _MOST_PAGES, _MOST_TURNS = 200, 20, 20
_MARKERS = re.compile(r"[ \t]*\[\d{1,4}\]")

SlackMessage = Mapping[str, Any]


def mark(key: str, question: str = "") -> dict[str, Any]:
    """Metadata for a message of ours. `key` says what it was posted for, `question` is the `ts` of what it answers."""
    return {"event_type": _EVENT_TYPE, "event_payload": {"key": key, "question": question}}


async def messages(api: AsyncWebClient, channel: str, thread: str) -> list[SlackMessage]:
    """The thread, oldest first; a long one without its end."""
    found: list[SlackMessage] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await api.conversations_replies(
            channel=channel, ts=thread, limit=_PAGE, include_all_metadata=True, cursor=cursor
        )
        found += page.get("messages") or []
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
    return found


def posted(thread: Sequence[SlackMessage], key: str) -> str:
    """The `ts` of the message that we posted for `key`, empty when there is none."""
    return next((str(one["ts"]) for one in thread if _payload(one).get("key") == key), "")


def history(thread: Sequence[SlackMessage], ts: str, me: Identity) -> tuple[Turn, ...]:
    """What was asked and answered in a thread before the message `ts`: what others said to each other is not for us."""
    turns: list[Turn] = []
    asked: dict[str, str] = {}
    last = ""
    for one in thread:
        if one.get("ts") == ts:
            break
        if not _ours(one, me):
            last = str(one.get("ts", ""))
            asked[last] = question_in(str(one.get("text") or ""), me)
            continue
        question = asked.get(_payload(one).get("question", last), "")
        if question and (answer := _answer_in(one)):
            turns.append(Turn(question=question, answer=answer))
    return tuple(turns[-_MOST_TURNS:])


def question_in(text: str, me: Identity) -> str:
    """The question in a message, without our name."""
    return plain(re.sub(rf"<@{re.escape(me.user_id)}(?:\|[^>]*)?>", " ", text))


def _ours(one: SlackMessage, me: Identity) -> bool:
    return bool(_payload(one)) or one.get("user") == me.user_id or bool(me.bot_id and one.get("bot_id") == me.bot_id)


def _payload(one: SlackMessage) -> dict[str, str]:
    metadata = one.get("metadata") or {}
    return metadata.get("event_payload") or {} if metadata.get("event_type") == _EVENT_TYPE else {}


def _answer_in(one: SlackMessage) -> str:
    """The answer alone: no markers, sources, notices or buttons. Empty where the message is no answer."""
    sections = [
        str((block.get("text") or {}).get("text", ""))
        for block in one.get("blocks") or []
        if block.get("type") == "section" and str(block.get("block_id", "")).startswith(f"{ANSWER_ID}-")
    ]
    return _MARKERS.sub("", unescape(" ".join(sections))).strip()
