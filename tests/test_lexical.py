"""Lexical search: what counts as a word, and BM25 as the formula has it."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import snowballstemmer
from hypothesis import given
from hypothesis import strategies as st

from assistant.lexical import LexicalIndex, stems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The investments and the investor", ["invest", "investor"]),
        ("OpenAI's board, the investors' money", ["openai", "board", "investor", "money"]),
        ("OpenAI’s board", ["openai", "board"]),
        ("They don't and won’t", ["dont", "wont"]),
        ("$13 billion, 6.6 or 1,000", ["13", "billion", "6.6", "1,000"]),
        ("GPT-4 in 2023", ["gpt", "4", "2023"]),
        ("Ärger über STRASSE und Straße", ["ärger", "über", "strass", "und", "strass"]),
        ("snake_case", ["snake", "case"]),
        ("what is it", []),
        ("…!?", []),
        ("", []),
    ],
)
def test_stems(text: str, expected: list[str]) -> None:
    assert stems(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_stems_of_anything(text: str) -> None:
    found = stems(text)
    assert all(found)
    index = LexicalIndex([text])
    assert all(stem in index for stem in found)
    assert index.scores(found).shape == (1,)


def test_scores_are_robertsons_bm25() -> None:
    texts = ["cloud money money", "cloud", "board meeting today early", ""]
    index = LexicalIndex(texts)
    lengths = [3, 1, 4, 0]
    average = sum(lengths) / 4

    def score(frequency: int, length: int, documents: int) -> float:
        idf = math.log(1 + (4 - documents + 0.5) / (documents + 0.5))
        return idf * frequency / (frequency + 0.9 * (1 - 0.4 + 0.4 * length / average))

    expected = [score(1, 3, 2) + score(2, 3, 1), score(1, 1, 2), 0, 0]
    assert np.allclose(index.scores(stems("money in the clouds")), expected, atol=1e-5)


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    index = LexicalIndex(
        [f"cloud {name}" for name in ("azure", "oracle", "amazon", "google")] * 25 + ["cloud stargate"]
    )
    assert index.weight("cloud") < 0.01
    assert index.weight("cloud") < index.weight("azur") < index.weight("stargat") < index.weight("unseen")
    assert int(np.argmax(index.scores(stems("cloud of Stargate")))) == 100


def test_nothing_shared_scores_nothing() -> None:
    index = LexicalIndex(["cloud", "money"])
    for query in ([], ["unseen"]):
        assert index.scores(query).tolist() == [0, 0]
    assert "cloud" in index
    assert "unseen" not in index


@pytest.mark.parametrize("texts", [[], ["", "the of"]])
def test_an_index_without_words(texts: list[str]) -> None:
    index = LexicalIndex(texts)
    assert index.size == len(texts)
    assert index.scores(["cloud"]).shape == (len(texts),)
    assert not index.scores(["cloud"]).any()
    assert math.isfinite(index.weight("cloud"))


def test_threads_do_not_spoil_each_others_stems() -> None:
    words = [
        f"{start}{end}" for start in ("nation", "organ", "relat", "hope") for end in ("", "al", "ization", "fulness")
    ]
    texts = [" ".join(f"{word}x{number}ational" for word in words) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(stems, texts * 4))
    alone = snowballstemmer.stemmer("english")
    assert together == [alone.stemWords(text.split()) for text in texts] * 4
