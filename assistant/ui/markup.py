"""What all HTML of the page is made with. Whatever comes from an article, a question or a model is escaped here."""

import html
from datetime import date
from urllib.parse import urlsplit

from assistant.answer import Citation


def escape(text: str) -> str:
    """`text` for an HTML element or a quoted attribute. A browser reads back the very same characters."""
    # The HTML parser turns a bare carriage return into a line feed.
    return html.escape(text, quote=True).replace("\r", "&#13;")


def day(value: date | None) -> str:
    """A date as `<time>3 July 2026</time>`, empty for none."""
    return f'<time datetime="{value.isoformat()}">{plain_day(value)}</time>' if value else ""


def plain_day(value: date) -> str:
    """A date as `3 July 2026`."""
    return f"{value.day} {value:%B %Y}"


def safe_url(url: str | None) -> str | None:
    """`url` if it is an address on the web that a reader may follow, else None."""
    if not url or any(character.isspace() or not character.isprintable() for character in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and host and "\\" not in url else None


def outside_link(url: str, name: str) -> str:
    """A link that opens another site in a new tab and tells it nothing of this page; `url` is safe, `name` is HTML."""
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{name}'
        '<span class="sr-only"> (opens a new tab)</span></a>'
    )


def byline(outlet: str | None, held: date | None) -> str:
    """Whose words, and when they held."""
    name = f"<bdi>{escape(outlet)}</bdi>" if outlet else ""
    dated = f"as of {day(held)}" if held else ""
    return f'<span class="by">{" · ".join(filter(None, [name, dated]))}</span>'


def opens(article_id: str, start: int = 0, end: int = 0, quote: str = "") -> str:
    """Attributes of a button that opens an article in the source panel, at a quote where there is one."""
    return f'data-article="{escape(article_id)}" data-start="{start}" data-end="{end}" data-quote="{escape(quote)}"'


def pager(page: int, pages: int, back: str, on: str) -> str:
    """Buttons to the pages before and behind `page`, counted from 0, by their names; nothing for a single page."""
    if pages < 2:
        return ""

    def button(name: str, to: int, *, off: bool) -> str:
        return f'<button type="button" data-page="{to}"{" disabled" if off else ""}>{name}</button>'

    return (
        f'<nav class="pager" aria-label="Pages">{button(back, page - 1, off=page == 0)}'
        f"<span>Page {page + 1:,} of {pages:,}</span>{button(on, page + 1, off=page == pages - 1)}</nav>"
    )


def opens_citation(citation: Citation) -> str:
    """Attributes of a button that opens what a citation quotes."""
    return opens(citation.article_id, citation.start, citation.end, citation.quote)
