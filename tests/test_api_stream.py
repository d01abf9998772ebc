"""Answers as server-sent events: their order, errors, silence, and clients that go away."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api import ASK, events
from browser import served
from fastapi import FastAPI
from fastapi.testclient import TestClient
from scripted import cite, decline, say

from assistant.answer import Answer
from assistant.api import stream as streaming
from assistant.api.stream import stream_answer
from assistant.articles import Article
from assistant.chain import AnswerChain
from assistant.errors import ProviderError

ARTICLE = Article(id="a", title="A", text="One stone. Two stones. Three stones.\n")


def grown(*texts: str) -> Answer:
    """An answer of some sentences, each citing its own words."""
    citations = [
        cite(ARTICLE, at := ARTICLE.text.index(text), at + len(text), number) for number, text in enumerate(texts, 1)
    ]
    sentences = [say(text, [citation]).sentences[0] for text, citation in zip(texts, citations, strict=True)]
    whole = say(" ".join(texts))
    return whole.model_copy(update={"sentences": tuple(sentences), "citations": tuple(citations), "id": "x"})


def sent(growing: Iterator[Answer | None]) -> list[tuple[str, Any]]:
    app = FastAPI()
    app.get("/", response_model=None)(lambda: stream_answer(growing, lambda answer: answer))
    with TestClient(app) as client:
        return events(client.get("/").text)


def test_each_sentence_is_sent_once() -> None:
    growing = [grown("One stone."), grown("One stone.", "Two stones."), grown("One stone.", "Two stones.")]
    found = sent(iter(growing))
    assert [name for name, _ in found] == ["searching", "sources", "sentence", "sentence", "done"]
    numbered = [(data["number"], data["sentence"]["text"]) for name, data in found if name == "sentence"]
    assert numbered == [(1, "One stone."), (2, "Two stones.")]
    assert [data["citations"][0]["quote"] for name, data in found if name == "sentence"] == [
        "One stone.",
        "Two stones.",
    ]
    assert Answer.model_validate(found[-1][1]) == growing[-1]


def test_a_sentence_that_changes_is_sent_again_under_its_number() -> None:
    found = sent(iter([grown("One stone.", "Two stones."), grown("Three stones.")]))
    numbered = [(data["number"], data["sentence"]["text"]) for name, data in found if name == "sentence"]
    assert numbered == [(1, "One stone."), (2, "Two stones."), (1, "Three stones.")]
    assert [sentence["text"] for sentence in found[-1][1]["sentences"]] == ["Three stones."]


def test_a_decline_has_no_sentences() -> None:
    assert [name for name, _ in sent(iter([decline()]))] == ["searching", "sources", "done"]


def test_while_another_request_computes_the_answer_its_id_is_not_known() -> None:
    found = sent(iter([None, None, grown("One stone.")]))
    assert [name for name, _ in found] == ["searching", "sources", "sentence", "done"]
    assert found[0][1] == {"id": None}


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [(ProviderError("gone\nfor good"), 502, "gone\nfor good"), (ZeroDivisionError("secret"), 500, "on the server")],
)
def test_an_error_in_mid_stream_is_an_event(error: Exception, status: int, says: str) -> None:
    def breaking() -> Iterator[Answer]:
        yield grown("One stone.")
        raise error

    found = sent(breaking())
    assert [name for name, _ in found] == ["searching", "sources", "sentence", "error"]
    assert found[-1][1]["status"] == status
    assert says in found[-1][1]["detail"]
    assert "secret" not in json.dumps(found)


def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PING", 0.1)
    told = threading.Event()

    def slow() -> Iterator[Answer]:
        yield grown("One stone.")
        assert told.wait(20)
        yield grown("One stone.", "Two stones.")

    app = FastAPI()
    app.get("/", response_model=None)(lambda: stream_answer(slow(), lambda answer: answer))
    with served(app) as url, httpx.stream("GET", url, timeout=20) as reply:
        lines = reply.iter_lines()
        assert ": ping" in lines  # reads as far as there
        told.set()
        assert "event: done" in lines


def test_a_client_that_goes_away_ends_the_work() -> None:
    ended = threading.Event()

    def endless() -> Iterator[Answer]:
        try:
            while True:
                yield grown("One stone.")
                yield grown("Two stones.")
                time.sleep(0.01)
        finally:
            ended.set()

    app = FastAPI()
    app.get("/", response_model=None)(lambda: stream_answer(endless(), lambda answer: answer))
    with served(app) as url:
        with httpx.stream("GET", url, timeout=20) as reply:
            assert "event: sentence" in reply.iter_lines()
            assert not ended.is_set()
        assert ended.wait(20)


def test_the_chain_tells_its_steps(story: AnswerChain) -> None:
    steps = list(story.stream("What ties OpenAI to Azure?", steps=True))
    searching, sources, *answers = steps
    assert not searching.found
    assert sources.found
    assert not searching.sentences + sources.sentences
    assert [answer.outcome for answer in (searching, sources)] == ["partial", "partial"]
    assert len({answer.id for answer in steps}) == 1
    plain = list(story.stream("What ties OpenAI to Azure?"))
    assert [answer.answer for answer in plain] == [answer.answer for answer in answers]


def test_the_chain_tells_no_step_of_a_question_that_it_refuses(story: AnswerChain) -> None:
    from assistant.errors import QuestionError

    for refused in ("", {"question": ASK["question"], "filters": {"outlets": ["nobody's"]}}):
        with pytest.raises(QuestionError):
            next(story.stream(refused, steps=True))
