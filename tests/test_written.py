"""A model's text in sentences: markers in every place and shape, and what is shown before the text is complete."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.reading.written import Written, sentences


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("It is. [1] So be it [2].", [("It is.", (1,)), ("So be it.", (2,))]),
        ("It is [1][2][1]. ", [("It is.", (1, 2))]),
        ("It is [1, 2; 3].", [("It is.", (1, 2, 3))]),
        ("1. It is [1].\n2) So be it [2].\n* And so [3].", [("It is.", (1,)), ("So be it.", (2,)), ("And so.", (3,))]),
        ("# Answer\nIt is [1].", [("Answer", ()), ("It is.", (1,))]),
        ("It costs &lt;5&gt; [1].", [("It costs <5>.", (1,))]),
        ("“It is.” [1]", [("“It is.”", (1,))]),
        ("It is.\n[1]\n\nSo be it.\n\n[2] [3]", [("It is.", (1,)), ("So be it.", (2, 3))]),
        (
            "It is [Passage 1, passage 2]. So be it ［3］. And so【4】.",
            [("It is.", (1, 2)), ("So be it.", (3,)), ("And so.", (4,))],
        ),
        ("It is [^1]. So be it [2–3].", [("It is.", (1,)), ("So be it.", (2, 3))]),
        ("It is [1]. So be it [2]. It is [3].", [("It is.", (1,)), ("So be it.", (2,))]),
        ("It is [sic] so [1. So be it [", [("It is [sic] so.", ()), ("So be it", ())]),
        ("It\u00a0 is\t so.", [("It is so.", ())]),
        ("[1] [2]", []),
        ("", []),
    ],
)
def test_a_models_text_in_sentences(text: str, parsed: list[tuple[str, tuple[int, ...]]]) -> None:
    assert sentences(text, finished=True) == [Written(words, cited) for words, cited in parsed]


PARTS = [
    *"It|U.S.|Inc.|high|No. 5|$1.5|. |.|? |…|”|“|(|)|-| |\n|\n\n".split("|"),
    *"[1]|[2, 3]|[|1|]| [|【4】|[Passage|,|&amp;|&#|10;|&lt|;|- |1. |#|**".split("|"),
]


@given(st.lists(st.sampled_from(PARTS), max_size=25).map("".join))
@example("It is. [1] And more.\n[2]\n\n again [3]. The U.S. said so. [4] So")
@example("It is. So be it. And so.&#105; Then")
def test_sentences_that_are_shown_early_stay(text: str) -> None:
    final = sentences(text, finished=True)
    for end in range(len(text)):
        early = sentences(text[:end], finished=False)
        assert final[: len(early)] == early, text[:end]
    assert not any(re.search(r"[\[【]\d+(, \d+)?[\]】]", sentence.text) for sentence in final)
