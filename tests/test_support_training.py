"""What the support model learns from: claims written on the stories, and sentences changed by rule."""

import json
import random
from collections import Counter

import pytest

from assistant.evaluation.support_training.changes import FALSE, Change, another, true_to, untrue
from assistant.evaluation.support_training.data import changed, written

SENTENCE = (
    "In March 2024, Tarn Ferries bought 12 ships from the port of Velm, which had been built in 1998, and sold four."
)
OTHERS = (
    "The harbour of Losten was not closed.",
    "After the storm, Jonas Reed paid 40 million because the quay had sunk into the sea.",
)


def test_the_written_claims_are_many_and_held_out_ones_are_apart() -> None:
    seen, unseen = written(held_out=False), written(held_out=True)
    assert len(seen) >= 8_000
    assert len(unseen) >= 600
    assert not {claim.words for claim in seen} & {claim.words for claim in unseen}
    for claims in (seen, unseen):
        kinds = Counter(claim.kind for claim in claims if not claim.supported)
        assert len(kinds) == 16
        assert 0.4 < sum(claim.supported for claim in claims) / len(claims) < 0.5
        assert all(claim.says != claim.words for claim in claims)


def test_words_that_no_article_has_are_refused() -> None:
    line = json.dumps({"story": 0, "article": 0, "words": "Nobody wrote this.", "true": ["It."], "false": []})
    with pytest.raises(ValueError, match=r"Nobody wrote this\."):
        written(held_out=False, lines=[line])


@pytest.mark.parametrize("change", FALSE, ids=lambda change: str(change).split()[1])
def test_a_change_changes(change: Change) -> None:
    sentences = (SENTENCE, "Jonas Reed said that the port may reportedly rise.", *OTHERS)
    made = {change(sentence, OTHERS, random.Random(seed)) for sentence in sentences for seed in range(9)} - {None}
    assert made
    assert not made & set(sentences) or change is another


def test_what_stays_true_says_no_more() -> None:
    made = {true_to(SENTENCE, random.Random(seed)) for seed in range(20)}
    words = set(SENTENCE.lower().replace(",", "").replace(".", "").split())
    assert len(made) > 1
    for sentence in made:
        assert set(sentence.lower().replace(",", "").replace(".", "").split()) <= words


def test_claims_made_by_rule_are_of_both_kinds() -> None:
    claims = changed([("Ships", (SENTENCE, *OTHERS))], random.Random(1))
    assert {claim.supported for claim in claims} == {True, False}
    for claim in claims:
        assert claim.supported or claim.says not in claim.words
    assert untrue("Rain.", (), random.Random(1)) is None
