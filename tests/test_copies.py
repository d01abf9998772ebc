"""Copies: which articles are another one's words, and that articles on the same event are not taken for it."""

import random
from itertools import permutations

import pytest
from helpers import ROOT, make_article

from assistant.articles import Article, load_corpus
from assistant.copies import SHARE, contained, find_copies, shingles
from assistant.evaluation.copies import measure, real_articles
from assistant.passages import split_sentences


def words(seed: int, count: int = 300) -> str:
    """A text of sentences that no other seed makes."""
    chance = random.Random(seed)
    made = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(3, 9))) for _ in range(count)]
    return " ".join(
        word.capitalize() if at % 12 == 0 else f"{word}." if at % 12 == 11 else word for at, word in enumerate(made)
    )


WIRE = words(1)


def published(key: str, text: str, day: int) -> Article:
    return make_article(key, f"{text}\n", published=f"2026-03-{day:02}")


def test_a_copy_is_linked_to_the_oldest_whatever_the_order() -> None:
    articles = [
        published("wire", WIRE, 1),
        published("cut", " ".join(WIRE.split()[:200]), 2),
        published("led", f"{words(2, 60)} {WIRE}", 3),
        published("other", words(3), 1),
    ]
    for order in permutations(articles):
        links = find_copies(order)
        assert {key: link.of for key, link in links.items()} == {"cut": "wire", "led": "wire"}
        assert links["cut"].share > 0.99


def test_a_copy_of_a_copy_is_linked_to_what_it_is_like() -> None:
    half, rest = " ".join(WIRE.split()[:150]), words(4, 150)
    links = find_copies([published("a", WIRE, 1), published("b", f"{half} {rest}", 2), published("c", rest, 3)])
    assert links["b"].of == "a"
    assert "c" not in links, "it is like the copy only, in what this has of its own; no copy leads"


def test_the_moment_decides_on_the_same_day() -> None:
    early = make_article("z", WIRE + "\n", published="2026-03-01T08:00:00+01:00")
    late = make_article("a", WIRE + "\n", published="2026-03-01T09:00:00+01:00")
    assert find_copies([late, early])["a"].of == "z"


def test_case_and_marks_do_not_count_and_a_short_text_is_no_copy() -> None:
    assert contained(shingles(WIRE), shingles(WIRE.upper().replace(".", " – "))) == 1
    assert find_copies([published("a", "Nobody saw it.", 1), published("b", "Nobody saw it.", 2)]) == {}
    assert find_copies([]) == {}


def test_what_quotes_an_article_is_no_copy_of_it() -> None:
    quoting = f"{words(5, 300)} {' '.join(WIRE.split()[:120])}"
    assert find_copies([published("a", WIRE, 1), published("b", quoting, 2)]) == {}


def test_a_stock_phrase_makes_no_copies() -> None:
    stock = words(6, 25)
    assert find_copies([published(f"a{n}", f"{words(100 + n, 60)} {stock}", 1) for n in range(80)]) == {}


def test_the_shipped_articles_are_no_copies_of_each_other() -> None:
    assert find_copies(load_corpus(ROOT / "corpus").articles) == {}


def test_the_false_merge_rate_on_articles_of_the_same_event() -> None:
    found = measure(real_articles(ROOT / "corpus"))
    assert len(found["the same story"]) > 1000
    assert max(found["the same story"] + found["another story"]) < SHARE
    assert sum(share >= SHARE for share in found["quotes a third"]) == 0
    for name in ("tail cut off", "another lead", "sentences left out", "house style", "words replaced"):
        shares = found[f"copy: {name}"]
        assert sum(share >= SHARE for share in shares) / len(shares) > 0.9, name


@pytest.mark.parametrize("at", range(3))
def test_the_candidates_miss_nothing_that_comparing_all_would_find(at: int) -> None:
    texts = [article.text for article in load_corpus(ROOT / "corpus").articles]
    chance = random.Random(at)
    made = []
    for number, text in enumerate(texts):
        kept = [span.of(text) for span in split_sentences(text) if chance.random() > 0.4]
        made += [make_article(f"{number}-a", text), make_article(f"{number}-b", " ".join(kept) + "\n")]
    sets = [shingles(article.text) for article in made]
    pairs = {i for i in range(0, len(made), 2) if contained(sets[i], sets[i + 1]) >= SHARE}
    assert {int(key.split("-")[0]) * 2 for key in find_copies(made)} == pairs
