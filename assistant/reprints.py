"""Reprints: which of the sentences found stand word for word in an older article too, as wire stories do.

Sentences are compared, not passages. A wire story inside a longer article is cut at other places, so that no passage
of the one is like a passage of the other, while its sentences stay what they are. A sentence with one figure changed is
another sentence: it is kept. An article reprints another if half of a passage of it is the other's sentences; that
both have the same stock phrase does not make it one.

The oldest article leads: it is where the words come from, it does not change from question to question as the best
score would, and a reprint does not make old words newer.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from assistant.articles import Article
from assistant.passages import Passage

_SHARE, _CHARS = 0.5, 100  # of a passage; what of it must stand in the older article


def find_reprints(
    passages: Sequence[Passage], places: NDArray[np.int64], numbers: NDArray[np.int64], wordings: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], dict[int, tuple[Passage, ...]]]:
    """Which sentences are reprints, and for each passage (by place) the passages that reprint sentences of it.

    Sentence i is number `numbers[i]` of `passages[places[i]]`; equal `wordings` mean the same words. No words are lost:
    of the sentences with the same words at least one is no reprint.
    """
    reprinted = np.zeros(len(places), bool)
    _, inverse, counts = np.unique(wordings, return_inverse=True, return_counts=True)
    groups: dict[int, list[int]] = defaultdict(list)
    for twin in np.flatnonzero(counts[inverse] > 1):
        groups[int(inverse[twin])].append(int(twin))
    if not groups:
        return reprinted, {}

    owners = [passages[place] for place in places]

    shared: dict[tuple[int, str], int] = defaultdict(int)  # characters of a passage that stand in an older article
    for group in groups.values():
        group.sort(key=lambda sentence: _age(owners[sentence].article))
        for at, sentence in enumerate(group):
            span = owners[sentence].sentences[numbers[sentence]]
            for older in {owners[other].article.id for other in group[:at]} - {owners[sentence].article.id}:
                shared[int(places[sentence]), older] += span.end - span.start
    reprints = {
        (passages[place].article.id, older)
        for (place, older), chars in shared.items()
        if chars >= max(_CHARS, _SHARE * sum(span.end - span.start for span in passages[place].sentences))
    }
    copies: dict[int, dict[int, Passage]] = defaultdict(dict)
    for group in groups.values():
        leads: dict[int, int] = {}
        for at, sentence in enumerate(group):
            own = owners[sentence]
            pairs = (other for other in group[:at] if (own.article.id, owners[other].article.id) in reprints)
            lead = next(pairs, None)
            if lead is not None:
                leads[sentence] = leads.get(lead, lead)
                reprinted[sentence] = True
                copies[int(places[leads[sentence]])][int(places[sentence])] = own
    return reprinted, {place: tuple(found.values()) for place, found in copies.items()}


def _age(article: Article) -> tuple[date, date, str]:
    return (article.held_on or date.max, article.published or date.max, article.id)
