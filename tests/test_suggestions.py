"""Suggested questions: good English from certain sentences, nothing from doubtful ones, and every one is answered."""

import pytest
from conftest import ChainFactory, SettingsFactory
from helpers import make_article, write_article
from hypothesis import given
from hypothesis import strategies as st

from assistant.answer import Outcome
from assistant.askable import candidates
from assistant.chain import AnswerChain
from assistant.suggestions import MOST_CHECKS

# Names stand within a sentence too, and things are not known by their capital alone.
_NAMES = "It was about Harbour Bank, Lena Fox, Oslo and Acme. "


def made(sentence: str) -> list[str]:
    return [one.question for one in candidates(make_article(text=f"{_NAMES}{sentence}\n"))]


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("On 3 May 2024 Acme bought the port of Oslo, and the staff were told.", "When did Acme buy the port of Oslo?"),
        ("Lena Fox left Harbour Bank in June 2023.", "When did Lena Fox leave Harbour Bank?"),
        ("Acme invested $3.5 million in Oslo.", "How much money did Acme invest in Oslo?"),
        ("Acme has pledged €2 billion to Harbour Bank.", "How much money has Acme pledged to Harbour Bank?"),
        ("Acme holds about 27% of Harbour Bank.", "What share of Harbour Bank does Acme hold?"),
        ("In 2022 Acme hired 1,200 engineers in Oslo.", "How many engineers did Acme hire in Oslo in 2022?"),
        ("Acme's board rejected Lena Fox because she had lied twice.", "Why did Acme's board reject Lena Fox?"),
        ("Harbour Bank was founded in Oslo in 1921.", "When was Harbour Bank founded in Oslo?"),
        ("Lena Fox, a lawyer from the north, spoke.", "Who is Lena Fox?"),
        ("The vote is over, and Lena Fox joined Acme in March 2020.", "When did Lena Fox join Acme?"),
    ],
)
def test_a_certain_sentence_makes_a_question(sentence: str, question: str) -> None:
    assert made(sentence) == [question]


@pytest.mark.parametrize(
    "sentence",
    [
        "It bought Oslo in 2020.",
        "Then Acme bought this one in 2020.",
        "Shares fell in 2020.",
        "Acme bought the company in May 2020.",
        "Acme may buy Oslo in 2020.",
        "Acme said it bought Oslo in 2020.",
        "Acme did not buy Oslo in 2020.",
        "Acme bought a plane in 2020.",
        "Acme warned that Oslo closed in 2020.",
        "“Acme bought Oslo in 2020,” she said.",
        "Acme bought Oslo.",
        "Investors gave $3 billion to both of them.",
        "Oslo is a different case.",
    ],
)
def test_a_doubtful_sentence_makes_none(sentence: str) -> None:
    assert made(sentence) == []


def test_other_languages_make_none() -> None:
    article = make_article(text=f"{_NAMES}Lena Fox left Harbour Bank in June 2023.\n", language="de")
    assert candidates(article) == []


@given(st.text(max_size=300))
@pytest.mark.timeout(60)
def test_no_text_breaks_the_rules(text: str) -> None:
    for one in candidates(make_article(text=text or "x")):
        assert one.question.endswith("?")
        assert "\n" not in one.question


@pytest.mark.parametrize(
    "text", ["A" * 400, "Aa " * 130, "Aa's bb " * 45, "On 1 May 2020 " * 28, "Aa, a bbbbbbbbb " * 20]
)
@pytest.mark.timeout(10)
def test_no_text_takes_long(text: str) -> None:
    candidates(make_article(text=text + ".\n"))


def test_every_suggestion_is_answered_from_the_very_sentence(story: AnswerChain) -> None:
    asked = story.invoke("What ties OpenAI to Azure?")
    declined = story.invoke("What is the boiling point of tungsten?")
    assert declined.outcome is Outcome.DECLINED
    shown = story.suggestions(None, 4) + story.suggestions(asked, 3) + story.suggestions(declined, 3)
    assert len(shown) == 10
    sentences = {one.question: one for article in story.index.snapshot.articles.values() for one in candidates(article)}
    for question in shown:
        answer = story.invoke(question)
        made_from = sentences[question]
        assert answer.outcome is Outcome.ANSWERED, question
        assert (made_from.article_id, made_from.start) in {(one.article_id, one.start) for one in answer.citations}


def test_suggestions_are_always_the_same_and_never_what_was_asked(story: AnswerChain) -> None:
    first = story.suggestions(None, 4)
    assert len(first) == len(set(first)) == 4
    assert story.suggestions(None, 4) == first
    assert not set(story.suggestions(None, 4, asked=first[:2])) & set(first[:2])


def test_suggestions_follow_the_articles(make_chain: ChainFactory, settings: SettingsFactory) -> None:
    folder = settings().corpus_dir
    write_article(folder, "one.md", f"{_NAMES}Lena Fox left Harbour Bank in June 2023.\n", as_of="2023-07-01")
    chain = make_chain()
    assert chain.suggestions(None, 4) == ["When did Lena Fox leave Harbour Bank?"]
    write_article(folder, "one.md", f"{_NAMES}Acme invested $3.5 million in Oslo.\n", as_of="2023-07-01")
    chain.sync()
    assert chain.suggestions(None, 4) == ["How much money did Acme invest in Oslo?"]


def test_few_questions_are_tried_at_once(story: AnswerChain, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def decline(question: str) -> object:
        tried.append(question)
        return story.invoke("What is the boiling point of tungsten?")

    monkeypatch.setattr(story._suggestions, "_check", decline)
    monkeypatch.setattr(story._suggestions, "_revision", None)
    assert story.suggestions(None, 4) == []
    assert len(tried) == MOST_CHECKS
    monkeypatch.setattr(story._suggestions, "_revision", None)
