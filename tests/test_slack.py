"""The Slack app beside a Slack on loopback, spoken to by the real client: each question is answered exactly once."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from slack_bot import QUESTION, Bot, BotFactory, wait_for
from slack_server import BOT, BOT_ID, Fault, SlackServer, click, direct, event, mention, slash

from assistant.answer import Outcome
from assistant.chain import AnswerChain
from assistant.feedback import FEEDBACK_FILE, FeedbackStore

ASKED = f"<@{BOT}> {QUESTION}"


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """The buttons of a message: value by action."""
    return {
        element["action_id"]: element["value"]
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


def words(message: dict[str, Any]) -> str:
    return str(message["blocks"][0]["text"]["text"])


def test_a_mention_is_answered_in_its_thread(bot: Bot, slack: SlackServer) -> None:
    asked = slack.say("C1", ASKED)
    reply = bot.deliver(mention(asked))
    assert (reply.status_code, reply.text) == (200, "")
    bot.settle()
    (answer,) = slack.ours()
    assert answer["thread_ts"] == asked["ts"]
    assert "80 metres" in words(answer)
    assert "80 metres" in answer["text"]
    source = answer["blocks"][1]["elements"][0]["text"]
    assert "<https://tarn.test/tower|" in source
    assert "as of 1 May 2024" in source
    assert "“The tower of Tarn is 80 metres high.”" in source
    assert "<!" not in str(answer["blocks"])
    (sent,) = slack.called("chat.postMessage")
    assert {sent["unfurl_links"], sent["unfurl_media"]} <= {False, "0"}
    assert slack.reactions == set()
    assert [call["name"] for call in slack.called("reactions.add")] == ["eyes"]
    assert [call["name"] for call in slack.called("reactions.remove")] == ["eyes"]


def test_the_same_event_three_times(bot: Bot, slack: SlackServer) -> None:
    asked = mention(slack.say("C1", ASKED))
    for _ in range(3):
        assert bot.deliver(asked).status_code == 200
    bot.settle()
    assert bot.deliver(asked).status_code == 200  # and once more when it is done
    bot.settle()
    assert len(slack.ours()) == 1
    assert len(bot.chain.asked) == 1


def test_one_message_that_comes_as_two_events(bot: Bot, slack: SlackServer) -> None:
    asked = slack.say("D1", QUESTION)
    bot.deliver(direct(asked))
    bot.deliver(direct(asked))  # another event_id
    bot.settle()
    assert len(slack.ours("D1")) == 1


def test_ten_at_once(bot: Bot, slack: SlackServer) -> None:
    bot.chain.delay = 0.2
    asked = [slack.say("C1", ASKED) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda one: bot.deliver(mention(one)), asked * 2))
    assert {reply.status_code for reply in replies} == {200}
    bot.settle()
    assert sorted(one["thread_ts"] for one in slack.ours()) == [one["ts"] for one in asked]
    assert bot.chain.most_at_once <= 4


def test_slack_has_its_answer_long_before_the_question_has(bot: Bot, slack: SlackServer) -> None:
    bot.chain.delay = 4
    asked = mention(slack.say("C1", ASKED))
    assert bot.deliver(asked).elapsed.total_seconds() < 3
    assert slack.ours() == []
    assert bot.deliver({**asked, "event_id": asked["event_id"]}).elapsed.total_seconds() < 3
    bot.settle()
    assert len(slack.ours()) == 1
    assert len(bot.chain.asked) == 1


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("chat.postMessage", 429, "ratelimited", {"Retry-After": "1"})] * 2,
        [Fault("chat.postMessage", 500, "internal_error")],
        [Fault("chat.postMessage", 500, "internal_error", done=True)],
        [Fault("chat.postMessage", error="fatal_error", done=True)],
        [Fault("auth.test", 503, "service_unavailable")] * 5,
        [Fault("reactions.add", error="missing_scope"), Fault("reactions.remove", 500)],
        [Fault("chat.postMessage", 500, "internal_error"), Fault("conversations.replies", 500, "internal_error")],
    ],
    ids=["429", "500", "500 and posted", "posted and not told", "no identity", "no eyes", "500 and 500"],
)
def test_when_slack_fails_it_is_answered_once_all_the_same(
    make_bot: BotFactory, slack: SlackServer, faults: list[Fault]
) -> None:
    slack.faults += faults
    bot = make_bot()
    bot.deliver(mention(slack.say("C1", ASKED)))
    bot.settle()
    assert len(slack.ours()) == 1
    assert "80 metres" in words(slack.ours()[0])
    assert len(bot.chain.asked) == 1
    wait_for(lambda: slack.faults == [])


def test_what_slack_refuses_for_good_is_said_once_and_logged_without_text(
    bot: Bot, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    slack.faults.append(Fault("chat.postMessage", error="restricted_action"))
    with caplog.at_level(logging.DEBUG):
        bot.deliver(mention(slack.say("C1", ASKED)))
        bot.settle()
    assert [words(one) for one in slack.ours()] == [
        "Slack did not take my reply (restricted" "\u200b_\u200b" "action). Please ask whoever set me up here."
    ]  # fmt: skip
    assert "restricted_action" in caplog.text
    assert "tower" not in caplog.text.casefold()


def test_who_cannot_be_told_in_the_channel_is_told_directly(bot: Bot, slack: SlackServer) -> None:
    asked = slack.say("C1", ASKED)
    del slack.messages["C1"]
    bot.deliver(mention(asked))
    bot.settle()
    assert "channel" in words(slack.ours("U1")[0])


def test_a_breakdown_is_said_and_logged_without_text(
    bot: Bot, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    bot.chain.error = ValueError(f"cannot parse {QUESTION!r}")
    with caplog.at_level(logging.DEBUG):
        bot.deliver(mention(slack.say("C1", ASKED)))
        bot.settle()
    assert [words(one) for one in slack.ours()] == [
        "Something went wrong on my side, and I cannot answer this. I am sorry."
    ]
    assert "ValueError at slack_bot.py:" in caplog.text
    assert "Tarn" not in caplog.text


def test_nothing_that_is_said_is_logged(bot: Bot, slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bot.deliver(mention(slack.say("C1", ASKED)))
        bot.deliver(slash(QUESTION, slack.response_url()), "command")
        bot.deliver(event({"type": "reaction_added", "item": {"name": "Tarn"}}))
        bot.deliver({"type": "shortcut", "callback_id": "Tarn", "message": {"text": QUESTION}}, "interaction")
        bot.settle()
    assert len(slack.ours()) == 1
    # The test's own Slack and HTTP client are no part of it.
    told = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))]
    assert not [line for line in told if "tarn" in line.casefold() or "80 metres" in line]


def test_only_what_is_meant_for_us_is_answered(bot: Bot, slack: SlackServer) -> None:
    talk = slack.say("C1", "The tower of Tarn is quite high, is it not?")
    for ignored in (
        event({**talk, "channel_type": "channel"}),
        mention({**talk, "bot_id": "BOTHER"}),
        mention({**talk, "bot_id": BOT_ID, "user": BOT}),
        event({**talk, "channel_type": "im", "subtype": "bot_message"}),
        event({**talk, "channel_type": "im", "subtype": "channel_join"}),
        event({"type": "app_home_opened", "user": "U1", "channel": "D1"}),
        event({**talk, "channel_type": "channel", "subtype": "message_changed", "message": talk}),
    ):
        assert bot.deliver(ignored).status_code == 200
    assert bot.deliver({"type": "url_verification", "challenge": "abc", "token": "x"}).json() == {"challenge": "abc"}
    bot.settle()
    assert slack.ours() == []
    assert bot.chain.asked == []


def test_the_thread_is_the_history(bot: Bot, slack: SlackServer) -> None:
    first = slack.say("C1", f"<@{BOT}> How high is the tower of Tarn &amp; what is &lt;it&gt;?")
    bot.deliver(mention(first))
    bot.settle()
    for _ in range(7):  # more than a page, and nobody asks us
        slack.say("C1", "I thought it was 90 metres.", user="U2", thread=first["ts"])
    second = slack.say("C1", f"<@{BOT}|storybot> And when was it <https://tarn.test|finished>?", thread=first["ts"])
    later = slack.say("C1", "Not part of it", thread=first["ts"])
    bot.deliver(mention(second))
    bot.settle()
    asked = bot.chain.asked[-1]
    assert asked.question == "And when was it finished?"
    (turn,) = asked.history
    assert turn.question == "How high is the tower of Tarn & what is <it>?"
    assert "The tower of Tarn is 80 metres high." in turn.answer
    assert not re.search(r"\[\d|“|Tarn Times|&|\u200b", turn.answer)
    assert len(slack.called("conversations.replies")) > 1
    answers = slack.ours()
    assert [one["thread_ts"] for one in answers] == [first["ts"]] * 2
    assert "March 1998" in words(answers[1])
    assert later in slack.messages["C1"]


def test_a_declined_question_and_an_empty_one_are_answered(bot: Bot, slack: SlackServer) -> None:
    bot.deliver(direct(slack.say("D1", "What is the capital of Mongolia?")))
    bot.settle()
    bot.deliver(direct(slack.say("D1", "")))
    bot.settle()
    bot.deliver(direct(slack.say("D1", "why " * 900)))
    bot.settle()
    declined, empty, long = map(words, slack.ours("D1"))
    assert declined.startswith("The articles do not answer this.")
    assert empty == "The question is empty. Ask something about the articles."
    assert "Shorten it." in long


def test_an_edited_question_is_answered_anew_in_place(bot: Bot, slack: SlackServer) -> None:
    asked = slack.say("C1", f"<@{BOT}> What is the capital of Mongolia?")
    bot.deliver(mention(asked))
    bot.settle()
    (before,) = slack.ours()
    assert "do not answer" in words(before)
    edited = {**asked, "text": ASKED, "edited": {"user": "U1", "ts": slack.ts()}}
    change = {"type": "message", "subtype": "message_changed", "channel": "C1", "channel_type": "channel",
              "message": edited, "previous_message": asked}  # fmt: skip
    for _ in range(2):
        bot.deliver(event(change))
    bot.settle()
    (after,) = slack.ours()
    assert after["ts"] == before["ts"]
    assert "80 metres" in words(after)
    assert len(bot.chain.asked) == 2
    # What is no change of the words is none: a link that unfolds, a reply below it.
    bot.deliver(event({**change, "message": {**edited, "attachments": [{}]}, "previous_message": edited}))
    bot.settle()
    assert len(bot.chain.asked) == 2


def test_a_deleted_question_takes_its_answer_along(bot: Bot, slack: SlackServer) -> None:
    asked = slack.say("C1", ASKED)
    bot.deliver(mention(asked))
    bot.settle()
    assert len(slack.ours()) == 1
    gone = {"type": "message", "subtype": "message_deleted", "channel": "C1", "channel_type": "channel",
            "deleted_ts": asked["ts"], "previous_message": asked}  # fmt: skip
    bot.deliver(event(gone))
    bot.deliver(event({**gone, "deleted_ts": "1.1"}))  # another's, which we never answered
    bot.settle()
    assert slack.ours() == []


def test_thumbs_are_kept_as_feedback_and_thanked_for(bot: Bot, slack: SlackServer) -> None:
    bot.deliver(mention(slack.say("C1", ASKED)))
    bot.settle()
    (answer,) = slack.ours()
    found = buttons(answer)
    assert set(found) == {"answer_helpful", "answer_unhelpful"}
    bot.deliver(click("answer_unhelpful", found["answer_unhelpful"], slack.response_url()), "interaction")
    bot.deliver(click("answer_helpful", found["answer_helpful"], slack.response_url(), "U2"), "interaction")
    bot.settle()
    (kept,) = FeedbackStore(bot.chain.settings.data_dir / FEEDBACK_FILE).all()
    assert (kept.question, kept.helpful, kept.answer.id) == (QUESTION, True, found["answer_helpful"])
    assert kept.answer.citations[0].quote == "The tower of Tarn is 80 metres high."
    (answer,) = slack.ours()
    assert buttons(answer) == {}
    assert answer["blocks"][-1]["elements"][0]["text"] == "Thank you. Noted as helpful."
    assert answer["metadata"], "by it the answer is still found in its thread"


def test_a_slash_command_is_answered_for_one_and_can_be_shared(bot: Bot, slack: SlackServer) -> None:
    asked = slash(QUESTION, slack.response_url("ask"))
    assert bot.deliver(asked, "command").text == "Reading the articles…"
    assert bot.deliver(asked, "command").text == ""
    bot.settle()
    (reply,) = slack.responses
    assert (reply["response_type"], reply["replace_original"]) == ("ephemeral", False)
    assert "80 metres" in words(reply)
    shared = buttons(reply)["answer_share"]
    assert len(shared) < 100
    for _ in range(2):
        bot.deliver(click("answer_share", shared, slack.response_url("share"), "U7"), "interaction")
    bot.settle()
    (public,) = list(slack.responses)[1:]
    assert public["response_type"] == "in_channel"
    assert words(public) == f"<@U7> asked: {QUESTION}"
    assert "80 metres" in str(public["blocks"])
    bot.deliver(click("answer_helpful", shared, slack.response_url("vote")), "interaction")
    bot.settle()
    assert slack.responses[-1]["replace_original"] is True
    assert "Noted as helpful" in str(slack.responses[-1]["blocks"])
    assert slack.ours() == []


def test_a_slash_command_without_a_question_says_how(bot: Bot, slack: SlackServer) -> None:
    assert "`/ask" in bot.deliver(slash(" ", slack.response_url()), "command").text
    bot.settle()
    assert not slack.responses


@pytest.mark.parametrize(
    "fault", [Fault("response_url", 500), Fault("response_url", 429, headers={"Retry-After": "1"})]
)
def test_a_slash_command_when_slack_fails(bot: Bot, slack: SlackServer, fault: Fault) -> None:
    slack.faults.append(fault)
    bot.deliver(slash(QUESTION, slack.response_url()), "command")
    bot.settle()
    (reply,) = slack.responses
    assert "80 metres" in words(reply)


def test_buttons_of_an_answer_that_is_kept_no_longer(bot: Bot, slack: SlackServer) -> None:
    for action in ("answer_share", "answer_helpful", "answer_handoff"):
        bot.deliver(click(action, "f" * 32, slack.response_url(action)), "interaction")
    bot.settle()
    assert len(slack.responses) == 3
    assert all("more than a week old" in words(one) for one in slack.responses)


@pytest.mark.parametrize(("whom", "mentioned"), [("S0123", "<!subteam^S0123>"), ("U0123", "<@U0123>")])
def test_a_person_is_asked_once(make_bot: BotFactory, slack: SlackServer, whom: str, mentioned: str) -> None:
    bot = make_bot(slack_handoff=whom)
    asked = slack.say("C1", ASKED)
    bot.deliver(mention(asked))
    bot.settle()
    value = buttons(slack.ours()[0])["answer_handoff"]
    slack.faults.append(Fault("chat.postMessage", 500, "internal_error", done=True))
    for user in ("U5", "U6"):
        bot.deliver(click("answer_handoff", value, slack.response_url(), user), "interaction")
    bot.settle()
    answer, called = slack.ours()
    assert called["thread_ts"] == asked["ts"]
    assert words(called) == f"{mentioned}, can you help? <@U5> would like a person to answer this."
    assert "answer_handoff" not in buttons(answer)


def test_the_assistant_panel_begins_with_questions_that_are_answered(
    make_bot: BotFactory, slack: SlackServer, story: AnswerChain
) -> None:
    bot = make_bot(over=story)
    started = {"type": "assistant_thread_started", "assistant_thread": {"channel_id": "D1", "thread_ts": slack.ts()}}
    for _ in range(2):
        bot.deliver(event(started))
    bot.settle()
    (shown,) = slack.called("assistant.threads.setSuggestedPrompts")
    assert 1 <= len(shown["prompts"]) <= 4
    for one in shown["prompts"]:
        assert len(one["title"]) <= 60
        assert story.invoke(one["message"]).outcome is Outcome.ANSWERED


def test_the_assistant_panel(bot: Bot, slack: SlackServer) -> None:
    begun = slack.say("D1", "New conversation", user=BOT, bot_id=BOT_ID)
    bot.deliver(direct(slack.say("D1", QUESTION, thread=begun["ts"])))
    bot.settle()
    (status,) = slack.called("assistant.threads.setStatus")
    assert status["status"] == "is reading the articles…"
    assert [one["title"] for one in slack.called("assistant.threads.setTitle")] == [QUESTION]
    assert "80 metres" in words(slack.ours("D1")[-1])
    assert slack.called("reactions.add") == []
    bot.deliver(direct(slack.say("D1", "And when was it finished?", thread=begun["ts"])))
    bot.settle()
    assert len(slack.called("assistant.threads.setTitle")) == 1
    assert [turn.question for turn in bot.chain.asked[-1].history] == [QUESTION]


def test_a_thread_of_direct_messages_that_is_no_panel(bot: Bot, slack: SlackServer) -> None:
    slack.faults.append(Fault("assistant.threads.setStatus", error="invalid_thread_ts"))
    slack.faults.append(Fault("assistant.threads.setTitle", error="invalid_thread_ts"))
    first = slack.say("D1", "Hello")
    bot.deliver(direct(slack.say("D1", QUESTION, thread=first["ts"])))
    bot.settle()
    assert "80 metres" in words(slack.ours("D1")[0])
    assert [call["name"] for call in slack.called("reactions.add")] == ["eyes"]


def test_two_bots_on_one_store_answer_once(make_bot: BotFactory, slack: SlackServer) -> None:
    bots = [make_bot(), make_bot()]
    asked = [mention(slack.say("C1", ASKED)) for _ in range(5)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda pair: pair[0].deliver(pair[1]), [(one, what) for one in bots for what in asked]))
    bots[0].settle()
    wait_for(lambda: len(slack.ours()) == 5)
    assert sum(len(one.chain.asked) for one in bots) == 5
