"""What docs/slack.md promises: the bot of one's own runs, the manifest asks for what the app needs."""

import json
import re
from collections.abc import Iterator

import pytest
import slack_bolt.app.app
import yaml
from browser import served
from helpers import ROOT
from slack_bolt import App, BoltRequest
from slack_bot import QUESTION, wait_for
from slack_sdk import WebClient
from slack_server import BOT, BOT_TOKEN, SECRET, SlackServer, mention, request

from assistant.api.app import create_app
from assistant.chain import AnswerChain
from assistant.settings import Settings

DOC = (ROOT / "docs" / "slack.md").read_text()
MANIFEST = yaml.safe_load((ROOT / "docs" / "slack-manifest.yaml").read_text())
# What Slack asks for each method that we call, and each event that we listen to.
SCOPES = {
    "app_mention": {"app_mentions:read"},
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "message.mpim": {"mpim:history"},
    "assistant_thread_started": {"assistant:write"},
    "assistant_thread_context_changed": {"assistant:write"},
    "assistant_threads_": {"assistant:write"},
    "chat_": {"chat:write"},
    "conversations_replies": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "include_all_metadata": {"metadata.message:read"},
    "reactions_": {"reactions:write"},
    "app.command": {"commands"},
}


@pytest.fixture
def endpoint(tower: AnswerChain) -> Iterator[str]:
    with served(create_app(tower)) as url:
        yield url.rstrip("/")


def test_the_bot_of_ones_own(endpoint: str, slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("ASSISTANT_URL", endpoint)
    # Only where it finds Slack, and that it does not listen, is other than what the document says.
    monkeypatch.setattr(
        slack_bolt.app.app, "create_web_client", lambda token, logger: WebClient(token, base_url=slack.url)
    )
    monkeypatch.setattr(App, "start", lambda self, port: None)
    names: dict[str, App] = {}
    exec(compile(code, "docs/slack.md", "exec"), names)
    asked = slack.say("C1", f"<@{BOT}> {QUESTION}")
    body, headers = request(mention(asked))
    sent: dict[str, str | list[str]] = dict(headers)
    assert names["bot"].dispatch(BoltRequest(body=body.decode(), headers=sent)).status == 200  # type: ignore[arg-type]
    wait_for(slack.ours)
    (answer,) = slack.ours()
    blocks = answer["blocks"] if isinstance(answer["blocks"], list) else json.loads(answer["blocks"])
    assert answer["thread_ts"] == asked["ts"]
    assert "80 metres" in blocks[0]["text"]["text"]
    assert "tarn.test/tower" in blocks[1]["elements"][0]["text"]


def test_the_manifest_asks_for_what_the_app_needs() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "assistant" / "slack").glob("*.py"))
    events = set(MANIFEST["settings"]["event_subscriptions"]["bot_events"])
    used = {name for name in SCOPES if name in events or name in code}
    assert set().union(*(SCOPES[name] for name in used)) == set(MANIFEST["oauth_config"]["scopes"]["bot"])
    assert {"app_mention", "message.im", "assistant_thread_started"} <= events
    assert MANIFEST["settings"]["interactivity"]["is_enabled"]
    assert [one["command"] for one in MANIFEST["features"]["slash_commands"]] == ["/ask"]


def test_the_manifest_is_for_socket_mode_or_with_three_lines_more_for_http() -> None:
    text = (ROOT / "docs" / "slack-manifest.yaml").read_text()
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    http = yaml.safe_load(re.sub(r"# ((?:request_)?url: )", r"\1", text))
    url = "https://your-server.example/slack/events"
    assert http["settings"]["event_subscriptions"]["request_url"] == url
    assert http["settings"]["interactivity"]["request_url"] == url
    assert http["features"]["slash_commands"][0]["url"] == url


def test_the_variables_are_settings() -> None:
    named = re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE)
    assert len(named) == 5
    for name in named:
        assert name.removeprefix("ASSISTANT_").lower() in Settings.model_fields
        assert f"#{name}=" in (ROOT / ".env.example").read_text()
