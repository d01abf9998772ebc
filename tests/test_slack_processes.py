"""Slack and real processes of ours: killed at the worst moments, and in Socket Mode; each question is answered once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import free_port
from helpers import ROOT, write_article
from slack_bot import ARTICLE, QUESTION, Bot, BotFactory, wait_for
from slack_server import APP_TOKEN, BOT, BOT_TOKEN, SECRET, Fault, SlackServer, click, direct, mention, request, slash

from assistant.errors import SettingsError
from assistant.feedback import FEEDBACK_FILE, FeedbackStore
from assistant.slack.cli import _serve
from assistant.slack.inbox import SLACK_FILE, Inbox

ASKED = f"<@{BOT}> {QUESTION}"


@contextmanager
def process(slack: SlackServer, folder: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours, with a corpus of one article and the Slack on loopback; its output is in `log.txt`."""
    if not (folder / "corpus").exists():
        write_article(folder / "corpus", "tower.md", ARTICLE, outlet="The Tarn Times")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ASSISTANT_CORPUS_DIR": str(folder / "corpus"),
        "ASSISTANT_DATA_DIR": str(folder / "data"),
        "ASSISTANT_SLACK_API_URL": slack.url,
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        **more,
    }
    with (folder / "log.txt").open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "assistant.cli", *arguments],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@contextmanager
def serving(slack: SlackServer, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`assistant serve`, once it answers; with its address."""
    port = free_port()
    with process(slack, folder, "serve", "--port", str(port), SLACK_SIGNING_SECRET=SECRET) as server:
        url = f"http://127.0.0.1:{port}/"

        def answers() -> bool:
            assert server.poll() is None, (folder / "log.txt").read_text()
            try:
                return httpx.get(f"{url}healthz", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        wait_for(answers, 150)
        yield server, f"{url}slack/events"


def deliver(url: str, body: Any, form: str = "json") -> None:
    sent, headers = request(body, form)
    assert httpx.post(url, content=sent, headers=headers, timeout=30, trust_env=False).status_code == 200


def words(message: dict[str, Any]) -> str:
    return str(message["blocks"][0]["text"]["text"])


def test_killed_between_delivery_and_answer_and_between_answer_and_note(slack: SlackServer, tmp_path: Path) -> None:
    slack.faults += [
        Fault("chat.postMessage", done=True, hang=True),
        Fault("conversations.replies", hang=True),
        Fault("response_url", done=True, hang=True),
    ]
    begun = slack.say("D1", "Hello")
    unread = direct(slack.say("D1", QUESTION, thread=begun["ts"]))
    posted = mention(slack.say("C1", ASKED))
    command = slash(QUESTION, slack.response_url())
    with serving(slack, tmp_path) as (server, url):
        deliver(url, posted)
        deliver(url, unread)
        deliver(url, command, "command")
        wait_for(lambda: slack.hanging == 3)
        server.kill()  # as a power cut would
        server.wait()
    inbox = Inbox(tmp_path / "data" / SLACK_FILE)
    assert inbox.waiting() == 3
    assert len(slack.ours("C1")) == len(slack.responses) == 1
    assert slack.ours("D1") == []
    with serving(slack, tmp_path) as (server, url):
        for one in (posted, unread):  # Slack delivers again what it is not sure of
            deliver(url, one)
        wait_for(lambda: inbox.waiting() == 0)
        (answer,) = slack.ours("C1")
        assert "80 metres" in words(answer)
        assert "80 metres" in words(slack.ours("D1")[0])
        assert len(slack.ours("D1")) == 1
        told = [words(one) for one in slack.responses]
        assert "80 metres" in told[0]
        assert told[1:] == ["I was interrupted while I sent this. If you see no answer, please ask again."]
        assert slack.reactions == set()
        # The answer that was posted by the process that is gone has working buttons.
        value = answer["blocks"][-1]["elements"][0]["value"]
        deliver(url, click("answer_helpful", value, slack.response_url()), "interaction")
        wait_for(lambda: inbox.waiting() == 0)
        assert [one.helpful for one in FeedbackStore(tmp_path / "data" / FEEDBACK_FILE).all()] == [True]
        server.terminate()
        assert server.wait(30) in (0, -signal.SIGTERM)
    assert "Tarn?" not in (tmp_path / "log.txt").read_text()


def test_socket_mode(slack: SlackServer, tmp_path: Path) -> None:
    with process(slack, tmp_path, "slack", SLACK_APP_TOKEN=APP_TOKEN) as bot:
        wait_for(lambda: slack.connected.is_set() or bot.poll() is not None, 150)
        log = tmp_path / "log.txt"
        wait_for(lambda: "Connected as @storybot in Newsroom" in log.read_text())
        asked = mention(slack.say("C1", ASKED))
        for envelope in ("e1", "e2"):
            slack.push("events_api", asked, envelope)
        slack.push("slash_commands", slash(QUESTION, slack.response_url()), "e3")
        wait_for(lambda: len(slack.acks) == 3)
        acks = {ack["envelope_id"]: ack.get("payload") for ack in slack.acks}
        assert acks == {"e1": None, "e2": None, "e3": {"text": "Reading the articles…"}}
        inbox = Inbox(tmp_path / "data" / SLACK_FILE)
        wait_for(lambda: inbox.waiting() == 0)
        (answer,) = slack.ours()
        assert "80 metres" in words(answer)
        (reply,) = slack.responses
        value = reply["blocks"][-1]["elements"][0]["value"]
        slack.push("interactive", click("answer_share", value, slack.response_url()), "e4")
        wait_for(lambda: len(slack.responses) == 2)
        assert slack.responses[1]["response_type"] == "in_channel"
        bot.send_signal(signal.SIGINT)
        assert bot.wait(30) == 0
    told = log.read_text()
    assert told.rstrip().endswith("Stopped.")
    assert "Traceback" not in told
    assert "Tarn?" not in told


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"slack_bot_token": "xoxb-wrong"}, "Slack refuses SLACK_BOT_TOKEN .invalid_auth.. Install"),
        ({"slack_app_token": "xapp-wrong"}, "Slack refuses SLACK_APP_TOKEN .invalid_auth.. Turn Socket Mode on"),
    ],
)
def test_tokens_that_slack_refuses(make_bot: BotFactory, given: dict[str, Any], says: str) -> None:
    bot: Bot = make_bot(**{"slack_app_token": APP_TOKEN, **given})
    with pytest.raises(SettingsError, match=says) as caught:
        asyncio.run(_serve(bot.chain))  # type: ignore[arg-type]
    assert "wrong" not in str(caught.value)
