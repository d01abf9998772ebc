"""Syndicated copies: articles that are another one's words, cut, with another lead, or edited a little.

Articles are compared by their shingles (Broder, On the resemblance and containment of documents, 1997): runs of five
words. One is a copy of another if most shingles of the shorter one stand in the longer one, for an outlet cuts what it
prints. To find who is worth comparing, a quarter of all shingles, chosen by their hash, is put into one sorted list.

The link is worked out, not stored: which of the copies is the oldest changes as articles come and go. When a question
is answered, `reprints` counts what copies have in common once, sentence by sentence; this here is about articles.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from assistant.articles import Article

#: The share of the shorter one's shingles that stand in the longer one, from which on it is a copy. See
#: `evaluation.copies` for what that gets right and wrong.
SHARE = 0.4
_WORDS = 5
_OF_LONGER = 0.38  # of the longer one's shingles; who quotes a third of an article does not copy it
_LEAST = 30  # shingles: in a shorter text one quotation weighs too much
_SAMPLED = 4  # one of so many
_MET = 3  # sampled shingles that two must have in common to be compared
_COMMON = 50  # a shingle that more articles have is a stock phrase
_PRIME = np.uint64(1_099_511_628_211)

Shingles = NDArray[np.uint64]


@dataclass(frozen=True)
class Link:
    """A copy of the article `of`: so much of the shorter one of the two stands in the longer one, between 0 and 1."""

    of: str
    share: float


def find_copies(articles: Sequence[Article], share: float = SHARE) -> dict[str, Link]:
    """For each article, by id, that is a copy: of which one. That is the oldest of those that are alike, and no copy.

    An older one leads for being the likelier source: by its moment or day of publication, then by its id.
    """
    sets = [shingles(article.text) for article in articles]
    alike: dict[int, dict[int, float]] = {}
    for one, other in _candidates(sets):
        common = contained(sets[one], sets[other])
        if common >= share:
            alike.setdefault(one, {})[other] = common
            alike.setdefault(other, {})[one] = common
    order = sorted(range(len(articles)), key=lambda at: _age(articles[at]))
    rank = {at: place for place, at in enumerate(order)}
    links: dict[str, Link] = {}
    for at in order:
        leads = [other for other in alike.get(at, ()) if rank[other] < rank[at] and articles[other].id not in links]
        if leads:
            lead = min(leads, key=rank.__getitem__)
            links[articles[at].id] = Link(articles[lead].id, alike[at][lead])
    return links


def shingles(text: str) -> Shingles:
    """The hashes of all runs of five words, sorted, each once; how a word is written and what stands between does not
    count.
    """
    words = np.array([_hash(word) for word in re.findall(r"\w+", text.casefold())], np.uint64)
    if len(words) < _WORDS:
        return np.zeros(0, np.uint64)
    runs = np.zeros(len(words) - _WORDS + 1, np.uint64)
    for offset in range(_WORDS):
        runs = runs * _PRIME + words[offset : offset + len(runs)]  # modulo 2**64
    runs ^= runs >> np.uint64(29)  # the sample is taken by the low bits, which shall depend on all
    return np.unique(runs)


def contained(one: Shingles, other: Shingles) -> float:
    """The share of the shorter one that stands in the longer one; 0 where the shorter one is too short to tell, or so
    small a part of the longer one that this quotes it rather than being it.
    """
    least, most = sorted((len(one), len(other)))
    common = len(np.intersect1d(one, other, assume_unique=True))
    return 0.0 if least < _LEAST or common < _OF_LONGER * most else common / least


@lru_cache(maxsize=200_000)
def _hash(word: str) -> int:
    return zlib.crc32(word.encode())


def _candidates(sets: Sequence[Shingles]) -> list[tuple[int, int]]:
    """Pairs of articles that have several of the sampled shingles in common."""
    sampled = [own[own % np.uint64(_SAMPLED) == 0] for own in sets]
    if not any(len(own) for own in sampled):
        return []
    hashes = np.concatenate(sampled)
    owners = np.repeat(np.arange(len(sets)), [len(own) for own in sampled])
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
    ends = np.append(starts[1:], len(hashes))
    met: Counter[tuple[int, int]] = Counter()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if 2 <= end - start <= _COMMON:
            met.update(combinations(owners[start:end].tolist(), 2))
    return [pair for pair, count in met.items() if count >= _MET]


def _age(article: Article) -> tuple[date, datetime, str]:
    late = datetime.max.replace(tzinfo=UTC)
    return (article.published or article.held_on or date.max, article.published_at or late, article.id)
