"""Hybrid search over real Chroma and the real local model."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ChainFactory, SettingsFactory
from helpers import HashEmbeddings, write_article
from hypothesis import given
from hypothesis import strategies as st

from assistant.chain import AnswerChain
from assistant.index import Index
from assistant.retrieval import HybridRetriever, _top


@pytest.fixture
def retriever(make_chain: ChainFactory, tmp_path: Path) -> HybridRetriever:
    corpus = tmp_path / "corpus"
    write_article(corpus, "tower.md", "The tower of Tarn is 80 metres high. Ada Brook built it.\n", as_of="2024-05-01")
    write_article(corpus, "bridge.md", "The bridge of Velm cost $40 million. It crosses the river Oss.\n")
    write_article(corpus, "wire.md", "Form XK-7741 was filed in Oslo on Monday.\n", topics=["law"])
    return HybridRetriever(index=make_chain().index, count=8)


@pytest.mark.parametrize(
    ("question", "article"),
    [
        ("How tall is the building that Ada Brook put up?", "tower"),  # by meaning
        ("What was the price of the river crossing?", "bridge"),
        ("XK-7741", "wire"),  # by words
    ],
)
def test_found_by_meaning_and_by_words(question: str, article: str, retriever: HybridRetriever) -> None:
    hits = retriever.search(question)
    assert hits[0].passage.article.id == article
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_scores_and_sentences(retriever: HybridRetriever) -> None:
    hits = retriever.search("Who built the tower of Tarn?")
    for hit in hits:
        assert [sentence.number for sentence in hit.sentences] == list(range(len(hit.passage.sentences)))
        for sentence in hit.sentences:
            assert 0 <= sentence.score <= 1
            assert -1.01 <= sentence.cosine <= 1.01
            assert sentence.text == sentence.span.of(hit.passage.article.text)
    first, second = hits[0].sentences
    assert (first.previous, second.previous) == ("", first.text)


def test_the_same_question_finds_the_same(retriever: HybridRetriever) -> None:
    assert retriever.search("Tarn") == retriever.search("Tarn")


@pytest.mark.parametrize("question", ["", "?", "the of and", "zzzz qqqq", "🤖" * 50, "a" * 5000])
def test_odd_questions_find_something_or_nothing_without_error(question: str, retriever: HybridRetriever) -> None:
    assert len(retriever.search(question)) <= 3


def test_count_limits(retriever: HybridRetriever) -> None:
    assert len(HybridRetriever(index=retriever.index, count=1).search("tower")) == 1


def test_as_a_langchain_retriever(retriever: HybridRetriever) -> None:
    documents = retriever.invoke("How high is the tower of Tarn?")
    assert documents[0].metadata["id"] == "tower"
    assert documents[0].metadata["as_of"] == "2024-05-01"
    text = retriever.index.snapshot.articles["tower"].text
    assert text[documents[0].metadata["start"] : documents[0].metadata["end"]] == documents[0].page_content
    assert documents[0].id == retriever.search("How high is the tower of Tarn?")[0].passage.id


def test_an_empty_index_finds_nothing(settings: SettingsFactory) -> None:
    index = Index(settings(), HashEmbeddings())
    try:
        assert HybridRetriever(index=index).search("anything") == []
    finally:
        index.close()


def test_the_project_s_articles(story: AnswerChain) -> None:
    hits = HybridRetriever(index=story.index, count=8).search("Why did Musk lose in court?")
    assert hits[0].passage.article.id == "2026-05-19-musk-loses-his-case"
    assert len({hit.passage.id for hit in hits}) == 8


@given(st.lists(st.integers(0, 40), max_size=2000), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_the_top_of_many_scores(values: list[int], count: int, seed: int) -> None:
    scores = np.random.default_rng(seed).permutation(np.array(values * 40, np.float32) / 7)
    expected = sorted(np.flatnonzero(scores), key=lambda place: (-scores[place], place))[:count]
    assert list(_top(scores, count)) == expected
