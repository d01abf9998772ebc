"""The answer's models: what they refuse, and that they survive JSON."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assistant.answer import Answer, AnswerSentence, Citation, Outcome, Turn, Verdict


def citation(number: int = 1, quote: str = "The sky was clear.", **fields: Any) -> Citation:
    given = {
        "number": number,
        "article_id": "one",
        "title": "One",
        "outlet": None,
        "url": None,
        "published": date(2024, 3, 1),
        "as_of": None,
        "quote": quote,
        "start": 5,
        "end": 5 + len(quote),
        "passage": quote,
    }
    return Citation.model_validate({**given, **fields})


def answer(**fields: Any) -> Answer:
    given = {
        "answer": "The sky was clear. [1]",
        "outcome": Outcome.ANSWERED,
        "sentences": (AnswerSentence(text="The sky was clear.", citations=(1,), verdict=Verdict.SUPPORTED),),
        "citations": (citation(),),
        "standalone_question": "How was the sky?",
        "reader": "extractive",
    }
    return Answer.model_validate({**given, **fields})


def test_an_answer_survives_json() -> None:
    whole = answer(notice="Read this.", timings_ms={"retrieval": 1.5})
    assert Answer.model_validate_json(whole.model_dump_json()) == whole


def test_the_field_names_that_clients_rely_on() -> None:
    shown = answer().model_dump(mode="json")
    names = {"answer", "outcome", "sentences", "citations", "standalone_question", "reader", "timings_ms", "id"}
    assert names <= shown.keys()
    assert shown["outcome"] == "answered"
    sentence = {"text": "The sky was clear.", "citations": [1], "verdict": "supported"}
    assert sentence.items() <= shown["sentences"][0].items()
    assert shown["citations"][0].keys() == {
        *("number", "article_id", "title", "outlet", "url", "published", "as_of", "quote", "start", "end", "passage"),
        "copies",
    }
    assert shown["citations"][0]["published"] == "2024-03-01"


def test_every_answer_has_an_id_of_its_own() -> None:
    assert answer().id != answer().id


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 10**9))
def test_a_citation_is_as_long_as_its_quote(quote: str, start: int) -> None:
    made = citation(quote=quote, start=start, end=start + len(quote))
    assert Citation.model_validate_json(made.model_dump_json()) == made
    with pytest.raises(ValidationError, match="as long as its quote"):
        citation(quote=quote, start=start, end=start + len(quote) + 1)


@pytest.mark.parametrize("fields", [{"number": 0}, {"start": -1, "end": 17}, {"page": 3}])
def test_what_a_citation_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        citation(**fields)


def test_a_sentence_cannot_cite_what_is_not_there() -> None:
    with pytest.raises(ValidationError, match="a sentence cites"):
        answer(citations=(citation(2),))


def test_two_citations_cannot_share_a_number() -> None:
    with pytest.raises(ValidationError, match="unique"):
        answer(citations=(citation(1), citation(1, "Nobody saw it.")))


def test_a_declined_answer_carries_neither_sentences_nor_citations() -> None:
    declined = answer(outcome=Outcome.DECLINED, sentences=(), citations=())
    assert declined.citations == ()
    for fields in ({"sentences": ()}, {"sentences": (), "citations": (citation(),)}, {}):
        with pytest.raises(ValidationError, match="declined answer carries no citations"):
            answer(outcome=Outcome.DECLINED, **fields)


def test_nothing_can_be_changed_or_added() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        answer().answer = "Something else."  # type: ignore[misc]
    with pytest.raises(ValidationError, match=r"[Ee]xtra"):
        answer(mood="fine")
    with pytest.raises(ValidationError, match=r"[Ee]xtra"):
        Turn.model_validate({"question": "Who?", "answer": "Nobody.", "role": "user"})
