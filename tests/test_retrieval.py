"""Hybrid search over real Chroma and the real local model."""

from pathlib import Path

import pytest
from conftest import ChainFactory, SettingsFactory
from helpers import HashEmbeddings, make_article, write_article

from assistant.articles import Corpus
from assistant.chain import AnswerChain
from assistant.index import Index
from assistant.passages import split_passages
from assistant.retrieval import HybridRetriever, PassageHit, collapse


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


def test_a_wire_story_printed_twice_is_found_once(settings: SettingsFactory) -> None:
    wire = "The tower of Tarn is 80 metres high and was built by Ada Brook in the spring of 1998 for the city. "
    articles = [
        make_article("a", wire + "More soon.\n"),
        make_article("b", wire + "More soon.\n"),
        make_article("c", "The bridge of Velm cost forty million and crosses the river Oss near the old mill.\n"),
    ]
    index = Index(settings(), HashEmbeddings())
    try:
        index.sync(Corpus(tuple(articles), {}))
        hits = HybridRetriever(index=index).search("tower of Tarn")
        assert len(hits) == 2
        assert {hits[0].passage.article.id, *(copy.article.id for copy in hits[0].copies)} == {"a", "b"}
        assert hits[1].copies == ()
    finally:
        index.close()


def test_collapse_keeps_what_differs_in_order() -> None:
    texts = [
        "one two three four five six seven.",
        "another thing altogether is said here.",
        "one two three four five six seven.",
    ]
    hits = [PassageHit(split_passages(make_article(str(n), text))[0], 3.0 - n, ()) for n, text in enumerate(texts)]
    kept = collapse(hits, 5)
    assert [hit.passage.article.id for hit in kept] == ["0", "1"]
    assert [copy.article.id for copy in kept[0].copies] == ["2"]
    assert [hit.passage.article.id for hit in collapse(hits, 1)] == ["0"]
    assert collapse([], 3) == []


def test_the_project_s_articles(story: AnswerChain) -> None:
    hits = HybridRetriever(index=story.index, count=8).search("Why did Musk lose in court?")
    assert hits[0].passage.article.id == "2026-05-19-musk-loses-his-case"
    assert len({hit.passage.id for hit in hits}) == 8
