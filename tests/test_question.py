"""What is read off a question: the kind of answer, the time, the present."""

import pytest

from assistant.reading.question import Kind, understand


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was Sam Altman reinstated?", Kind.DATE),
        ("Since when is GPT-5.5 on Bedrock?", Kind.DATE),
        ("On which day was it signed?", Kind.DATE),
        ("What percentage of OpenAI does Microsoft hold?", Kind.PERCENTAGE),
        ("How much of OpenAI does Microsoft own?", Kind.PERCENTAGE),
        ("How much money did Microsoft invest?", Kind.MONEY),
        ("What was OpenAI valued at?", Kind.MONEY),
        ("How many people signed?", Kind.NUMBER),
        ("Why did Musk lose?", Kind.REASON),
        ("Who is OpenAI's chief executive?", Kind.PERSON),
        ("Which companies hold the equity in Stargate?", Kind.LIST),
        ("Who sued OpenAI?", Kind.NAME),
        ("what ties OpenAI to Azure?", Kind.OTHER),
        ("Is the partnership over?", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_kinds(question: str, kind: Kind) -> None:
    assert understand(question).kind is kind


@pytest.mark.parametrize(
    ("question", "years", "months"),
    [
        ("What held in January 2023?", {"2023"}, {"jan"}),
        ("Between 2019 and Sept 2020?", {"2019", "2020"}, {"sep"}),
        ("may they march?", set(), set()),
        ("Why 12345 and 3000?", set(), set()),
    ],
)
def test_times(question: str, years: set[str], months: set[str]) -> None:
    asked = understand(question)
    assert set(asked.years) == years
    assert set(asked.months) == months


@pytest.mark.parametrize(
    ("question", "present"),
    [
        ("what ties OpenAI to Azure?", True),
        ("Is Azure still the exclusive cloud?", True),
        ("How much of OpenAI does Microsoft own?", True),
        ("What did OpenAI promise?", False),
        ("Was Azure exclusive?", False),
        ("Does the contract of 2019 bind OpenAI?", False),
        ("When does the licence end?", True),
        ("When did the licence end?", False),
    ],
)
def test_the_present(question: str, present: bool) -> None:
    assert understand(question).present is present


@pytest.mark.parametrize(
    ("question", "sentence", "fits"),
    [
        ("When was it signed?", "It was signed on 3 May 2024.", True),
        ("When was it signed?", "It was signed by both.", False),
        ("How much did Amazon invest?", "Amazon invests $50 billion.", True),
        ("How much did Amazon invest?", "Amazon invests a lot.", False),
        ("What was OpenAI valued at in 2025?", "OpenAI was valued at $500 billion.", True),
        ("What was OpenAI valued at?", "OpenAI raised $40 billion.", False),
        ("Who sued OpenAI?", "OpenAI was sued by Musk.", True),
        ("Who sued OpenAI?", "The OpenAI was sued.", False),
        ("Is it over?", "No.", True),
    ],
)
def test_what_can_answer(question: str, sentence: str, fits: bool) -> None:
    assert understand(question).fits(sentence, question) is fits
