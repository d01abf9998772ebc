"""`/api/articles`: list them, read one, add some, remove one that was added."""

import base64
import binascii
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Body, HTTPException, Query
from fastapi.openapi.models import Example
from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator

from assistant.adding import Adding, Address, Entry, File, Report, Source, State
from assistant.answer import Frozen
from assistant.articles import Article, Date, Day, Line
from assistant.chain import AnswerChain
from assistant.filters import Filters

#: Articles taken with one request.
MOST = 20
_PAGE = 50


class ArticleSummary(Frozen):
    """An article without its text."""

    id: str
    title: str
    outlet: str | None
    author: str | None
    published: date | None
    as_of: date | None = Field(description="The date at which what it says held")
    updated: date | None
    url: str | None
    language: str
    topics: tuple[str, ...]
    characters: int = Field(description="How long its text is")
    removable: bool = Field(description="Whether it was added, and so can be removed, through the API or the page")


class ArticleList(Frozen):
    """Some of the articles, newest first."""

    total: int = Field(description="How many there are, on all pages")
    limit: int
    offset: int
    revision: str = Field(description="Another one than on the page before: the articles have changed meanwhile")
    articles: tuple[ArticleSummary, ...]


class Wanted(Frozen):
    """Which articles, and how many of them at a time."""

    limit: int = Field(_PAGE, ge=1, le=1_000)
    offset: int = Field(0, ge=0, le=10_000_000)
    since: Date | None = Field(None, description="First day; what an article says held then or later")
    until: Date | None = Field(None, description="Last day; what an article says held then or earlier")
    outlet: tuple[str, ...] = Field((), max_length=100, description="Any of these; repeatable")
    topic: tuple[str, ...] = Field((), max_length=100, description="Any of these; repeatable")

    @property
    def filters(self) -> Filters:
        """The same as a question has them."""
        return Filters(since=self.since, until=self.until, outlets=self.outlet, topics=self.topic)


class FromPage(Frozen):
    """A page on the web, which the server fetches."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class FromText(Frozen):
    """The text itself, as Markdown or plain, with what is known of it."""

    title: Line
    text: Annotated[str, StringConstraints(min_length=1)]
    outlet: Line | None = None
    author: Line | None = None
    published: Day | None = None
    as_of: Day | None = Field(None, description="The date at which what it says held; else `published` counts")
    updated: Day | None = None
    url: Line | None = None
    language: Line | None = None
    topics: tuple[Line, ...] = Field((), max_length=100)


class FromFile(Frozen):
    """A file, of the kinds that the page takes; its name tells which."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    file: str = Field(description="What is in it, in base64", json_schema_extra={"contentEncoding": "base64"})

    @field_validator("file")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("this is not base64") from None
        return value


def _kind(item: Any) -> str:
    fields = item if isinstance(item, dict) else vars(item) if isinstance(item, Frozen) else {}
    return "file" if "file" in fields else "text" if "text" in fields else "url"


GivenArticle = Annotated[
    Annotated[FromPage, Tag("url")] | Annotated[FromText, Tag("text")] | Annotated[FromFile, Tag("file")],
    Discriminator(_kind),
]


class ArticlesRequest(Frozen):
    """Articles to add, each a page's `url`, a `text` with its `title`, or a `file` with its `name`."""

    articles: tuple[GivenArticle, ...] = Field(min_length=1, max_length=MOST)


class ArticleState(Frozen):
    """What became of one article, and why where it was refused."""

    name: str
    state: State
    title: str
    article_id: str
    reason: str


class ArticlesReport(Frozen):
    """What became of all that was given. `problem` says why the index does not have it yet."""

    articles: tuple[ArticleState, ...]
    problem: str

    @classmethod
    def of(cls, report: Report) -> "ArticlesReport":
        """The same for a client."""
        return cls(articles=tuple(map(_state, report.entries)), problem=report.problem)


_EXAMPLES: dict[str, Example] = {
    "text": {
        "summary": "A text",
        "value": {
            "articles": [
                {
                    "title": "Harbour board approves the new quay",
                    "text": "The board approved the quay on Friday.",
                    "outlet": "The Harbour Gazette",
                    "published": "2026-03-14",
                }
            ]
        },
    },
    "page": {"summary": "A page on the web", "value": {"articles": [{"url": "https://example.org/quay"}]}},
    "file": {
        "summary": "A file",
        "value": {"articles": [{"name": "quay.md", "file": "IyBUaGUgcXVheQoKSXQgaXMgNDAgbWV0cmVzIGxvbmcuCg=="}]},
    },
}


def articles(chain: AnswerChain, adding: Adding | None = None) -> APIRouter:
    """The endpoints of the articles. Without `adding`, they are added as the settings say."""
    router = APIRouter(tags=["articles"])
    keeper = adding or Adding(chain.settings, chain.index)
    unknown: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such article"}}

    @router.get("/api/articles")
    def list_articles(wanted: Annotated[Wanted, Query()]) -> ArticleList:
        """The articles, newest first, without their texts."""
        snapshot = chain.index.snapshot
        found = snapshot.newest(wanted.filters)
        shown = found[wanted.offset : wanted.offset + wanted.limit]
        return ArticleList(
            total=len(found),
            limit=wanted.limit,
            offset=wanted.offset,
            revision=snapshot.revision,
            articles=tuple(_summary(article, keeper) for article in shown),
        )

    @router.get("/api/articles/{id:path}", responses=unknown)
    def read_article(id: str) -> Article:
        """One article with its text, which the offsets of citations count in."""
        article = chain.index.snapshot.articles.get(id)
        if article is None:
            raise HTTPException(404, "There is no such article.")
        return article

    @router.post("/api/articles")
    def add_articles(request: Annotated[ArticlesRequest, Body(openapi_examples=_EXAMPLES)]) -> ArticlesReport:
        """Add articles to the corpus folder and to the index. One that is refused does not hold up the others."""
        with _sources(request.articles) as sources:
            return ArticlesReport.of(keeper.add(sources))

    @router.delete(
        "/api/articles/{id:path}",
        responses={
            **unknown,
            409: {"description": "It was not added but belongs to the corpus folder, or is the last"},
        },
    )
    def remove_article(id: str) -> ArticlesReport:
        """Remove an article that was added."""
        if id not in chain.index.snapshot.articles:
            raise HTTPException(404, "There is no such article.")
        report = keeper.remove(id)
        if (entry := report.entries[0]).state is State.REFUSED:
            raise HTTPException(409, entry.reason)
        return ArticlesReport.of(report)

    return router


@contextmanager
def _sources(given: Sequence[FromPage | FromText | FromFile]) -> Iterator[list[Source]]:
    """What is given as files and addresses, for as long as they are read."""
    with tempfile.TemporaryDirectory(prefix="articles-") as folder:
        yield [_source(item, Path(folder) / str(number)) for number, item in enumerate(given)]


def _source(item: FromPage | FromText | FromFile, path: Path) -> Source:
    if isinstance(item, FromPage):
        return Address(item.url)
    if isinstance(item, FromFile):
        path.write_bytes(base64.b64decode(item.file))
        return File(path, item.name)
    # As the front matter of a Markdown file, which is how articles say these things everywhere.
    front = yaml.safe_dump(item.model_dump(mode="json", exclude={"text"}, exclude_defaults=True), allow_unicode=True)
    path.write_bytes(f"---\n{front}---\n{item.text}".encode(errors="replace"))
    return File(path, f"{item.title}.md")


def _state(entry: Entry) -> ArticleState:
    return ArticleState(
        name=entry.name, state=entry.state, title=entry.title, article_id=entry.article_id, reason=entry.reason
    )


def _summary(article: Article, keeper: Adding) -> ArticleSummary:
    return ArticleSummary(
        **article.model_dump(include=set(ArticleSummary.model_fields) - {"as_of"}),
        as_of=article.held_on,
        characters=len(article.text),
        removable=keeper.may_remove(article.id),
    )
