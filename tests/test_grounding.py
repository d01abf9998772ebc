"""What counts as supported by a passage, and what never does."""

import pytest
from helpers import make_article

from assistant.answer import Verdict
from assistant.embeddings import LocalEmbeddings
from assistant.grounding import ground, verify_quote
from assistant.grounding.amounts import amounts
from assistant.grounding.dates import days
from assistant.grounding.entailment import SupportModel
from assistant.grounding.wording import read
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
    ("text", "found"),
    [
        ("$40bn", [(40e9, "USD")]),
        ("40 billion dollars", [(40e9, "USD")]),
        ("€40bn", [(40e9, "EUR")]),
        ("forty billion", [(40e9, "")]),
        ("Forty-billion", [(40e9, "")]),
        ("$40-billion", [(40e9, "USD")]),
        ("US$ 40b", [(40e9, "USD")]),
        ("40,000 million", [(40e9, "")]),
        ("$13.75 billion", [(13.75e9, "USD")]),
        ("1,234,567.5", [(1234567.5, "")]),
        ("27%", [(27.0, "%")]),
        ("27 per cent", [(27.0, "%")]),
        ("twenty-seven per cent", [(27.0, "%")]),
        ("seven in-house models", [(7.0, "")]),
        ("seventeen months", [(17.0, "month")]),
        ("17 months", [(17.0, "month")]),
        ("three hundred people", [(300.0, "")]),
        ("3 July 2026, in 2021, and Jan. 2023", []),
        ("GPT-4 and MAI-1", []),
        ("one of them, and the two companies", []),
        ("someone often weighed", []),
        ("", []),
    ],
)
def test_amounts_are_read_with_their_units(text: str, found: list[tuple[float, str]]) -> None:
    assert [(amount.value, amount.unit) for amount in amounts(read(text))] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Jan. 2023", [(2023, 1, None)]),
        ("January 2023", [(2023, 1, None)]),
        ("3 July 2026", [(2026, 7, 3)]),
        ("July 3, 2026", [(2026, 7, 3)]),
        ("2026-07-03", [(2026, 7, 3)]),
        ("on 3 July", [(None, 7, 3)]),
        ("in 2021", [(2021, None, None)]),
        ("July to September 2025", [(2025, 7, None), (2025, 9, None)]),
        ("the final quarter of 2025", [(2025, 10, None), (2025, 12, None)]),
        ("they may march", []),
        ("$2000 and 2,021 people", []),
    ],
)
def test_dates_are_read_whole(text: str, found: list[tuple[int | None, int | None, int | None]]) -> None:
    assert [day.parts for day in days(read(text))] == found


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
def test_honest_paraphrase_is_supported(
    text: str, cited: int, local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    found = ground(text, [cited], PASSAGES, local_embeddings, support_model)
    assert found.verdict is Verdict.SUPPORTED
    ((passage, span),) = found.quotes
    assert passage is PASSAGES[cited - 1]
    assert verify_quote(passage, span) is Verdict.SUPPORTED


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
        "OpenAI owns roughly 27% of Microsoft.",
        "Microsoft owns roughly 27% of OpenAI, a stake valued at about €135 billion.",
        "Microsoft's stake of 27% was valued at about $135 billion in October 2025, and Google bought the rest.",
        "Microsoft owns roughly 27% of OpenAI, and its staff went on strike in protest.",
        "Andy Jassy said that the partnership “is not over”.",
        "OpenAI has delayed its listing until 2027.",
        "Amazon has not agreed to invest $50 billion in OpenAI.",
        "The weather in Redmond was pleasant all through the autumn.",
        "The the of and.",
        "…",
    ],
)
@pytest.mark.parametrize("cited", [[1], [2], [1, 2], []])
def test_what_was_changed_is_not_supported(
    text: str, cited: list[int], local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    assert ground(text, cited, PASSAGES, local_embeddings, support_model).verdict is Verdict.UNSUPPORTED


@pytest.mark.parametrize("cited", [[2], [], [0], [-1], [3], [99, 2]])
def test_a_wrong_citation_is_moved(
    cited: list[int], local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    found = ground("Microsoft owns roughly 27% of OpenAI.", cited, PASSAGES, local_embeddings, support_model)
    assert found.verdict is Verdict.MISATTRIBUTED
    assert [passage for passage, _ in found.quotes] == [PASSAGES[0]]


@pytest.mark.parametrize("cited", [[1, 2], [2, 99, 1]])
def test_a_sentence_may_rest_on_two_passages(
    cited: list[int], local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    text = "Microsoft owns roughly 27% of OpenAI, and Amazon agreed to invest $50 billion in it."
    found = ground(text, cited, PASSAGES, local_embeddings, support_model)
    assert found.verdict is Verdict.SUPPORTED
    assert {passage.id for passage, _ in found.quotes} == {passage.id for passage in PASSAGES[:2]}
    assert all(verify_quote(passage, span) is Verdict.SUPPORTED for passage, span in found.quotes)


@pytest.mark.parametrize(
    "text",
    [
        "Microsoft owns roughly 27% of OpenAI, and Amazon agreed to invest $135 billion in it.",
        "Amazon owns roughly 27% of OpenAI, and Microsoft agreed to invest $50 billion in it.",
        "Microsoft owns roughly 27% of OpenAI, and Amazon agreed to invest $50 billion in Anthropic.",
        "Microsoft owns roughly 27% of OpenAI, and Amazon did not agree to invest $50 billion in it.",
    ],
)
def test_two_passages_do_not_support_what_neither_says(
    text: str, local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    assert ground(text, [1, 2], PASSAGES, local_embeddings, support_model).verdict is Verdict.UNSUPPORTED


def test_what_two_passages_say_must_be_cited_of_both(
    local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    text = "Microsoft owns roughly 27% of OpenAI, and Amazon agreed to invest $50 billion in it."
    assert ground(text, [1], PASSAGES, local_embeddings, support_model).verdict is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("They raised $157bn at a valuation of $6.6bn.", "They raised $6.6 billion at a valuation of $157 billion."),
        ("The deal runs for six months.", "The deal runs for six years."),
        ("The licence is exclusive.", "The licence is non-exclusive."),
        ("Reed has bought the pier.", "Reed is to buy the pier, the Post reported."),
        ("Reed bought the pier.", "Reed bought the pier, according to the Post."),
        ("Reed paid $5 million.", "Reed paid up to $5 million."),
        ("The pier was sold for a disclosed sum.", "The pier was sold for an undisclosed sum."),
        ("It was not unknown.", "It was unknown."),
        ("The pier closed on 5 May 2024.", "The pier opened on 5 May 2023 and closed on 6 June 2024."),
    ],
)
def test_what_is_turned_is_not_supported(
    text: str, source: str, local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    passage = passage_of(source + "\n")
    assert ground(source, [1], [passage], local_embeddings, support_model).verdict is Verdict.SUPPORTED
    assert ground(text, [1], [passage], local_embeddings, support_model).verdict is Verdict.UNSUPPORTED


def test_the_score_is_higher_for_what_is_supported(
    local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    texts = ("Microsoft owns roughly 27% of OpenAI.", "Microsoft owns 72% of OpenAI.", "It rained in Oslo.")
    scores = [ground(text, [1, 2], PASSAGES, local_embeddings, support_model).score for text in texts]
    assert 1 >= scores[0] > scores[1] > scores[2] >= 0


def test_a_right_citation_among_wrong_ones_counts(
    local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    found = ground("Microsoft owns roughly 27% of OpenAI.", [99, 2, 1], PASSAGES, local_embeddings, support_model)
    assert found.verdict is Verdict.SUPPORTED


def test_the_quote_is_no_longer_than_it_must_be(local_embeddings: LocalEmbeddings, support_model: SupportModel) -> None:
    found = ground("Azure is no longer the exclusive cloud of OpenAI.", [1], PASSAGES, local_embeddings, support_model)
    ((_, span),) = found.quotes
    assert span.of(STAKE) == "Azure is no longer the exclusive cloud of OpenAI."
    both = ground(
        "Azure is no longer the exclusive cloud of OpenAI, and OpenAI may delay its listing until 2027.",
        [1],
        PASSAGES,
        local_embeddings,
        support_model,
    )
    ((_, span),) = both.quotes
    assert span.of(STAKE).startswith("Azure is no longer")
    assert span.of(STAKE).endswith("New York Times.")


def test_nothing_supports_without_passages(local_embeddings: LocalEmbeddings, support_model: SupportModel) -> None:
    assert ground("Microsoft owns 27%.", [1], [], local_embeddings, support_model).verdict is Verdict.UNSUPPORTED


def test_a_quote_is_whole_sentences_of_its_passage() -> None:
    text = "One is here. Two is there. Three is gone.\n"
    passage = passage_of(text)
    first, second, third = passage.sentences
    for span in (first, third, Span(first.start, second.end), Span(first.start, third.end)):
        assert verify_quote(passage, span) is Verdict.SUPPORTED
    for start, end in ((0, 5), (1, first.end), (first.start, first.end + 1), (5, 5), (-1, first.end), (0, 999)):
        assert verify_quote(passage, Span(start, end)) is Verdict.UNSUPPORTED
    assert verify_quote(passage, Span(second.start, first.end)) is Verdict.UNSUPPORTED
