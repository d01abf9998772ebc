"""Conversations as the browser keeps them: bounded, versioned, and whatever a browser sends is survived."""

from typing import Any

import pytest
from test_ui_render import answer, cite

from assistant.ui import conversation, render
from assistant.ui.conversation import Conversation, Exchange, Shelf
from assistant.ui.drawer import change


def exchange(question: str = "q", size: int = 0) -> Exchange:
    words = "Clear." + "x" * size
    return Exchange(question=question, answer=answer(f"{words} [1]", [(words, [1])], [cite(1)]))


def asked(*questions: str, **fields: Any) -> Conversation:
    return Conversation(exchanges=tuple(exchange(question) for question in questions), **fields)


def test_a_conversation_survives_the_browser_and_leaves_passages_behind() -> None:
    many = [exchange(str(number)) for number in range(conversation.MAX_EXCHANGES + 5)]
    kept = Conversation().with_exchanges(many)
    loaded = conversation.load(conversation.dump(kept))
    assert [one.question for one in loaded.exchanges] == [one.question for one in many[5:]]
    assert loaded.title == "0", "the title stays when the first question goes"
    assert loaded.exchanges[0].answer.citations[0].passage == ""
    assert render.conversation(loaded) == render.conversation(kept)


def test_long_answers_push_the_oldest_out() -> None:
    kept = Conversation().with_exchanges([exchange(str(n), size=60_000) for n in range(4)])
    assert [one.question for one in kept.exchanges] == ["2", "3"]


@pytest.mark.parametrize(
    "stored",
    [
        *(None, "x", {}, [], [None], [{"question": "q"}], {"version": 1, "exchanges": []}, {"more": 1}),
        *({"exchanges": [{"question": "q"}]}, {"version": 2, "id": "x" * 65}, {"version": 2, "name": "x" * 121}),
    ],
)
def test_what_is_no_conversation_counts_as_an_empty_one(stored: object) -> None:
    assert conversation.load(stored).exchanges == ()
    assert conversation.load_shelf(stored) == Shelf()


def test_a_title_is_the_first_question_or_the_given_name() -> None:
    one = asked("What  is\nit?", "more")
    assert one.title == "What is it?"
    assert one.renamed("  My   own ").title == "My own"
    assert one.renamed("").title == "What is it?"
    assert len(asked("x" * 500).title) <= conversation.MAX_TITLE
    assert len(one.renamed("x" * 500).title) == conversation.MAX_TITLE


def test_a_shelf_drops_the_oldest() -> None:
    shelf = Shelf()
    for number in range(conversation.MAX_CONVERSATIONS + 3):
        shelf = shelf.with_first(asked(str(number)))
    assert len(shelf.conversations) == conversation.MAX_CONVERSATIONS
    assert shelf.conversations[0].title == str(conversation.MAX_CONVERSATIONS + 2)
    for number in range(6):
        shelf = shelf.with_first(Conversation(exchanges=(exchange(str(number), size=250_000),)))
    assert sum(len(one.model_dump_json()) for one in shelf.conversations) <= conversation.MAX_SHELF
    assert shelf.conversations[0].title == "5"


def test_new_open_delete_and_undo() -> None:
    first, second = asked("one"), asked("two")
    now, shelf = change(first, Shelf(), "new", "")
    assert (now.exchanges, shelf.conversations) == ((), (first,))
    assert change(now, shelf, "new", "")[1].conversations == (first,), "an empty conversation is not kept"
    now, shelf = change(second, shelf, "open", first.id)
    assert (now, shelf.conversations) == (first, (second,))
    now, shelf = change(now, shelf, "delete", second.id)
    assert (now, shelf.conversations, shelf.deleted) == (first, (), second)
    now, shelf = change(now, shelf, "undo", "")
    assert (now, shelf.conversations, shelf.deleted) == (first, (second,), None)
    now, shelf = change(now, shelf, "delete", first.id)
    assert (now.exchanges, shelf.conversations, shelf.deleted) == ((), (second,), first)
    assert change(now, shelf, "open", "nowhere") == (now, shelf)
    assert change(now, shelf, "explode", first.id) == (now, shelf)
