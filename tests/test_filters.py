"""Filters by date, outlet and topic: the same in memory as inside Chroma, and clear about what there is."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from conftest import ChainFactory, SettingsFactory
from helpers import HashEmbeddings, make_article, write_article
from pydantic import ValidationError

from assistant.answer import Outcome
from assistant.articles import Corpus
from assistant.chain import AnswerChain, Question
from assistant.errors import QuestionError
from assistant.filters import Catalogue, Filters
from assistant.index import Index
from assistant.retrieval import HybridRetriever

ARTICLES = [
    make_article("may", outlet="The Tarn Times", as_of="2024-05-01", topics=["Money", "harbour"]),
    make_article("june", outlet="The  TARN Times", published="2024-06-01", topics=["law"]),
    make_article("july", outlet="Oss Post", published="2024-01-01", as_of="2024-07-01", topics=["MONEY", "money"]),
    make_article("undated", outlet="Velm Radio"),
    make_article("plain"),
]
CASES = [
    (Filters(), {"may", "june", "july", "undated", "plain"}),
    (Filters(since=date(2024, 6, 1)), {"june", "july"}),
    (Filters(until=date(2024, 6, 1)), {"may", "june"}),
    (Filters(since=date(2024, 5, 2), until=date(2024, 6, 30)), {"june"}),
    (Filters(since=date(2025, 1, 1)), set()),
    (Filters(outlets=("THE TARN TIMES",)), {"may", "june"}),
    (Filters(outlets=("oss post", "Velm Radio")), {"july", "undated"}),
    (Filters(topics=("money",)), {"may", "july"}),
    (Filters(topics=("law", "Harbour")), {"may", "june"}),
    (Filters(until=date(2024, 6, 1), outlets=("The Tarn Times",), topics=("law",)), {"june"}),
    (Filters(outlets=("Velm Radio",), topics=("law",)), set()),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    from assistant.settings import Settings

    made = Index(Settings.load(data_dir=tmp_path_factory.mktemp("filters")), HashEmbeddings())
    made.sync(Corpus(tuple(ARTICLES), {}))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("filters", "passing"), CASES, ids=lambda given: " ".join(sorted(given)) if isinstance(given, set) else str(given)
)
def test_memory_and_chroma_agree(filters: Filters, passing: set[str], index: Index) -> None:
    mask = index.snapshot.catalogue.passing(filters)
    assert {key for key, passes in zip(index.snapshot.articles, mask, strict=True) if passes} == passing
    near = index.nearest(HashEmbeddings().embed_query("The sky was clear"), 50, filters=filters)
    assert {index.snapshot.passages[row].article.id for row, _ in near} == passing
    hits = HybridRetriever(index=index, filters=filters).search("Who saw the clear sky?")
    assert {hit.passage.article.id for hit in hits} <= passing
    assert bool(hits) == bool(passing)


def test_what_is_nearest_among_many_that_do_not_pass_is_found(settings: SettingsFactory) -> None:
    """Filtering after the search would leave nothing of the nearest fifty."""
    same = "The tower of Tarn is high. "
    articles = [make_article(f"loud-{n}", f"{same * 3}Take {n}.\n", outlet="Loud") for n in range(120)]
    quiet = make_article("quiet", "Boats lie in the harbour of Velm all winter.\n", outlet="Quiet")
    made = Index(settings(), HashEmbeddings())
    try:
        made.sync(Corpus((*articles, quiet), {}))
        retriever = HybridRetriever(index=made)
        assert not any(hit.passage.article.id == "quiet" for hit in retriever.search("The tower of Tarn"))
        found = retriever.search("The tower of Tarn", filters=Filters(outlets=("quiet",)))
        assert [hit.passage.article.id for hit in found] == ["quiet"]
    finally:
        made.close()


def test_langchain_s_invoke_takes_filters(index: Index) -> None:
    retriever = HybridRetriever(index=index, filters=Filters(topics=("law",)))
    assert [document.metadata["id"] for document in retriever.invoke("sky")] == ["june"]
    other = retriever.invoke("sky", filters=Filters(outlets=("Oss Post",)))
    assert [document.metadata["id"] for document in other] == ["july"]
    assert len(retriever.invoke("sky", filters=Filters())) == len(ARTICLES)


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        (Filters(outlets=("Tarn Tims",)), "No article has the outlet 'Tarn Tims'. The outlets are: The  TARN Times, "),
        (Filters(topics=("mony",)), "No article has the topic 'mony'. The topics are: MONEY, harbour"),
        (Filters(topics=("",)), "No article has the topic ''."),
        (Filters(since=date(2025, 1, 2), until=date(2025, 1, 1)), "2025-01-02, comes after its last, 2025-01-01."),
    ],
)
def test_a_filter_that_cannot_be_meant(filters: Filters, says: str, index: Index) -> None:
    with pytest.raises(QuestionError) as caught:
        HybridRetriever(index=index).search("sky", filters=filters)
    assert says in str(caught.value)


def test_of_many_names_the_nearest_are_offered() -> None:
    catalogue = Catalogue([make_article(f"a{n}", topics=[f"topic number {n}"]) for n in range(100)])
    with pytest.raises(QuestionError, match=r"The nearest of 100 are: topic number 42, ") as caught:
        catalogue.passing(Filters(topics=("topik number 42",)))
    assert str(caught.value).count("topic number") == 5
    with pytest.raises(QuestionError, match=r"None has any outlet\."):
        catalogue.passing(Filters(outlets=("The Times",)))


def test_filters_in_words_and_as_json() -> None:
    given = Filters(since=date(2024, 5, 1), outlets=("A", "B"), topics=("x",))
    assert str(given) == "since 1 May 2024, outlet A or B, topic x"
    assert Filters.model_validate_json(given.model_dump_json()) == given
    assert given
    assert not Filters()
    with pytest.raises(ValidationError):
        Filters.model_validate({"outlet": "A"})


# -- on answers --------------------------------------------------------------------------------------------------


@pytest.fixture
def mayors(make_chain: ChainFactory, tmp_path: Path) -> AnswerChain:
    corpus = tmp_path / "corpus"
    old = "The mayor of Tarn is Ada Brook. She took office in spring.\n"
    new = "The mayor of Tarn is Ben Stone. He took office in winter.\n"
    write_article(corpus, "old.md", old, as_of="2019-05-01", outlet="Tarn Times", topics=["town"])
    write_article(corpus, "new.md", new, as_of="2025-12-01", outlet="Oss Post")
    return make_chain()


def test_an_answer_comes_from_what_passes(mayors: AnswerChain) -> None:
    asked = "Who is the mayor of Tarn?"
    for filters, article in (
        ({"until": "2020-01-01"}, "old"),
        ({"since": "2020-01-01"}, "new"),
        ({"outlets": ["tarn times"]}, "old"),
        ({"topics": ["Town"]}, "old"),
    ):
        answer = mayors.invoke({"question": asked, "filters": filters})
        assert answer.outcome is Outcome.ANSWERED
        assert {citation.article_id for citation in answer.citations} == {article}
    assert len(mayors.invoke(asked).citations) == 2


def test_a_decline_names_only_what_passes(mayors: AnswerChain) -> None:
    for filters, near, far in (
        (Filters(outlets=("Oss Post",)), "“New”", "“Old”"),
        (Filters(until=date(2020, 1, 1)), "“Old”", "“New”"),
    ):
        answer = mayors.invoke(Question(question="What is the capital of Mongolia?", filters=filters))
        assert answer.outcome is Outcome.DECLINED
        assert near in answer.answer
        assert far not in answer.answer


def test_a_filter_that_leaves_nothing_declines_and_says_so(mayors: AnswerChain) -> None:
    filters = Filters(since=date(2026, 1, 1), outlets=("Oss Post",))
    answer = mayors.invoke(Question(question="Who is the mayor of Tarn?", filters=filters))
    assert answer.outcome is Outcome.DECLINED
    assert answer.answer == (
        "No article passes the filter (since 1 January 2026, outlet Oss Post), so nothing can be answered."
    )
    assert answer.standalone_question == "Who is the mayor of Tarn?"
    with pytest.raises(QuestionError, match="No article has the outlet 'Nobody'"):
        mayors.invoke(Question(question="Who is the mayor of Tarn?", filters=Filters(outlets=("Nobody",))))
