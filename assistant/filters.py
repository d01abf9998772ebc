"""Filters: which articles a question looks at, by date, outlet and topic."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assistant.answer import Frozen
from assistant.articles import Article, Date
from assistant.errors import QuestionError

_NEAREST = 5  # names to offer in place of one that no article has


class Filters(Frozen):
    """Narrows a question to some of the articles. What is not given does not narrow."""

    since: Date | None = Field(None, description="First day; what an article says held then or later")
    until: Date | None = Field(None, description="Last day; what an article says held then or earlier")
    outlets: tuple[str, ...] = Field((), max_length=100, description="Any of these, in upper or lower case")
    topics: tuple[str, ...] = Field((), max_length=100, description="Any of these, in upper or lower case")

    def __bool__(self) -> bool:
        """Whether anything is given."""
        return self != Filters()

    def __str__(self) -> str:
        """What is given, in words."""
        days = [(name, day) for name, day in (("since", self.since), ("until", self.until)) if day]
        names = [(name, kind) for name, kind in (("outlet", self.outlets), ("topic", self.topics)) if kind]
        return ", ".join(
            [f"{name} {day.day} {day:%B %Y}" for name, day in days]
            + [f"{n} {' or '.join(given)}" for n, given in names]
        )

    def where(self) -> dict[str, Any] | None:
        """The same for Chroma, over what `facts` gives; None where nothing is given."""
        clauses: list[dict[str, Any]] = []
        if self.since:
            clauses.append({"held_on": {"$gte": self.since.toordinal()}})
        if self.until:
            clauses.append({"held_on": {"$lte": self.until.toordinal()}})
        if self.outlets:
            clauses.append({"outlet": {"$in": [fold(name) for name in self.outlets]}})
        if self.topics:
            clauses.append(_joined("$or", [{"topics": {"$contains": fold(name)}} for name in self.topics]))
        return _joined("$and", clauses) if clauses else None


def facts(article: Article) -> dict[str, Any]:
    """What an article is filtered by, as Chroma keeps it with each passage; what it does not have is left out."""
    found = {
        "held_on": article.held_on and article.held_on.toordinal(),
        "outlet": article.outlet and fold(article.outlet),
        "topics": sorted({fold(topic) for topic in article.topics}),
    }
    return {name: value for name, value in found.items() if value}


def fold(name: str) -> str:
    """An outlet or topic without regard to case and spacing."""
    return " ".join(name.casefold().split())


class Catalogue:
    """What the articles of one revision can be filtered by."""

    def __init__(self, articles: Sequence[Article]) -> None:
        """An article's place in the list is its number."""
        self._size = len(articles)
        self._held_on = np.array([a.held_on.toordinal() if a.held_on else 0 for a in articles], np.int32)
        self._outlets: dict[str, tuple[str, list[int]]] = {}
        self._topics: dict[str, tuple[str, list[int]]] = {}
        for number, article in enumerate(articles):
            for index, names in ((self._outlets, filter(None, [article.outlet])), (self._topics, article.topics)):
                for name in names:
                    index.setdefault(fold(name), (name, []))[1].append(number)

    def passing(self, filters: Filters) -> NDArray[np.bool_]:
        """For each article whether it passes. One without a date passes no filter by date.

        Raises:
            QuestionError: an outlet or topic is none of any article, or `since` comes after `until`.
        """
        if filters.since and filters.until and filters.since > filters.until:
            raise QuestionError(f"The filter's first day, {filters.since}, comes after its last, {filters.until}.")
        mask = np.ones(self._size, bool)
        if filters.since:
            mask &= self._held_on >= filters.since.toordinal()
        if filters.until:
            mask &= (self._held_on > 0) & (self._held_on <= filters.until.toordinal())
        if filters.outlets:
            mask &= self._any_of("outlet", filters.outlets, self._outlets)
        if filters.topics:
            mask &= self._any_of("topic", filters.topics, self._topics)
        return mask

    def _any_of(
        self, kind: str, wanted: Sequence[str], index: Mapping[str, tuple[str, list[int]]]
    ) -> NDArray[np.bool_]:
        mask = np.zeros(self._size, bool)
        for name in wanted:
            if fold(name) not in index:
                raise QuestionError(f"No article has the {kind} {name!r}. {_offer(kind, fold(name), index)}")
            mask[index[fold(name)][1]] = True
        return mask


def _offer(kind: str, name: str, index: Mapping[str, tuple[str, list[int]]]) -> str:
    if not index:
        return f"None has any {kind}."
    near = difflib.get_close_matches(name, index, n=_NEAREST, cutoff=0.0)
    shown = ", ".join(index[key][0] for key in near)
    return f"The {kind}s are: {shown}." if len(near) == len(index) else f"The nearest of {len(index)} are: {shown}."


def _joined(operator: str, clauses: list[dict[str, Any]]) -> dict[str, Any]:
    return clauses[0] if len(clauses) == 1 else {operator: clauses}
