"""The articles that come with the project, and the test set that quotes them."""

from collections import Counter
from datetime import date
from urllib.parse import urlsplit

import pytest
import yaml
from helpers import ROOT, TESTS

from assistant.articles import Corpus, load_corpus
from assistant.evaluation.checking import check
from assistant.evaluation.testset import load

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


def test_every_case_of_the_test_set_can_be_got_right(corpus: Corpus) -> None:
    cases = load(TESTS / "story.yaml")
    problems = check(cases, {article.id: article for article in corpus.articles})
    assert [f"line {case.line}: {problem}" for case, problem in problems] == []


def test_what_the_test_set_is_made_of() -> None:
    cases = load(TESTS / "story.yaml")
    tags = Counter(tag for case in cases for tag in case.tags)
    assert len(cases) >= 200
    assert all(case.tags for case in cases)
    assert tags["near-miss"] >= 40
    assert tags["core"] == 160
    kinds = (
        "comparison superseded disagreement multi-turn paraphrased typos language out-of-scope false-premise injection"
    )
    assert all(tags[kind] >= 6 for kind in kinds.split())
    assert all(case.why for case in cases if case.declined)
