"""Reprints: found where a wire story was printed again, not where the same facts are told in other words."""

import re

import numpy as np
import pytest
from conftest import ChainFactory, SettingsFactory
from helpers import ROOT, HashEmbeddings, make_article, write_article

from assistant.articles import Article, Corpus, load_corpus
from assistant.chain import AnswerChain
from assistant.index import Index
from assistant.lexical import words
from assistant.passages import Passage, split_passages
from assistant.reprints import find_reprints
from assistant.retrieval import HybridRetriever
from assistant.snapshot import wording

WIRE = (
    "The harbour board of Velm approved a new quay on Tuesday. It will cost $40 million and open in 2027. "
    "Ada Brook, who chairs the board, called it the largest work since the railway came. "
    "Two members voted against the plan because of the debt that it brings.\n"
)


def reprints(*articles: Article) -> tuple[set[str], dict[str, set[str]]]:
    """The sentences that are reprints as "article: words", and by article those that reprint it."""
    passages = [passage for article in articles for passage in split_passages(article)]
    return found_in(passages)


def found_in(passages: list[Passage]) -> tuple[set[str], dict[str, set[str]]]:
    places = np.repeat(np.arange(len(passages)), [len(passage.sentences) for passage in passages])
    numbers = np.concatenate([np.arange(len(passage.sentences)) for passage in passages])
    texts = [passages[p].sentences[n].of(passages[p].article.text) for p, n in zip(places, numbers, strict=True)]
    marked, copies = find_reprints(passages, places, numbers, np.array([wording(words(text)) for text in texts]))
    dropped = {f"{passages[places[at]].article.id}: {texts[at]}" for at in np.flatnonzero(marked)}
    by_article: dict[str, set[str]] = {}
    for place, own in copies.items():
        by_article.setdefault(passages[place].article.id, set()).update(copy.article.id for copy in own)
    return dropped, by_article


def test_the_oldest_article_leads() -> None:
    late = make_article("a", WIRE, as_of="2024-05-03")
    undated = make_article("b", WIRE)
    first = make_article("c", WIRE, as_of="2024-05-01")
    for order in ((late, undated, first), (first, undated, late)):
        dropped, copies = reprints(*order)
        assert copies == {"c": {"a", "b"}}
        assert {line[0] for line in dropped} == {"a", "b"}
        assert len(dropped) == 8


def test_a_changed_figure_is_news_and_stays() -> None:
    first = make_article("first", WIRE, as_of="2024-05-01")
    later = make_article("later", WIRE.replace("$40 million", "$45 million"), as_of="2024-06-01")
    dropped, copies = reprints(first, later)
    assert len(dropped) == 3
    assert not any("million" in line for line in dropped)
    assert copies == {"first": {"later"}}


def test_punctuation_case_and_spacing_do_not_count() -> None:
    first = make_article("first", WIRE.replace("who chairs", "the board’s head who “chairs”"), as_of="2024-05-01")
    later = first.text.replace("’", "'").replace("“", '"').replace("”", '"').replace("The harbour", "THE  harbour")
    dropped, _ = reprints(first, make_article("later", later, as_of="2024-06-01"))
    assert len(dropped) == 4


def test_a_shared_phrase_is_no_reprint() -> None:
    stock = "The company did not answer a request for comment. "
    one = make_article("one", f"Oss Steel lost a third of its orders in the spring and let 400 people go. {stock}\n")
    two = make_article("two", f"Tarn Rail ran late on every second day of the year, its own figures show. {stock}\n")
    assert reprints(one, two) == (set(), {})
    assert reprints(make_article("three", stock), make_article("four", stock)) == (set(), {})


def test_a_sentence_said_twice_in_one_article_is_no_reprint() -> None:
    assert reprints(make_article("one", WIRE + "\n" + WIRE)) == (set(), {})


def embedded(article: Article, number: int) -> Article:
    """The article as another outlet prints it: later, in longer paragraphs, below an introduction of its own."""
    intro = (
        f"Readers have asked us about this for {number + 2} weeks, and here is all that we could find out so far. "
        "What follows was first sent out by an agency and is printed without changes, save for the headline above it. "
        "Our own reporters will look into what it leaves open.\n\n"
    )
    longer = re.sub(r"([.!?])\n\n(?=[A-Z])(.+?\n)", r"\1 \2", article.text)
    return article.model_copy(
        update={"id": f"{article.id}-again", "text": intro + longer, "outlet": "Another", "as_of": None}
    )


@pytest.fixture(scope="module")
def story_articles() -> tuple[Article, ...]:
    return load_corpus(ROOT / "corpus").articles


def test_articles_that_tell_the_same_facts_are_not_taken_for_reprints(story_articles: tuple[Article, ...]) -> None:
    assert reprints(*story_articles) == (set(), {})


def test_a_story_below_another_introduction_is_found_sentence_by_sentence(story_articles: tuple[Article, ...]) -> None:
    """The introduction moves every passage's ends; only the introduction itself is kept of the reprint."""
    moved = total = 0
    for number, article in enumerate(story_articles):
        again = embedded(article, number)
        other = split_passages(again)
        own = {passage.text.strip() for passage in split_passages(article)}
        moved += sum(passage.text.strip() not in own for passage in other)
        total += len(other)
        dropped, copies = reprints(article, again)
        left = [
            span.of(again.text)
            for passage in other
            for span in passage.sentences
            if f"{again.id}: {span.of(again.text)}" not in dropped
        ]
        assert len(left) == 3
        assert left[0].startswith("Readers have asked")
        assert copies == {article.id: {again.id}}
    assert moved > total / 2


# -- in search and answers ---------------------------------------------------------------------------------------


def test_search_shows_a_story_once(settings: SettingsFactory) -> None:
    articles = [
        make_article("first", WIRE, as_of="2024-05-01", outlet="Agency"),
        make_article("again", "Our town is in the news. " + WIRE, as_of="2024-05-02", url="https://example.org/a"),
        make_article("other", "The bridge of Oss was closed for a week after the flood in the spring of 2019.\n"),
    ]
    index = Index(settings(), HashEmbeddings())
    try:
        index.sync(Corpus(tuple(articles), {}))
        hits = {hit.passage.article.id: hit for hit in HybridRetriever(index=index).search("the quay of Velm")}
        assert [sentence.text for sentence in hits["again"].sentences] == ["Our town is in the news."]
        assert len(hits["first"].sentences) == 4
        assert [copy.article.id for copy in hits["first"].copies] == ["again"]
        assert hits["other"].copies == hits["again"].copies == ()
        documents = {d.metadata["id"]: d.metadata for d in HybridRetriever(index=index).invoke("the quay of Velm")}
        assert documents["first"]["copies"] == [
            {"article_id": "again", "title": "Again", "outlet": None, "url": "https://example.org/a", "published": None}
        ]
        assert documents["other"]["copies"] == []
    finally:
        index.close()


@pytest.fixture
def quay(make_chain: ChainFactory, settings: SettingsFactory) -> AnswerChain:
    corpus = settings().corpus_dir
    write_article(corpus, "wire.md", WIRE, outlet="Agency", published="2024-05-01")
    changed = WIRE.replace("Two members", "Three members")
    write_article(corpus, "gazette.md", WIRE, outlet="Gazette", published="2024-05-02", url="https://example.org/g")
    write_article(corpus, "post.md", "From our readers.\n\n" + changed, outlet="Post", published="2024-05-03")
    return make_chain()


def test_a_citation_names_the_other_articles_that_print_the_quote(quay: AnswerChain) -> None:
    answer = quay.invoke("How much will the new quay of Velm cost?")
    (citation,) = [citation for citation in answer.citations if "million" in citation.quote]
    assert citation.article_id == "wire"
    assert {copy.article_id for copy in citation.copies} == {"gazette", "post"}
    assert next(copy for copy in citation.copies if copy.outlet == "Gazette").url == "https://example.org/g"


def test_a_citation_does_not_name_an_article_that_says_it_otherwise(quay: AnswerChain) -> None:
    answer = quay.invoke("Why did two members of the harbour board vote against the plan?")
    quoted = {citation.article_id: citation for citation in answer.citations if "voted against" in citation.quote}
    assert {copy.article_id for copy in quoted["wire"].copies} == {"gazette"}
