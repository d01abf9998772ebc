"""What Slack asked is kept until it is done: once each, in order, through lost workers, and no longer than needed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from slack_server import direct, event

from assistant.answer import Answer, Outcome
from assistant.errors import AssistantError
from assistant.slack import inbox as inbox_module
from assistant.slack import kept as kept_module
from assistant.slack.inbox import Inbox
from assistant.slack.jobs import Kind, Received, of_action, of_event
from assistant.slack.kept import Kept, KeptAnswers

TEXT = "the secret words"


def received(ts: str = "1.1", thread: str | None = None, **more: Any) -> Received:
    message = {"type": "message", "channel": "D1", "user": "U1", "text": TEXT, "ts": ts, **more}
    found = of_event(direct({**message, "thread_ts": thread} if thread else message))
    assert found
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "slack.sqlite3"


def test_a_job_is_done_once_and_its_text_is_gone(path: Path) -> None:
    inbox = Inbox(path)
    assert inbox.take() is None
    assert inbox.add(received())
    assert not inbox.add(received())
    assert TEXT.encode() in path.read_bytes()
    taken = inbox.take()
    assert taken
    assert (taken.job.text, taken.attempt) == (TEXT, 1)
    assert inbox.take() is None
    inbox.done(taken)
    assert inbox.waiting() == 0
    assert not Inbox(path).add(received())
    assert not [one for one in path.parent.iterdir() if TEXT.encode() in one.read_bytes()]


def test_many_add_and_take_the_same(path: Path) -> None:
    jobs = [received(f"{number}.1") for number in range(20)]
    inboxes = [Inbox(path), Inbox(path)]
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda pair: pair[0].add(pair[1]), [(one, job) for job in jobs for one in inboxes]))
        assert sum(new) == 20
        taken = [one for one in pool.map(lambda number: inboxes[number % 2].take(), range(30)) if one]
    assert len({one.id for one in taken}) == len(taken) == 20


def test_a_worker_that_is_lost_gives_its_job_back(path: Path) -> None:
    inbox = Inbox(path, hold=0)
    inbox.add(received())
    lost = inbox.take()
    again = inbox.take()
    assert lost
    assert again
    assert (lost.id, again.attempt) == (again.id, 2)
    assert not inbox.keep(lost)
    assert inbox.keep(again)
    inbox.done(lost)  # too late: it is another's now
    assert inbox.waiting() == 1
    inbox.sending(again, True)
    third = inbox.take()
    assert third
    assert third.sending
    inbox.done(third)
    assert inbox.waiting() == 0


def test_one_after_the_other_in_a_thread(path: Path) -> None:
    inbox = Inbox(path)
    first, second, other = received("1.1"), received("2.1", thread="1.1"), received("3.1")
    for one in (first, second, other):
        inbox.add(one)
    taken = [inbox.take(), inbox.take()]
    assert [one and one.job.ts for one in taken] == ["1.1", "3.1"]
    assert inbox.take() is None
    assert taken[0]
    inbox.later(taken[0], 3600)
    assert inbox.take() is None, "the second waits for the first, which is to be tried again"
    inbox.done(taken[0])
    assert (found := inbox.take())
    assert found.job.ts == "2.1"


def test_a_question_deleted_before_it_was_read_is_not_answered(path: Path) -> None:
    inbox = Inbox(path)
    inbox.add(received())
    gone = {"type": "message", "subtype": "message_deleted", "channel": "D1", "deleted_ts": "1.1"}
    deletion = of_event(event({**gone, "previous_message": {"text": TEXT}}))
    assert deletion
    inbox.add(deletion)
    taken = inbox.take()
    assert taken
    assert taken.job.kind is Kind.DELETION
    assert inbox.waiting() == 1


def test_what_happens_to_other_peoples_messages_is_not_written_down(path: Path) -> None:
    inbox = Inbox(path)
    message = {"type": "message", "channel": "C1", "channel_type": "channel"}
    edited = {"message": {"ts": "5.5", "text": TEXT}, "previous_message": {"text": "before"}}
    for event_of_others in (
        event({**message, "subtype": "message_changed", **edited}),
        event({**message, "subtype": "message_deleted", "deleted_ts": "5.5", "previous_message": {"text": TEXT}}),
    ):
        found = of_event(event_of_others)
        assert found
        assert not inbox.add(found)
    assert inbox.waiting() == 0
    assert TEXT.encode() not in path.read_bytes()


def test_keys_are_forgotten_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(path)
    inbox.add(received())
    assert not inbox.add(received())
    monkeypatch.setattr(inbox_module, "SEEN_SECONDS", -1)
    assert inbox.add(received())


def test_a_broken_file_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is no database, and long enough to be read as one." * 40)
    with pytest.raises(AssistantError, match=r"slack\.sqlite3"):
        Inbox(path).add(received())


def test_answers_are_kept_for_a_week(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeptAnswers(path)
    answer = Answer(answer="Yes.", outcome=Outcome.ANSWERED, standalone_question="?", reader="extractive")
    kept = Kept(answer=answer, question="?", channel="C1", ts="1.1")
    store.keep(kept)
    assert store.get(answer.id) == store.to("C1", "1.1") == kept
    changed = store.change(kept, posted="2.2", helpful=False)
    assert store.get(answer.id) == changed
    anew = changed.model_copy(update={"answer": answer.model_copy(update={"id": "anew"})})
    store.keep(anew)
    assert store.get(answer.id) is None
    assert store.to("C1", "1.1") == anew
    store.forget(anew)
    assert store.to("C1", "1.1") is None
    monkeypatch.setattr(kept_module, "KEPT_SECONDS", -1)
    store.keep(kept)
    assert store.get(answer.id) is None


@pytest.mark.parametrize(
    ("action_id", "value"), [("answer_share", "a'; DROP TABLE"), ("answer_share", ""), ("other", "a" * 32)]
)
def test_buttons_that_are_not_ours(action_id: str, value: str) -> None:
    assert of_action({"user": {"id": "U1"}}, {"action_id": action_id, "value": value}) is None
