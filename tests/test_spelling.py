"""Misspelt words, mended with words that the articles use."""

import pytest

from assistant.chain import AnswerChain
from assistant.lexical import LexicalIndex
from assistant.spelling import mend

LEXICAL = LexicalIndex(["Microsoft and OpenAI signed an exclusive licence.", "Suleyman runs Copilot for Microsoft."])


@pytest.mark.parametrize(
    ("question", "mended"),
    [
        ("did micorsoft sign the exlusive licnce?", "did Microsoft sign the exclusive licence?"),
        ("Did MICORSOFT sign", "Did Microsoft sign"),
        ("who is sulayman", "who is Suleyman"),
        ("OpenAI and Microsoft signed it", "OpenAI and Microsoft signed it"),
        ("what about the weather and the license?", "what about the weather and the license?"),  # real words
        ("opn gpt5 a1b2", "opn gpt5 a1b2"),  # too short, or not a word
        ("zicrosoft", "zicrosoft"),  # another first letter
        ("xylophonist", "xylophonist"),
        ("“micorsoft’s” (licnce)…", "“Microsoft’s” (licence)…"),
        ("", ""),
        ("微软 拥有 多少", "微软 拥有 多少"),
    ],
)
def test_mending(question: str, mended: str) -> None:
    assert mend(question, LEXICAL) == mended


def test_nothing_to_mend_with() -> None:
    assert mend("micorsoft", LexicalIndex([])) == "micorsoft"


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Australia?",
        "How do I reset my Windows password?",
        "Did London's watchdog question a technologist?",
    ],
)
def test_well_written_questions_stay(question: str, story: AnswerChain) -> None:
    assert mend(question, story.index.snapshot.lexical) == question
