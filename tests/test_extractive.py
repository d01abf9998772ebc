"""The extractive reader: whole sentences as they stand, in an order that time asks for, or nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ChainFactory
from helpers import write_article

from assistant.answer import Verdict
from assistant.chain import AnswerChain
from assistant.grounding import verify_quote
from assistant.reading.extractive import ExtractiveReader, Quote
from assistant.reading.scorer import Scorer
from assistant.retrieval import HybridRetriever

Read = Callable[[str], list[Quote]]


@pytest.fixture(scope="module")
def read(story: AnswerChain, scorer: Scorer) -> Read:
    retriever = HybridRetriever(index=story.index, count=12)
    reader = ExtractiveReader(scorer)
    return lambda question: reader.read(question, retriever.search(question), story.index.snapshot)


@pytest.mark.parametrize(
    "question",
    ["what ties OpenAI to Azure?", "Why did Musk lose his case?", "Who was Microsoft's observer on OpenAI's board?"],
)
def test_quotes_are_whole_sentences_and_few(question: str, read: Read) -> None:
    quotes = read(question)
    assert 1 <= len(quotes) <= 4
    for quote in quotes:
        assert verify_quote(quote.passage, quote.span) is Verdict.SUPPORTED
        assert quote.text == quote.passage.article.text[quote.span.start : quote.span.end]
    assert len({(quote.passage.article.id, quote.span) for quote in quotes}) == len(quotes)


def test_the_present_is_told_from_the_newest_back(read: Read) -> None:
    dates = [quote.passage.article.held_on for quote in read("How much of OpenAI does Microsoft own?")]
    held = [day for day in dates if day]
    assert held == sorted(held, reverse=True)
    assert len(set(held)) > 1


def test_the_past_is_told_in_order(read: Read) -> None:
    held = [
        day for quote in read("How did Microsoft invest in OpenAI at first?") if (day := quote.passage.article.held_on)
    ]
    assert held == sorted(held)


def test_a_question_about_a_date_is_answered_from_that_time(read: Read) -> None:
    quotes = read("As of January 2023, which clouds was OpenAI allowed to use?")
    assert any(quote.passage.article.held_on and quote.passage.article.held_on.year == 2023 for quote in quotes) or any(
        "2023" in quote.text for quote in quotes
    )


@pytest.mark.parametrize(
    "question", ["What is the capital of Australia?", "How do I bake bread?", "qwertz asdfg yxcvb"]
)
def test_what_is_not_there_is_not_quoted(question: str, read: Read) -> None:
    assert read(question) == []


def test_without_passages_there_is_nothing_to_quote(story: AnswerChain, scorer: Scorer) -> None:
    assert ExtractiveReader(scorer).read("What?", [], story.index.snapshot) == []


def test_a_sentence_that_leans_back_brings_what_it_leans_on(make_chain: ChainFactory, tmp_path: Path) -> None:
    text = "The tower of Tarn is the work of Ada Brook. It is 80 metres high and has a clock on every side.\n"
    write_article(tmp_path / "corpus", "ada.txt", text)
    answer = make_chain().invoke("How high is the tower of Tarn?")
    assert [sentence.text for sentence in answer.sentences][:1] == ["The tower of Tarn is the work of Ada Brook."]
    assert "It is 80 metres high" in answer.answer
