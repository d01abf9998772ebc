"""What is found in a file: articles, links to articles, and what could not be read."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import regex
from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.articles import Article, ArticleError, plain, title_of
from assistant.language import language_of

#: The id of an article until it has a file of its own.
UNNAMED = "incoming"
_LONGEST_LINE = 300
# What turns the direction of writing draws nothing itself and can make a text look like another.
_TURNS = regex.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad]")
_MARKUP = regex.compile(r"<[a-z/!][^<>]*>|&#?\w{1,30};", regex.I)


class Part(BaseModel):
    """An article; `key` tells it from the others of its file, and stays when others are added before it."""

    model_config = ConfigDict(frozen=True)
    key: str = ""
    article: Article


class Link(BaseModel):
    """Where an article is to be found, and what a feed or sitemap says of it."""

    model_config = ConfigDict(frozen=True)
    url: str
    title: str = ""
    published: datetime | date | None = None
    updated: datetime | date | None = None
    #: It leads to another list of links, as a sitemap's index does.
    more: bool = False


class Contents(BaseModel):
    """All of a file. `problems` says by key why a part of it could not be read."""

    model_config = ConfigDict(frozen=True)
    parts: tuple[Part, ...] = ()
    links: tuple[Link, ...] = ()
    problems: dict[str, str] = {}
    outlet: str | None = None  # of a feed

    @classmethod
    def of(cls, article: Article) -> "Contents":
        """A file that is one article."""
        return cls(parts=(Part(article=article),))


def make(name: str, text: str, **fields: object) -> Article:
    """An article with what is known of it; `name` is what errors call it.

    Raises:
        ArticleError: it has no text, or a field cannot be used.
    """
    if not text.strip():
        raise ArticleError(f"{name}: there is no text in it")
    lines = {key: one_line(value) if isinstance(value, str) else value for key, value in fields.items()}
    known: dict[str, Any] = {key: value for key, value in lines.items() if value}
    known.setdefault("language", language_of(text))
    try:
        return Article.model_validate({**known, "id": UNNAMED, "text": text.strip("\n") + "\n"})
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ArticleError(f"{name}: {reasons}") from None


def one_line(text: str | None) -> str:
    """One line of what may be shown: without control characters and what turns the direction of writing."""
    shown = "".join(char if char.isprintable() else " " for char in text or "")
    return " ".join(shown.split())[:_LONGEST_LINE].strip()


def tidy(text: str) -> str:
    """A text out of a format that can hold anything: no control characters, soft hyphens or turns of direction."""
    return _TURNS.sub("", plain(text))


def unmarked(text: str) -> str:
    """The words of a line that may be written in HTML, as titles in feeds and exports are."""
    if not _MARKUP.search(text):
        return text
    from lxml.etree import LxmlError
    from lxml.html import fragment_fromstring

    try:
        tree = fragment_fromstring(plain(text), create_parent=True)
    except (LxmlError, ValueError):
        return _MARKUP.sub(" ", text)
    for hidden in tree.xpath(".//script|.//style|.//comment()"):
        hidden.drop_tree()
    return str(tree.text_content())


def name_as_title(name: str) -> str:
    """A title made of a file's name, where the file itself has none."""
    return title_of(Path(name))
