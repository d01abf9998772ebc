"""Reads what is to be run: a test set, SQuAD 2.0 or a folder of BEIR, the latter two with articles of their own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.articles import Article
from assistant.evaluation.facts import AnyOf, Pattern
from assistant.evaluation.quality import sets
from assistant.evaluation.testset import Evidence, TestCase, TestSetError, load
from assistant.passages import split_sentences


@dataclass(frozen=True)
class Loaded:
    """Cases, and the articles that they are about where they bring their own."""

    cases: Sequence[TestCase]
    articles: Sequence[Article] | None = None


def read(path: Path, limit: int | None = None) -> Loaded:
    """Read cases by what the path is: a folder is BEIR's, `.json` is SQuAD 2.0, all else a test set.

    With `limit` that many cases are taken, evenly over the whole; the articles stay all.

    Raises:
        TestSetError: it cannot be read.
    """
    if not path.is_dir() and path.suffix != ".json":
        loaded = Loaded(load(path))
    else:
        try:
            loaded = _beir(path) if path.is_dir() else _squad2(path)
        except OSError as error:
            raise TestSetError(f"{error.filename}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            kind = "a folder of BEIR" if path.is_dir() else "SQuAD 2.0"
            raise TestSetError(f"{path} cannot be read as {kind}: {type(error).__name__}: {error}") from None
    if limit is None or limit >= len(loaded.cases):
        return loaded
    step = len(loaded.cases) / limit
    return Loaded([loaded.cases[int(place * step)] for place in range(limit)], loaded.articles)


def _squad2(path: Path) -> Loaded:
    """A paragraph is an article; the evidence is the sentence with the answer, the fact the answer's words."""
    articles, questions = sets.squad2(path)
    texts = {article.id: article.text for article in articles}
    cases = []
    for asked in questions:
        if not asked.answers:
            cases.append(TestCase(question=asked.question, declined=True, tags=(asked.subject,)))
            continue
        evidence = tuple(Evidence(article=key, words=(_sentence(texts[key], place),)) for key, place in asked.answers)
        # The words as they stand count too: an answer may be a part of a word, "19" of "19th".
        said = AnyOf(
            any=(
                *(w for w in asked.wordings if re.search(r"\w", w)),
                *(Pattern(regex=re.escape(w)) for w in asked.wordings),
            )
        )
        cases.append(TestCase(question=asked.question, facts=(said,), cites=evidence, tags=(asked.subject,)))
    return Loaded(cases, articles)


def _sentence(text: str, place: int) -> str:
    return next((span.of(text) for span in split_sentences(text) if span.start <= place < span.end), text)


def _beir(folder: Path) -> Loaded:
    """The evidence is the whole of any relevant text."""
    articles, questions = sets.beir(folder)
    cases = [
        TestCase(question=asked.question, cites=tuple(Evidence(article=key) for key in sorted(asked.gold)))
        for asked in questions
    ]
    return Loaded(cases, articles)
