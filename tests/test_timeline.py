"""The story by date: which sentences are dated for sure, what is one event, what ended what, who is mentioned when."""

from collections.abc import Callable
from datetime import date

import pytest
from conftest import SettingsFactory
from helpers import HashEmbeddings, make_article
from hypothesis import given
from hypothesis import strategies as st

from assistant.articles import Article, Corpus
from assistant.chain import AnswerChain
from assistant.index import Index
from assistant.mentions import mentions
from assistant.snapshot import Snapshot
from assistant.timeline import Moment, Timeline, event_day, events

HELD = date(2026, 2, 28)
Indexed = Callable[..., Snapshot]


@pytest.fixture
def indexed(settings: SettingsFactory) -> Indexed:
    def make(*articles: Article) -> Snapshot:
        index = Index(settings(), HashEmbeddings())
        index.sync(Corpus(articles, {}))
        snapshot = index.snapshot
        index.close()
        return snapshot

    return make


@pytest.mark.parametrize(
    ("sentence", "when"),
    [
        ("On 28 October 2025 the two signed an agreement.", Moment(2025, 10, 28)),
        ("The board met on Monday 16 June 2025.", Moment(2025, 6, 16)),
        ("In March 2019 the company was founded.", Moment(2019, 3)),
        ("It was founded in 2015 by ten people.", Moment(2015)),
        ("Since July 2019 it has been the only supplier.", Moment(2019, 7)),
        ("It was announced in mid-May 2025.", Moment(2025, 5)),
        # The year is the last that can be meant.
        ("The ship sank on 27 February.", Moment(2026, 2, 27)),
        ("The ship sank on 3 November.", Moment(2025, 11, 3)),
    ],
)
def test_a_day_that_is_sure(sentence: str, when: Moment) -> None:
    assert event_day(sentence, HELD) == when


@pytest.mark.parametrize(
    "sentence",
    [
        "The deal of 28 October 2025 is a good one.",  # names the deal
        "The rights last through 2032.",
        "The contract runs until 30 June 2025.",
        "On 1 May 2026 the new contract begins.",  # still to come
        "In March 2019 it was founded and in June 2020 it was sold.",
        "The ship may sink in may.",
        "It paid 2025 dollars.",
        "On 31 February 2025 nothing happened.",
        "The October 2024 round was led by a fund.",
    ],
)
def test_a_day_that_is_not_sure(sentence: str) -> None:
    assert event_day(sentence, HELD) is None


def test_without_a_date_of_the_article_no_year_is_made_up() -> None:
    assert event_day("The ship sank on 27 February.", None) is None
    assert event_day("The ship sank on 27 February 2020.", None) == Moment(2020, 2, 27)


@given(st.text(max_size=200), st.one_of(st.none(), st.dates()))
def test_any_sentence_has_a_real_day_or_none(text: str, held_on: date | None) -> None:
    when = event_day(text, held_on)
    if when is not None:
        assert when.first.year == when.year
        assert held_on is None or when.first <= held_on


def assert_sound(snapshot: Snapshot) -> None:
    """Every event quotes its articles to the character, and all are in order."""
    found = events(snapshot)
    for event in found:
        for told in event.tellings:
            assert snapshot.articles[told.article.id].text[told.span.start : told.span.end] == told.text
            when = event_day(told.text, told.article.held_on)
            assert when is not None
            assert when.fits(event.when)
        assert len({told.article.id for told in event.tellings}) == len(event.tellings) == event.articles
        if event.ended_by:
            assert event.ended_by.when.first > event.when.first
            assert event in event.ended_by.ends
    keys = [event.when.key for event in found]
    assert keys == sorted(keys)


def test_the_story_is_told_in_order_and_to_the_character(story: AnswerChain) -> None:
    assert_sound(story.index.snapshot)


def test_what_the_storys_articles_say_has_ended(story: AnswerChain) -> None:
    # All the links on the shipped articles; each was read.
    found = {
        (str(event.when.first), str(event.ended_by.when.first))
        for event in events(story.index.snapshot)
        if event.ended_by is not None
    }
    assert found == {("2019-07-01", "2025-01-21"), ("2023-11-29", "2024-07-01"), ("2025-01-21", "2025-10-28")}


def test_one_event_told_twice_is_one(indexed: Indexed) -> None:
    snapshot = indexed(
        make_article("b", "On 3 May 2025 the harbour board approved the new quay at Tarn.\n", as_of="2025-06-01"),
        make_article("a", "The harbour board approved the new quay at Tarn on 3 May 2025.\n", as_of="2025-05-04"),
        make_article("c", "On 3 May 2025 the mayor opened a school.\n", as_of="2025-05-05"),
        make_article("d", "On 3 May 2025 the harbour board approved the 2 new quays at Tarn.\n", as_of="2025-07-05"),
        make_article("e", "On 3 May 2025 the harbour board approved the 7 new quays at Tarn.\n", as_of="2025-07-06"),
        make_article("f", "On 4 May 2025 the harbour board approved the new quay at Tarn.\n", as_of="2025-07-07"),
    )
    assert_sound(snapshot)
    found = events(snapshot)
    assert [[told.article.id for told in event.tellings] for event in found] == [["a", "b", "d"], ["c"], ["e"], ["f"]]


def test_what_ended_is_linked_to_what_ended_it(indexed: Indexed) -> None:
    snapshot = indexed(
        make_article("a", "On 3 May 2020 Tarn got an exclusive fishing licence from Brook.\n", as_of="2020-05-04"),
        make_article("b", "On 3 May 2021 Tarn got a new mayor.\n", as_of="2021-05-04"),
        make_article("c", "On 1 June 2024 Tarn gave up its exclusive fishing licence.\n", as_of="2024-06-02"),
    )
    first, mayor, last = events(snapshot)
    assert first.ended_by is last
    assert last.ends == [first]
    assert mayor.ended_by is None


@pytest.mark.parametrize(
    "ending",
    [
        "On 1 June 2024 Tarn gave up its exclusive mining licence.",  # another one
        "On 1 June 2024 Lorn gave up its exclusive fishing licence.",  # somebody else's
        "On 1 June 2024 Tarn renewed its exclusive fishing licence.",
        "On 1 June 2024 Tarn gave up its licence.",  # too little to be sure
        "On 1 June 2019 Tarn gave up its exclusive fishing licence.",  # before
        "On 1 June 2024 Tarn lost its case about the exclusive fishing licence.",
    ],
)
def test_what_did_not_end_is_not_linked(indexed: Indexed, ending: str) -> None:
    snapshot = indexed(
        make_article("a", "On 3 May 2020 Tarn got an exclusive fishing licence.\n", as_of="2020-05-04"),
        make_article("c", f"{ending}\n", as_of="2024-06-02"),
    )
    assert all(event.ended_by is None for event in events(snapshot))


def test_who_is_mentioned_when(indexed: Indexed) -> None:
    snapshot = indexed(
        make_article(
            "a", "The mayor met Ada Brook. Brook's boat left. However, nobody saw Brook.\n", as_of="2025-03-01"
        ),
        make_article("b", "In May the Tarn Times asked Ada Brook. Nobody answered.\n", as_of="2025-06-09"),
        make_article("c", "Nobody knows Ada Brook.\n"),
    )
    found = mentions(snapshot)
    assert found.stretches == ("2025-03", "2025-06")
    assert dict(found.rows) == {"Ada Brook": (3, 1), "Tarn Times": (0, 1)}
    assert mentions(snapshot, columns=1).stretches == ("2025",)


def test_who_is_mentioned_in_the_story(story: AnswerChain) -> None:
    rows = dict(mentions(story.index.snapshot).rows)
    assert {"OpenAI", "Microsoft", "Sam Altman", "Elon Musk", "Financial Times"} <= rows.keys()
    for name, counts in rows.items():
        assert sum(counts) <= sum(name.split()[-1] in a.text for a in story.index.snapshot.articles.values()) * 60


def test_it_is_made_once_for_each_revision(indexed: Indexed) -> None:
    timeline = Timeline()
    one = indexed(make_article("a", "On 3 May 2020 the quay opened.\n"))
    assert timeline.of(one) is timeline.of(one)
    two = indexed(make_article("a", "On 4 May 2020 the quay opened.\n"))
    assert timeline.of(two).events[0].when == Moment(2020, 5, 4)


def test_without_articles_there_is_no_story(indexed: Indexed) -> None:
    assert Timeline().of(indexed()).events == ()
