"""The source panel beside the page: a whole article, the quoted words marked in it."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from pydantic import BaseModel, Field

from assistant.articles import Article
from assistant.chain import AnswerChain
from assistant.ui import style
from assistant.ui.markup import byline, day, escape, outside_link, safe_url

_HEADING = re.compile(r"^(#{1,6}[ \t]+)(\S[^\n]*)$", re.MULTILINE)
_TEMPLATE = '<div role="region" aria-label="Source" aria-live="off">${value}</div>'


class Wanted(BaseModel):
    """What a button on the page asks to be shown. A browser can send anything."""

    article: str = Field(max_length=1000)
    start: int = 0
    end: int = 0
    quote: str = Field("", max_length=100_000)


class SourcePanel:
    """One for the page. Any `<button>` made with `markup.opens` shows its article here."""

    def __init__(self, chain: AnswerChain) -> None:
        """Add the panel to the `gr.Blocks` that is open."""
        self._chain = chain

        # Gradio marks the function, which it cannot do to a method.
        def open_source(request: dict[str, Any]) -> str:
            return self.open_source(request)

        self.panel = gr.HTML(
            "",
            html_template=_TEMPLATE,
            elem_id="source",
            apply_default_css=False,
            js_on_load=style.script("source"),
            server_functions=[open_source],
        )

    def open_source(self, request: dict[str, Any]) -> str:
        """The panel as HTML, for `article`, `start`, `end` and `quote`; without a quote, the article from its top.

        Raises:
            ValidationError: the request has not these fields.
        """
        wanted = Wanted.model_validate(request)
        article = self._chain.index.snapshot.articles.get(wanted.article)
        if article is None:
            return missing_panel(wanted.quote)
        return article_panel(article, wanted.start, wanted.end, wanted.quote)


def article_panel(article: Article, start: int, end: int, quote: str) -> str:
    """A whole article with the quoted words marked, or a range of it where `quote` is empty and the range is not.

    If the article was changed and no longer says `quote` at that place, nothing is marked and that is said.
    """
    held = 0 <= start < end <= len(article.text) and quote in ("", article.text[start:end])
    warning = ""
    if held:
        marked = f'<mark tabindex="-1">{escape(article.text[start:end])}</mark>'
        text = f"{_prose(article.text[:start])}{marked}{_prose(article.text[end:])}"
    else:
        text = _prose(article.text)
        if quote:
            warning = _note("This article was changed after the answer was given. It then said:", quote)
    dates = [("Published", article.published), ("Updated", article.updated)]
    facts = [f"<div><dt>{name}</dt><dd>{day(value)}</dd></div>" for name, value in dates if value]
    if article.author:
        facts.insert(0, f"<div><dt>By</dt><dd><bdi>{escape(article.author)}</bdi></dd></div>")
    return _panel(
        article.title,
        byline(article.outlet, article.held_on),
        (f'<dl class="facts">{"".join(facts)}</dl>' if facts else "")
        + _link(article.url)
        + warning
        + f'<div class="article-text" lang="{escape(article.language)}" dir="auto">{text}</div>',
    )


def missing_panel(quote: str) -> str:
    """What the panel says of an article that the index does not hold any more."""
    told = "This article was taken out after the answer was given. It then said:"
    body = _note(told, quote) if quote else '<p class="note">This article is no longer there.</p>'
    return _panel("Article not found", "", body)


def _panel(title: str, about: str, body: str) -> str:
    return (
        '<section class="source" aria-labelledby="source-title"><header>'
        f'<h2 id="source-title" tabindex="-1" dir="auto">{escape(title)}</h2>'
        f'<button type="button" class="close" aria-label="Close the source">Close</button>{about}</header>'
        f'<div class="source-body" tabindex="0" role="group" aria-label="Article">{body}</div></section>'
    )


def _note(what: str, quote: str) -> str:
    return f'<div class="note"><p>{what}</p><blockquote dir="auto">{escape(quote)}</blockquote></div>'


def _link(url: str | None) -> str:
    safe = safe_url(url)
    if safe is None:
        return ""
    name = f"Read it at <bdi>{escape(urlsplit(safe).hostname or safe)}</bdi>"
    return f'<p class="link">{outside_link(safe, name)}</p>'


def _prose(text: str) -> str:
    return "".join(_with_headings(text))


def _with_headings(text: str) -> Iterator[str]:
    position = 0
    for match in _HEADING.finditer(text):
        yield escape(text[position : match.start()])
        yield (
            f'<span class="heading"><span class="hashes" aria-hidden="true">{escape(match.group(1))}</span>'
            f"{escape(match.group(2))}</span>"
        )
        position = match.end()
    yield escape(text[position:])
