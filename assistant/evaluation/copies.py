"""How often copies are missed, and other articles linked: `python -m assistant.evaluation.copies` prints it.

There is no set of syndicated news that may be shipped, so the data is made, from the articles of a corpus and from the
invented stories that the scorer learns from. A copy is made as outlets make them: the tail cut off, another lead put
before, sentences left out, words of the house style put in, and all of that at once. No copies are the real articles
among themselves, many of which tell the same event, and made ones that quote: an article with a third from another.
"""

import argparse
import random
import re
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from assistant.articles import load_corpus
from assistant.copies import SHARE, contained, shingles
from assistant.evaluation.intervals import wilson
from assistant.evaluation.scorer_training.data import packaged_stories
from assistant.passages import split_sentences

_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_HOUSE = {"said": "says", "percent": "per cent", "%": " percent", "million": "mn", "“": '"', "”": '"', "’": "'"}
#: Makes sentences of an article's sentences; gets those of another article, and chance.
Edit = Callable[[list[str], list[str], random.Random], list[str]]


def _styled(sentences: list[str]) -> list[str]:
    words = re.compile("|".join(map(re.escape, _HOUSE)))
    return [words.sub(lambda match: _HOUSE[match[0]], sentence) for sentence in sentences]


def _reworded(sentences: list[str], spare: list[str], chance: random.Random) -> list[str]:
    """One word of twenty is another."""
    return [" ".join(chance.choice(spare) if chance.random() < 0.05 else w for w in s.split()) for s in sentences]


#: How copies are made.
EDITS: dict[str, Edit] = {
    "tail cut off": lambda own, other, chance: own[: max(3, round(len(own) * chance.uniform(0.4, 0.9)))],
    "another lead": lambda own, other, chance: [*other[: chance.randint(1, 3)], *own],
    "sentences left out": lambda own, other, chance: [one for one in own if chance.random() > 0.25] or own,
    "house style": lambda own, other, chance: _styled(own),
    "words replaced": lambda own, other, chance: _reworded(own, " ".join(other).split(), chance),
}


def _all(own: list[str], other: list[str], chance: random.Random) -> list[str]:
    for edit in EDITS.values():
        own = edit(own, other, chance)
    return own


def real_articles(corpus: Path) -> list[tuple[str, str]]:
    """The story that an article belongs to, and its text."""
    own = [("corpus", article.text) for article in load_corpus(corpus).articles]
    return own + [(story["story"], article["text"]) for story in packaged_stories() for article in story["articles"]]


def measure(articles: Sequence[tuple[str, str]], seed: int = 1) -> dict[str, list[float]]:
    """The share that each pair has in common, by what kind of pair it is."""
    chance = random.Random(seed)  # noqa: S311  not for secrets
    sets = [shingles(text) for _, text in articles]
    found: dict[str, list[float]] = {"another story": [], "the same story": []}
    for one, other in combinations(range(len(articles)), 2):
        kind = "the same story" if articles[one][0] == articles[other][0] else "another story"
        found[kind].append(contained(sets[one], sets[other]))
    sentences = [[span.of(text) for span in split_sentences(text)] for _, text in articles]
    found["quotes a third"] = []
    edits = {**EDITS, "all at once": _all}
    found |= {f"copy: {name}": [] for name in edits}
    for at, own in enumerate(sentences):
        rest = sentences[chance.choice([place for place in range(len(sentences)) if place != at])]
        for name, edit in edits.items():
            found[f"copy: {name}"].append(contained(sets[at], shingles(" ".join(edit(own, rest, chance)))))
        quoted = list(own)
        while sum(map(len, quoted)) * 2 > sum(map(len, rest)) and len(quoted) > 1:
            quoted.pop()  # until a third of what quotes it is this article's
        found["quotes a third"].append(contained(sets[at], shingles(" ".join(rest + quoted))))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    articles = real_articles(asked.corpus)
    found = measure(articles, asked.seed)
    lines = [
        f"{len(articles)} articles; linked at a share of",
        " " * 34 + "".join(f"{share:8.1f}" for share in _SHARES),
    ]
    for kind, shares in found.items():
        rates = (sum(share >= least for share in shares) / len(shares) for least in _SHARES)
        figure = wilson(sum(share >= SHARE for share in shares), len(shares))
        interval = f"   at {SHARE}: {figure.value:.4f} ({figure.low:.4f}-{figure.high:.4f})"
        lines.append(f"{kind:26}{len(shares):8,}" + "".join(f"{rate:8.4f}" for rate in rates) + interval)
    print("\n".join(lines))  # noqa: T201  the program's output


if __name__ == "__main__":
    main()
