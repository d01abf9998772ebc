"""The articles that come with the project, and the test set that quotes them."""

import re
from datetime import date
from urllib.parse import urlsplit

import pytest
import yaml
from helpers import ROOT, TESTS

from assistant.articles import Article, Corpus, load_corpus
from assistant.evaluation.testset import TestCase, load

FIELDS = {
    "title", "outlet", "author", "published", "as_of", "updated", "url", "language", "topics", "sources"
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(ROOT / "corpus")


def test_every_article_loads(corpus: Corpus) -> None:
    assert corpus.problems == {}
    assert len(corpus.articles) >= 20


def test_every_article_is_complete(corpus: Corpus) -> None:
    for article in corpus.articles:
        assert 300 <= len(article.text.split()) <= 800, article.id
        front = (ROOT / "corpus" / f"{article.id}.md").read_text("utf-8").split("---\n")[1]
        assert set(yaml.safe_load(front)) == FIELDS, article.id
        assert article.outlet, article.id
        assert article.author, article.id
        assert article.topics, article.id


def test_every_article_is_dated(corpus: Corpus) -> None:
    for article in corpus.articles:
        assert article.published is not None, article.id
        assert article.as_of is not None, article.id
        assert date(2019, 1, 1) <= article.as_of <= date(2026, 7, 3), article.id
        assert article.published >= article.as_of, article.id
        assert article.id.startswith(article.as_of.isoformat()), article.id


def test_every_article_names_its_sources(corpus: Corpus) -> None:
    for article in corpus.articles:
        assert article.sources, article.id
        for source in article.sources:
            parts = urlsplit(source)
            assert parts.scheme in ("http", "https"), (article.id, source)
            assert "." in (parts.hostname or ""), (article.id, source)
        assert len(set(article.sources)) == len(article.sources), article.id


def test_titles_and_texts_are_all_different(corpus: Corpus) -> None:
    assert len({article.title for article in corpus.articles}) == len(corpus.articles)
    assert len({article.text for article in corpus.articles}) == len(corpus.articles)


@pytest.mark.parametrize("case", load(TESTS / "story.yaml"), ids=lambda case: case.asked[-1][:60])
def test_what_the_test_set_wants_cited_stands_in_the_articles(case: TestCase, corpus: Corpus) -> None:
    places: list[Article] = [article for article in corpus.articles if case.article in (None, article.id)]
    assert places, f"no article {case.article}"
    for words in case.cites:
        assert any(words in article.text for article in places), words
    cited = [article for article in places if any(words in article.text for words in case.cites)]
    for fact in case.facts:  # else the case could not be got right
        named = re.compile(re.escape(fact), re.I)
        assert any(named.search(article.text) for article in cited), fact
