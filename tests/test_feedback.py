"""Feedback is kept whole, one word for each answer, through threads and restarts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from assistant.answer import Turn
from assistant.chain import AnswerChain
from assistant.errors import AssistantError
from assistant.feedback import Feedback, FeedbackStore, Reason


@pytest.fixture
def store(tmp_path: Path) -> FeedbackStore:
    return FeedbackStore(tmp_path / "data" / "feedback.sqlite3")


def test_what_was_said_comes_back_whole_and_in_order(store: FeedbackStore, story: AnswerChain) -> None:
    assert store.all() == []
    first = Feedback(
        question="And Azure?",
        history=(Turn(question="What is it?", answer="A contract."),),
        answer=story.invoke("What ties OpenAI to Azure?"),
        helpful=False,
        reason=Reason.WRONG_SOURCE,
        comment="“Another” article; DROP TABLE feedback;--",
    )
    second = Feedback(question="Who is the pope?", answer=story.invoke("Who is the pope?"), helpful=True)
    store.add(first)
    store.add(second)
    assert store.all() == [first, second]
    assert all(citation.passage for citation in store.all()[0].answer.citations)


def test_the_last_word_on_an_answer_stays(store: FeedbackStore, story: AnswerChain) -> None:
    answer = story.invoke("What ties OpenAI to Azure?")
    store.add(Feedback(question="?", answer=answer, helpful=True))
    store.add(Feedback(question="?", answer=answer, helpful=False, reason=Reason.MISSING))
    (kept,) = store.all()
    assert (kept.helpful, kept.reason) == (False, Reason.MISSING)


def test_many_may_speak_at_once(store: FeedbackStore, story: AnswerChain) -> None:
    answer = story.invoke("What ties OpenAI to Azure?")
    given = [
        Feedback(question="?", answer=answer.model_copy(update={"id": f"answer-{n}"}), helpful=n % 2 == 0)
        for n in range(40)
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.add, given))
    assert {feedback.answer.id for feedback in store.all()} == {f"answer-{n}" for n in range(40)}


def test_a_comment_has_an_end(story: AnswerChain) -> None:
    with pytest.raises(ValidationError, match="at most 2000"):
        Feedback(question="?", answer=story.invoke("Who is the pope?"), helpful=True, comment="x" * 2001)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite3"
    path.write_text("This is no database, and long enough to be read as one." * 40)
    with pytest.raises(AssistantError, match=r"feedback\.sqlite3"):
        FeedbackStore(path).all()
