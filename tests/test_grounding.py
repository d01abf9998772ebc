"""What counts as supported by a passage, and what never does."""

import pytest
from helpers import make_article

from assistant.answer import Verdict
from assistant.embeddings import LocalEmbeddings
from assistant.grounding import ground, numbers, verify_quote
from assistant.passages import Passage, Span, split_passages

STAKE = (
    "Microsoft owns roughly 27% of OpenAI, a stake valued at about $135 billion in October 2025. "
    "Satya Nadella said that the partnership “is not over” and that both companies stay in it. "
    "Azure is no longer the exclusive cloud of OpenAI. "
    "OpenAI may delay its listing until 2027, according to the New York Times.\n"
)
AMAZON = "Amazon agreed to invest $50 billion in OpenAI in February 2026. Andy Jassy did not name a date.\n"


def passage_of(text: str, article_id: str = "one", **fields: object) -> Passage:
    (passage,) = split_passages(make_article(article_id, text, **fields))
    return passage


PASSAGES = [
    passage_of(STAKE, "stake", as_of="2026-07-03", outlet="The File"),
    passage_of(AMAZON, "amazon", as_of="2026-02-28"),
]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$40bn", {40e9}),
        ("40 billion dollars", {40e9}),
        ("forty billion", {40e9}),
        ("Forty-billion", {40e9}),
        ("$40-billion", {40e9}),
        ("US$ 40b", {40e9}),
        ("40,000 million", {40e9}),
        ("$13.75 billion", {13.75e9}),
        ("1,234,567.5", {1234567.5}),
        ("27%", {27.0}),
        ("27 per cent", {27.0}),
        ("twenty-seven per cent", {27.0}),
        ("seven in-house models", {7.0}),
        ("three hundred people", {300.0}),
        ("Jan. 2023", {"jan", 2023.0}),
        ("January 2023", {"jan", 2023.0}),
        ("3 July 2026", {3.0, "jul", 2026.0}),
        ("they may march", set()),
        ("one of them", set()),
        ("someone often weighed", set()),
        ("", set()),
    ],
)
def test_numbers_are_compared_by_value(text: str, values: set[float | str]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Microsoft owns roughly 27% of OpenAI.", 1),
        ("Microsoft’s stake in OpenAI of about 27% was valued at $135bn in October 2025.", 1),
        ("In Oct. 2025 the stake of Microsoft in OpenAI was valued at 135 billion dollars.", 1),
        ("Nadella said the partnership “is not over”.", 1),
        ("Azure is no longer OpenAI's exclusive cloud.", 1),
        ("Azure is not the exclusive cloud of OpenAI any more.", 1),
        ("OpenAI may delay its listing until 2027.", 1),
        ("Amazon agreed to invest 50 billion dollars in OpenAI.", 2),
        ("Andy Jassy named no date.", 2),
    ],
)
def test_honest_paraphrase_is_supported(text: str, cited: int, local_embeddings: LocalEmbeddings) -> None:
    found = ground(text, [cited], PASSAGES, local_embeddings)
    assert found.verdict is Verdict.SUPPORTED
    assert found.passage is PASSAGES[cited - 1]
    assert found.span is not None
    assert verify_quote(found.passage, found.span) is Verdict.SUPPORTED


@pytest.mark.parametrize(
    "text",
    [
        "Microsoft owns roughly 72% of OpenAI.",
        "Microsoft owns roughly 27% of OpenAI, a stake valued at about $135 million.",
        "Microsoft's stake was valued at about $135 billion in November 2025.",
        "Microsoft's stake was valued at about $135 billion in October 2024.",
        "Google owns roughly 27% of OpenAI.",
        "Sam Altman said that the partnership is not over.",
        "Satya Nadella said that the partnership is over.",
        "Satya Nadella said that the partnership “will last for ever”.",
        "Microsoft does not own roughly 27% of OpenAI.",
        "Azure is the exclusive cloud of OpenAI.",
        "OpenAI will delay its listing until 2027.",
        "Amazon did not agree to invest $50 billion in OpenAI.",
        "Andy Jassy did name a date.",
        "Amazon agreed to invest $135 billion in OpenAI.",
        "The weather in Redmond was pleasant all through the autumn.",
        "The the of and.",
        "…",
    ],
)
@pytest.mark.parametrize("cited", [[1], [2], [1, 2], []])
def test_what_was_changed_is_not_supported(text: str, cited: list[int], local_embeddings: LocalEmbeddings) -> None:
    found = ground(text, cited, PASSAGES, local_embeddings)
    assert (found.verdict, found.passage, found.span) == (Verdict.UNSUPPORTED, None, None)


@pytest.mark.parametrize("cited", [[2], [], [0], [-1], [3], [99, 2]])
def test_a_wrong_citation_is_moved(cited: list[int], local_embeddings: LocalEmbeddings) -> None:
    found = ground("Microsoft owns roughly 27% of OpenAI.", cited, PASSAGES, local_embeddings)
    assert found.verdict is Verdict.MISATTRIBUTED
    assert found.passage is PASSAGES[0]


def test_a_right_citation_among_wrong_ones_counts(local_embeddings: LocalEmbeddings) -> None:
    found = ground("Microsoft owns roughly 27% of OpenAI.", [99, 2, 1], PASSAGES, local_embeddings)
    assert found.verdict is Verdict.SUPPORTED


def test_the_quote_is_no_longer_than_it_must_be(local_embeddings: LocalEmbeddings) -> None:
    found = ground("Azure is no longer the exclusive cloud of OpenAI.", [1], PASSAGES, local_embeddings)
    assert found.span is not None
    assert found.span.of(STAKE) == "Azure is no longer the exclusive cloud of OpenAI."
    both = ground(
        "Azure is no longer the exclusive cloud of OpenAI, and OpenAI may delay its listing until 2027.",
        [1],
        PASSAGES,
        local_embeddings,
    )
    assert both.span is not None
    assert both.span.of(STAKE).startswith("Azure is no longer")
    assert both.span.of(STAKE).endswith("New York Times.")


def test_nothing_supports_without_passages(local_embeddings: LocalEmbeddings) -> None:
    assert ground("Microsoft owns 27%.", [1], [], local_embeddings).verdict is Verdict.UNSUPPORTED


def test_a_quote_is_whole_sentences_of_its_passage() -> None:
    text = "One is here. Two is there. Three is gone.\n"
    passage = passage_of(text)
    first, second, third = passage.sentences
    for span in (first, third, Span(first.start, second.end), Span(first.start, third.end)):
        assert verify_quote(passage, span) is Verdict.SUPPORTED
    for start, end in ((0, 5), (1, first.end), (first.start, first.end + 1), (5, 5), (-1, first.end), (0, 999)):
        assert verify_quote(passage, Span(start, end)) is Verdict.UNSUPPORTED
    assert verify_quote(passage, Span(second.start, first.end)) is Verdict.UNSUPPORTED
