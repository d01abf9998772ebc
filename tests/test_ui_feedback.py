"""Thumbs: what is kept, what is refused, and that it can be changed."""

from typing import Any

import pytest
from browser import ask, ready, reload
from pages import Chain
from playwright.sync_api import Page, expect

from assistant.answer import Answer
from assistant.chain import AnswerChain
from assistant.feedback import FeedbackStore, Reason
from assistant.ui.conversation import Conversation, Exchange
from assistant.ui.votes import RefusedVoteError, Votes


def test_a_vote_is_kept_changed_and_outlives_a_reload(
    page: Page, own_server: tuple[str, Chain], store: FeedbackStore
) -> None:
    ask(ready(page, own_server[0]), "sky one?")
    turn = ask(page, "sky?")
    turn.get_by_role("button", name="Helpful", exact=True).click()
    expect(turn.get_by_text("Thank you.")).to_be_visible()
    (kept,) = store.all()
    assert (kept.question, kept.helpful, kept.reason) == ("sky?", True, None)
    assert [one.question for one in kept.history] == ["sky one?"]
    assert kept.answer.citations[0].passage.startswith("Before."), "the passage comes from the index"
    turn.get_by_role("button", name="Not helpful").click()
    turn.get_by_label("The wrong source").check()
    turn.get_by_label("Anything to add?").fill("It says <b>nothing</b> of the sky.")
    turn.get_by_role("button", name="Send").click()
    expect(turn.get_by_text("You said: the wrong source.")).to_be_visible()
    (kept,) = store.all()
    assert (kept.helpful, kept.reason) == (False, Reason.WRONG_SOURCE)
    assert kept.comment == "It says <b>nothing</b> of the sky."
    reload(page)
    expect(turn.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    turn.get_by_role("button", name="Change").click()
    expect(turn.get_by_label("The wrong source")).to_be_checked()
    expect(turn.get_by_label("Anything to add?")).to_have_value("It says <b>nothing</b> of the sky.")


def test_nobody_is_asked_where_nothing_can_be_kept() -> None:
    from test_ui_render import exchange

    from assistant.ui import render

    kept = Conversation(exchanges=(exchange(),))
    assert "Helpful" in render.conversation(kept, rateable=True)
    assert "Helpful" not in render.conversation(kept)


@pytest.fixture
def voting(story: AnswerChain, store: FeedbackStore) -> tuple[Votes, Answer]:
    return Votes(story, store), story.invoke("What ties OpenAI to Azure?")


def kept(answer: Answer) -> Conversation:
    return Conversation().with_exchanges([Exchange(question="q", answer=answer)])


def test_what_the_articles_tell_is_taken_from_them(voting: tuple[Votes, Answer], store: FeedbackStore) -> None:
    votes, answer = voting
    forged = answer.model_copy(
        update={"citations": tuple(one.model_copy(update={"title": "Forged", "url": "x"}) for one in answer.citations)}
    )
    voted = votes.cast(kept(forged), {"at": 0, "helpful": True})
    assert voted.exchanges[0].vote is not None
    assert store.all()[-1].answer == answer


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "x" * 20, "start": 0, "end": 20},
        {"article_id": "nowhere"},
        {"start": 0},
    ],
)
def test_what_does_not_fit_the_articles_is_refused(
    voting: tuple[Votes, Answer], change: dict[str, Any], store: FeedbackStore
) -> None:
    votes, answer = voting
    before = store.all()
    first, *rest = answer.citations
    quote = first.model_copy(update=change)
    quote = quote.model_copy(update={"end": quote.start + len(quote.quote)})
    forged = answer.model_copy(update={"citations": (quote, *rest)})
    with pytest.raises(RefusedVoteError, match="Ask again"):
        votes.cast(kept(forged), {"at": 0, "helpful": False})
    assert store.all() == before


@pytest.mark.parametrize("change", [{"answer": "x" * 20_001}, {"id": "x" * 2_001}, {"notice": "x" * 2_001}])
def test_what_is_too_long_is_refused(voting: tuple[Votes, Answer], change: dict[str, Any]) -> None:
    votes, answer = voting
    with pytest.raises(RefusedVoteError, match="longer"):
        votes.cast(kept(answer.model_copy(update=change)), {"at": 0, "helpful": False})


@pytest.mark.parametrize(
    "data",
    [
        *(None, {}, {"at": 1, "helpful": True}, {"at": -1, "helpful": True}),
        {"at": 0, "helpful": True, "comment": "x" * 2_001},
        {"at": 0, "helpful": False, "reason": "because"},
    ],
)
def test_what_is_no_vote_is_refused(voting: tuple[Votes, Answer], data: object) -> None:
    votes, answer = voting
    with pytest.raises(RefusedVoteError, match="does not fit"):
        votes.cast(kept(answer), data)
