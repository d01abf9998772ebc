"""Questions of several parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answer import Outcome
from assistant.chain import AnswerChain
from assistant.reading.parts import split_question


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Who leads Acme?", ["Who leads Acme?"]),
        ("Who leads Acme and Zembla?", ["Who leads Acme and Zembla?"]),
        ("How and why did it fail?", ["How and why did it fail?"]),
        ("What did Acme buy, and who sold Zembla?", ["What did Acme buy?", "Who sold Zembla?"]),
        ("Who leads Acme? When was Zembla sold?", ["Who leads Acme?", "When was Zembla sold?"]),
        ("Who is Sam Altman and when was he dismissed?", ["Who is Sam Altman?", "When was Sam Altman dismissed?"]),
        ("Acme said what it wants and what it fears", ["Acme said what it wants and what it fears"]),
    ],
)
def test_the_parts(question: str, parts: list[str]) -> None:
    assert [part[:1].upper() + part[1:] for part in split_question(question)] == parts


@given(st.text(max_size=200))
def test_any_text_has_parts(question: str) -> None:
    assert 1 <= len(split_question(question)) <= 3


def test_what_is_missing_is_said(story: AnswerChain) -> None:
    answer = story.invoke("When was Stargate announced, and what is the capital of Australia?")
    assert answer.outcome is Outcome.PARTIAL
    assert "21 January 2025" in answer.answer
    assert answer.notice is not None
    assert "capital of Australia" in answer.notice


def test_both_parts_are_answered(story: AnswerChain) -> None:
    answer = story.invoke("When was Stargate announced, and who is the chairman of Stargate?")
    assert answer.outcome is Outcome.ANSWERED
    assert "21 January 2025" in answer.answer
    assert "Masayoshi Son" in answer.answer
