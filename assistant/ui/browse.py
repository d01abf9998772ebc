"""The list of articles as HTML: searched by words, narrowed by outlet, topic and date, a page at a time."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field

from assistant.articles import Article
from assistant.errors import QuestionError
from assistant.filters import Filters, fold
from assistant.lexical import STOP_WORDS, LexicalIndex, stems, words
from assistant.snapshot import Snapshot, newest_first
from assistant.ui.markup import day, escape, opens, pager

PAGE = 20
_FIRST_WORDS = 240
_CHOICES = 200
_SPELLINGS = 200  # words that a word cut short may be the beginning of

OptionalDay = Annotated[date | None, BeforeValidator(lambda value: value or None)]


class Wanted(BaseModel):
    """What a visitor wants to see. A browser can send anything."""

    words: str = Field("", max_length=500)
    outlet: str = Field("", max_length=1000)
    topic: str = Field("", max_length=1000)
    since: OptionalDay = None
    until: OptionalDay = None
    page: int = Field(0, ge=0, le=1_000_000)

    @property
    def narrowed(self) -> bool:
        """Whether not all articles are wanted."""
        return bool(self.words.strip() or self.outlet or self.topic or self.since or self.until)


@dataclass(frozen=True)
class Found:
    """The articles found, best or newest first; `loose` where none has all the words and these have some."""

    articles: list[Article]
    loose: bool = False


def find(snapshot: Snapshot, wanted: Wanted) -> Found:
    """The articles that are wanted.

    Raises:
        QuestionError: no article has the outlet or topic, or the first day comes after the last.
    """
    articles = list(snapshot.articles.values())
    filters = Filters(
        since=wanted.since,
        until=wanted.until,
        outlets=(wanted.outlet,) if wanted.outlet else (),
        topics=(wanted.topic,) if wanted.topic else (),
    )
    passing = snapshot.catalogue.passing(filters)
    asked = [word for word in words(wanted.words) if word.casefold() not in STOP_WORDS]
    if not asked:
        places = sorted(np.flatnonzero(passing).tolist(), key=lambda place: newest_first(articles[place]))
        return Found([articles[place] for place in places])
    scores = [_scores(snapshot.lexical_articles, word, last=word is asked[-1]) for word in asked]
    every = passing & np.logical_and.reduce([score > 0 for score in scores])
    total = np.sum(scores, axis=0)
    mask = every if every.any() else passing & (total > 0)
    places = sorted(np.flatnonzero(mask).tolist(), key=lambda place: (-total[place], newest_first(articles[place])))
    return Found([articles[place] for place in places], loose=not every.any())


def _scores(index: LexicalIndex, word: str, *, last: bool) -> NDArray[np.float32]:
    """How well each article fits one word. The last one may still be being typed: what it begins counts as well."""
    found = index.scores(stems(word))
    if last and len(word) > 1:
        start = word.casefold()
        begun = [known for known in index.words if known.startswith(start)][:_SPELLINGS]
        for stem in {stem for known in begun for stem in stems(known)} - set(stems(word)):
            found = np.maximum(found, index.scores([stem]))
    return found


def results(snapshot: Snapshot, wanted: Wanted, *, removable: bool, added: str) -> str:
    """The articles found as HTML. Where `removable`, those whose id begins with `added` have a button for it."""
    if not snapshot.articles:
        return _empty("There are no articles yet.", "Add the first one above, or put some into the corpus folder.")
    try:
        found = find(snapshot, wanted)
    except QuestionError as error:
        return _empty("Nothing found.", str(error))
    total = len(found.articles)
    if not total:
        return _empty("No article fits.", "Try fewer or other words, or a wider range of dates.", clear=True)
    pages = -(-total // PAGE)
    page = min(wanted.page, pages - 1)
    shown = found.articles[page * PAGE : (page + 1) * PAGE]
    items = "".join(_item(article, removable=removable and article.id.startswith(added)) for article in shown)
    note = "No article has all of these words; these have some of them." if found.loose else ""
    return (
        f'<p class="count" role="status">{_count(total, wanted)}{f" {note}" if note else ""}</p>'
        f'<ol class="list" start="{page * PAGE + 1}">{items}</ol>{pager(page, pages, "Previous", "Next")}'
    )


def choices(snapshot: Snapshot) -> tuple[str, str]:
    """The options of the outlets' and of the topics' list, as HTML, the ones with most articles first."""
    outlets, topics = Counter[str](), Counter[str]()
    names: dict[str, str] = {}
    for article in snapshot.articles.values():
        for counter, own in ((outlets, [article.outlet] if article.outlet else []), (topics, article.topics)):
            for name in own:
                names.setdefault(fold(name), name)
                counter[fold(name)] += 1
    return _options(outlets, names), _options(topics, names)


def _options(counter: Counter[str], names: dict[str, str]) -> str:
    return "".join(
        f'<option value="{escape(names[key])}">{escape(_short(names[key]))} ({count:,})</option>'
        for key, count in counter.most_common(_CHOICES)
    )


def form(snapshot: Snapshot) -> str:
    """The search form; its script fills in what is found below it."""
    outlets, topics = choices(snapshot)
    return (
        '<form class="search" role="search" aria-label="Search the articles">'
        '<label class="wide"><span>Words in title or text</span>'
        '<input type="search" name="words" maxlength="500" autocomplete="off" placeholder="Search"></label>'
        f'<label><span>Outlet</span><select name="outlet"><option value="">All</option>{outlets}</select></label>'
        f'<label><span>Topic</span><select name="topic"><option value="">All</option>{topics}</select></label>'
        '<label><span>From</span><input type="date" name="since"></label>'
        '<label><span>To</span><input type="date" name="until"></label></form>'
        '<div class="results" aria-live="off"></div>'
    )


def _item(article: Article, *, removable: bool) -> str:
    title = escape(article.title)
    dated = day(article.held_on) if article.held_on else '<span class="undated">undated</span>'
    by = " · ".join(filter(None, [f"<bdi>{escape(article.outlet)}</bdi>" if article.outlet else "", dated]))
    topics = "".join(
        f'<button type="button" class="topic" data-topic="{escape(topic)}" aria-label="Only the topic {escape(topic)}">'
        f"{escape(_short(topic))}</button>"
        for topic in article.topics[:8]
    )
    remove = (
        f'<span class="removing"><button type="button" class="remove" data-remove="{escape(article.id)}" '
        f'aria-label="Remove {title}">Remove</button></span>'
        if removable
        else ""
    )
    return (
        f'<li><button type="button" class="open" {opens(article.id)} '
        f'data-about="{title}" dir="auto">{title}</button>'
        f'<p class="by">{by}</p><p class="first" dir="auto">{escape(_first_words(article.text))}</p>'
        f'<div class="foot">{topics}{remove}</div></li>'
    )


def _first_words(text: str) -> str:
    plain = " ".join(re.sub(r"^#{1,6}[ \t]+", "", text[: 4 * _FIRST_WORDS], flags=re.MULTILINE).split())
    if len(plain) <= _FIRST_WORDS:
        return plain
    return plain[:_FIRST_WORDS].rsplit(" ", 1)[0].rstrip(",;:–-") + " …"


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


def _count(total: int, wanted: Wanted) -> str:
    count = f"{total:,} article{'s' if total != 1 else ''}"
    if not wanted.narrowed:
        return f"{count}, the newest first."
    order = "the best match first" if wanted.words.strip() else "the newest first"
    return f'{count} found, {order}. <button type="button" class="clear">Show all</button>'


def _empty(what: str, hint: str, *, clear: bool = False) -> str:
    button = '<button type="button" class="clear">Show all</button>' if clear else ""
    return f'<div class="empty" role="status"><p class="what">{escape(what)}</p><p>{escape(hint)}</p>{button}</div>'


def listing(request: dict[str, Any], snapshot: Snapshot, *, removable: bool, added: str) -> dict[str, str]:
    """What the page asked for, and the outlets and topics of now.

    Raises:
        ValidationError: the request is none that the page makes.
    """
    outlets, topics = choices(snapshot)
    html = results(snapshot, Wanted.model_validate(request), removable=removable, added=added)
    return {"html": html, "outlets": outlets, "topics": topics}
