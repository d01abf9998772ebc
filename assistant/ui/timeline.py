"""The timeline tab: the story by date as a plot and a list, and who is mentioned when."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import gradio as gr
from pydantic import BaseModel, Field

from assistant.chain import AnswerChain
from assistant.mentions import Mentions
from assistant.timeline import Event, Moment, Story, Timeline, Told
from assistant.ui import style
from assistant.ui.markup import escape, opens, pager

PAGE = 200  # events of the list at a time
_COLUMNS = 160  # of the plot
_QUIET = 6  # events of a year that needs little room
_DOTS = 16  # one above the other; the events told most often
_MONTHS = "January February March April May June July August September October November December".split()


class Wanted(BaseModel):
    """What a visitor wants to see. A browser can send anything."""

    year: int | None = None
    page: int = Field(0, ge=0, le=1_000_000)


class TimelineTab:
    """The component of the tab. What it shows is made when somebody looks, once for each revision of the index."""

    def __init__(self, chain: AnswerChain) -> None:
        """Add the component to the `gr.Tab` that is open."""
        self._chain = chain
        self._timeline = Timeline()

        # Gradio marks the function, which it cannot do to a method.
        def show_timeline(request: dict[str, Any]) -> dict[str, str]:
            return self.show(request)

        self.view = gr.HTML(
            '<p class="waiting">Reading the dates …</p>',
            elem_id="timeline",
            apply_default_css=False,
            js_on_load=style.script("timeline"),
            server_functions=[show_timeline],
        )

    def show(self, request: dict[str, Any]) -> dict[str, str]:
        """The `figures` and the `list` as HTML, for a `year` or all; called from the page.

        Raises:
            ValidationError: the request is none that the page makes.
        """
        wanted = Wanted.model_validate(request)
        story = self._timeline.of(self._chain.index.snapshot)
        if not story.events:
            return {"figures": _empty(), "list": ""}
        figures = f"{_head(story)}{plot(story.events)}{mentioned(story.mentions)}"
        return {"figures": figures, "list": listed(story.events, wanted)}


def _empty() -> str:
    return (
        '<div class="empty"><p class="what">There is nothing to put in order yet.</p>'
        "<p>No sentence of the articles says on which day something happened.</p></div>"
    )


def _head(story: Story) -> str:
    years = sorted({event.when.year for event in story.events})
    span = f"in {years[0]}" if len(years) == 1 else f"from {years[0]} to {years[-1]}"
    count = len(story.events)
    ended = sum(event.ended_by is not None for event in story.events)
    what = "what was said of one" if ended == 1 else f"what was said of {ended}"
    links = f" Later articles tell that {what} has ended." if ended else ""
    events = f"{count:,} event{'s' if count != 1 else ''} that the articles themselves date, {span}."
    return f'<header><h2>The story by date</h2><p class="scope">{events}{links}</p></header>'


# -- the plot ----------------------------------------------------------------------------------------------------------


def plot(events: Sequence[Event]) -> str:
    """A column for each month, or each quarter of a quiet year, a dot for each event. The list has the same events."""
    told = Counter(event.when.year for event in events)
    years = range(events[0].when.year, events[-1].when.year + 1)
    widths = next((w for w in (_widths(years, told, most) for most in (12, 4, 1)) if sum(w.values()) <= _COLUMNS), {})
    if not widths:  # what is too far back is in the list
        widths = dict.fromkeys(years[-_COLUMNS:], 1)
    start, count = {}, 0
    for year, width in widths.items():
        start[year], count = count, count + width
    columns: dict[int, list[Event]] = {}
    for event in events:
        if (year := event.when.year) in start:
            place = start[year] + ((event.when.month or 1) - 1) * widths[year] // 12
            columns.setdefault(place, []).append(event)
    places = {id(event): number for number, event in enumerate(events)}
    drawn = "".join(
        f'<div class="column" style="grid-column:{place + 1}">{_dots(own, places)}</div>'
        for place, own in columns.items()
    )
    axis = "".join(
        f'<button type="button" class="year" data-year="{year}" aria-label="Only {year}" title="{year}" '
        f'style="grid-column:{start[year] + 1}/span {width}">{_named(year, width, count)}</button>'
        for year, width in widths.items()
    )
    return (
        f'<figure class="plot" style="--columns:{count}"><div class="dots" role="group" aria-label="Events by month. '
        f'Arrow keys go from one to the next.">{drawn}</div><div class="axis">{axis}</div><figcaption>{_LEGEND}'
        '<span class="preview" aria-hidden="true">Point at a dot to see what happened, press it to read it in its '
        "article, press a year to see only that one.</span></figcaption></figure>"
    )


_LEGEND = (
    '<span class="legend"><i class="key"></i>told once <i class="key often"></i>told in several articles '
    '<i class="key ended"></i>ended later <i class="key ender"></i>what ended it. Quiet years are narrower.</span>'
)


def _widths(years: Iterable[int], told: Counter[int], most: int) -> dict[int, int]:
    """The columns of each year: at most so many, and fewer for one of which little is told."""
    return {year: most if told[year] > _QUIET else min(most, 4) for year in years}


def _named(year: int, width: int, count: int) -> str:
    """The year's name where there is room for it."""
    room = width * _COLUMNS / count
    return str(year) if room >= 5 or year % 10 == 0 else ""


def _dots(events: Sequence[Event], places: dict[int, int]) -> str:
    kept = sorted(sorted(events, key=lambda event: -event.articles)[:_DOTS], key=lambda event: places[id(event)])
    more = f'<span class="more">+{len(events) - len(kept)}</span>' if len(events) > len(kept) else ""
    return "".join(_dot(event) for event in kept) + more


def _dot(event: Event) -> str:
    kind = "dot ended" if event.ended_by else "dot ender" if event.ends else "dot"
    size = "" if event.articles < 2 else " often"
    when = moment(event.when)
    return (
        f'<button type="button" class="{kind}{size}" tabindex="-1" data-when="{when}" {_target(event.told)} '
        f'aria-label="{when}: {escape(event.told.text)}"></button>'
    )


# -- the list ----------------------------------------------------------------------------------------------------------


def listed(events: Sequence[Event], wanted: Wanted) -> str:
    """The events in order, by year, with what ended or was told elsewhere."""
    years = Counter(event.when.year for event in events)
    chosen = [event for event in events if wanted.year in (None, event.when.year)] or list(events)
    pages = -(-len(chosen) // PAGE)
    page = min(wanted.page, pages - 1)
    shown = chosen[page * PAGE : (page + 1) * PAGE]
    options = "".join(
        f'<option value="{year}"{" selected" if year == wanted.year else ""}>{year} ({count:,})</option>'
        for year, count in sorted(years.items())
    )
    groups = "".join(
        f"<section><h3>{year}</h3><ol>{''.join(map(_item, own))}</ol></section>"
        for year, own in groupby(shown, key=lambda event: event.when.year)
    )
    return (
        '<div class="bar"><h2>All events</h2><label><span>Year</span>'
        f'<select name="year"><option value="">All years ({len(events):,})</option>{options}</select></label></div>'
        f"{groups}{pager(page, pages, 'Earlier', 'Later')}"
    )


def _item(event: Event) -> str:
    by = " · ".join(filter(None, [_outlet(event.told), _told_on(event.told)]))
    return (
        f'<li class="{"ended" if event.ended_by else "event"}"><span class="date">{_short(event.when)}</span><div>'
        f'<button type="button" class="open" {_target(event.told)} dir="auto"><span class="sr-only">'
        f"{moment(event.when)}: </span>{escape(event.told.text)}</button>"
        f'<p class="by">{by}</p>{_also(event)}{_links(event)}</div></li>'
    )


def _also(event: Event) -> str:
    if not event.also:
        return ""
    items = "".join(
        f'<li><button type="button" class="open" {_target(told)} dir="auto">{escape(told.text)}</button> '
        f'<span class="by">{" · ".join(filter(None, [_outlet(told), _told_on(told)]))}</span></li>'
        for told in event.also
    )
    return f"<details><summary>Told in {event.articles} articles</summary><ul>{items}</ul></details>"


def _links(event: Event) -> str:
    out = []
    if event.ended_by:
        out.append(_link("Ended later", [event.ended_by]))
    if event.ends:
        out.append(_link("What ended", event.ends))
    return "".join(out)


def _link(name: str, events: Iterable[Event]) -> str:
    buttons = "".join(
        f'<li><button type="button" class="open" {_target(event.told)} dir="auto"><b>{moment(event.when)}</b> '
        f"{escape(event.told.text)}</button></li>"
        for event in events
    )
    kind = "later" if name == "Ended later" else "before"
    return f'<div class="link {kind}"><span class="name">{name}</span><ul>{buttons}</ul></div>'


def _target(told: Told) -> str:
    at = opens(told.article.id, told.span.start, told.span.end, told.text)
    return f'{at} data-about="{escape(told.article.title)}"'


def _outlet(told: Told) -> str:
    return f"<bdi>{escape(told.article.outlet or told.article.title)}</bdi>"


def _told_on(told: Told) -> str:
    held = told.article.held_on
    return f"told {moment(Moment(held.year, held.month, held.day))}" if isinstance(held, date) else ""


def moment(when: Moment) -> str:
    """A moment as 3 July 2026, July 2026 or 2026."""
    parts = [str(when.day) if when.day else "", _MONTHS[when.month - 1] if when.month else "", str(when.year)]
    return " ".join(filter(None, parts))


def _short(when: Moment) -> str:
    if when.month is None:
        return f"in {when.year}"
    month = _MONTHS[when.month - 1]
    return f"{when.day} {month[:3]}" if when.day else month if len(month) < 6 else f"{month[:3]}"


# -- who is mentioned when ---------------------------------------------------------------------------------------------


def mentioned(found: Mentions) -> str:
    """A table of names and stretches of time; the more a name is mentioned in one, the stronger its colour."""
    if not found.rows:
        return ""
    most = max(max(counts) for _, counts in found.rows)
    years = "".join(
        f'<th scope="colgroup" colspan="{count}"><span{"" if count > 2 else " class=narrow"}>’{year[2:]}</span></th>'
        for year, count in Counter(key[:4] for key in found.stretches).items()
    )
    body = "".join(
        f'<tr><th scope="row" dir="auto" title="{escape(name)}">{escape(name)}</th>'
        + "".join(_cell(name, key, count, most) for key, count in zip(found.stretches, counts, strict=True))
        + "</tr>"
        for name, counts in found.rows
    )
    columns = "".join(f'<th scope="col"><span class="sr-only">{_stretch(key)}</span></th>' for key in found.stretches)
    return (
        '<figure class="mentioned"><figcaption><h2>Who is mentioned when</h2><p class="scope">Sentences that name '
        "them, by the date of the articles; only times with articles are shown.</p></figcaption>"
        f'<table><thead><tr><td></td>{years}</tr><tr class="sr-row"><td></td>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></figure>"
    )


def _cell(name: str, key: str, count: int, most: int) -> str:
    if not count:
        return '<td><span class="sr-only">0</span></td>'
    share = round(15 + 85 * (count / most) ** 0.6)
    title = f"{escape(name)}, {_stretch(key)}: {count}"
    return f'<td style="--share:{share}%" title="{title}"><span class="sr-only">{count}</span></td>'


def _stretch(key: str) -> str:
    """2026-07 as July 2026."""
    year, _, month = key.partition("-")
    return f"{_MONTHS[int(month) - 1]} {year}" if month else key
