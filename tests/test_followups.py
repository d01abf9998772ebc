"""Follow-up questions made to stand alone by rules."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from assistant.answer import Turn
from assistant.followups import standalone_question


def after(question: str, *earlier: str, answer: str = "Aloysius Quimby paid $7 zillion [1].") -> str:
    return standalone_question(question, [Turn(question=text, answer=answer) for text in earlier])


@pytest.mark.parametrize(
    ("earlier", "question", "standalone"),
    [
        ("How much did Microsoft invest in OpenAI?", "and Amazon?", "How much did Amazon invest in OpenAI?"),
        ("How much did Microsoft invest in OpenAI?", "What about Amazon?", "How much did Amazon invest in OpenAI?"),
        ("What happened to the board in 2023?", "and in 2024?", "What happened to the board in 2024?"),
        ("Who is Sam Altman?", "When was he dismissed?", "When was Sam Altman dismissed?"),
        ("Who is Sam Altman?", "What is his role?", "What is Sam Altman's role?"),
        ("What is Frontier?", "Who runs it?", "Who runs Frontier?"),
        ("What stake did Acme get?", "And what is it worth?", "What is it worth (What stake did Acme get)?"),
        ("In 2025, who ran Acme?", "And nowadays?", "In 2025, who ran Acme now?"),
        ("Who ran Acme in May 2025?", "And nowadays?", "Who ran Acme now?"),
        ("What does OpenAI pay Microsoft?", "Why?", "What does OpenAI pay Microsoft – why?"),
        ("What does OpenAI pay Microsoft?", "Since when?", "What does OpenAI pay Microsoft – since when?"),
    ],
)
def test_what_is_left_out_is_put_in(earlier: str, question: str, standalone: str) -> None:
    assert after(question, earlier) == standalone


@pytest.mark.parametrize(
    "question",
    ["What ties OpenAI to Azure?", "Who is the boss of Oracle?", "When did Microsoft first invest in OpenAI?"],
)
def test_what_stands_alone_stays(question: str) -> None:
    assert after(question, "How tall is Mount Everest?") == question
    assert standalone_question(f"  {question} ", []) == question


def test_a_topic_carries_over_several_turns() -> None:
    found = after("And when did he return?", "Who is Sam Altman?", "Why was he dismissed?")
    assert "Sam Altman" in found
    assert "return" in found


def test_of_several_people_the_topic_is_given_along() -> None:
    found = after("What did he say?", "Why did Elon Musk sue Sam Altman?")
    assert "What did he say" in found
    assert "Elon Musk sue Sam Altman" in found


@pytest.mark.parametrize(
    ("earlier", "question", "standalone"),
    [
        (
            "Where do oranges come from?",
            "I would like to know about pests.",
            "I would like to know about pests (oranges",
        ),
        (
            "How are croissants made?",
            "Interesting. What are the varieties in Uruguay?",
            "varieties in Uruguay (croissants",
        ),
        ("What is Frontier?", "Thanks. And who runs it?", "Who runs Frontier?"),
    ],
)
def test_a_question_without_a_subject_gets_the_topic(earlier: str, question: str, standalone: str) -> None:
    assert standalone in after(question, earlier)


@pytest.mark.parametrize(
    "question",
    [
        "To the Musk trial: how long did the jurors need?",
        "What days is Vaisakhi celebrated?",
        "How are oranges shipped?",
    ],
)
def test_another_topic_does_not_drag_the_old_one_along(question: str) -> None:
    assert after(question, "Where do most oranges come from?", "How many oranges does Spain grow?") == question


def test_what_is_said_before_asking_is_left_out() -> None:
    assert after("Thanks. How are oranges shipped?", "How many oranges does Spain grow?") == "How are oranges shipped?"


def test_the_topic_is_the_resolved_one() -> None:
    found = after(
        "And what does the rest hang on?", "How much has Acme promised Zembla?", "How much of that comes now?"
    )
    assert "Acme" in found


def test_he_is_the_person_of_the_answer_where_the_questions_name_none() -> None:
    found = after("When was he dismissed?", "Who leads OpenAI?", answer="Its chief executive is Sam Altman [1].")
    assert found == "When was Sam Altman dismissed?"
    found = after("When was he dismissed?", "Who leads it?", answer="Sam Altman and Greg Brockman lead OpenAI [1].")
    assert "Altman" not in found
    found = after("What did he found?", "Who leads Microsoft AI?", answer="Microsoft AI went to Mustafa Suleyman [1].")
    assert found == "What did Mustafa Suleyman found?"


@pytest.mark.parametrize("question", ["Why?", "And Amazon?", "What is it worth?", "Who did this?", "How much is that?"])
def test_nothing_else_comes_from_earlier_answers(question: str) -> None:
    earlier = "How much of OpenAI does Microsoft own?"
    planted = after(question, earlier, answer="Microsoft owns 90%, says Aloysius Quimby of Zembla [1].")
    assert planted == after(question, earlier, answer="")
    assert not re.search("90|Quimby|Zembla", planted)


@given(question=st.text(max_size=60), earlier=st.lists(st.text(min_size=1, max_size=60), max_size=4))
@examples(max_examples=150)
def test_any_text_is_taken(question: str, earlier: list[str]) -> None:
    found = after(question, *earlier)
    assert isinstance(found, str)
    assert "zillion" not in found
    if not earlier:
        assert found == question.strip()
