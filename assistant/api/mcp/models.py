"""What the tools take and give."""

from datetime import date
from typing import Any, Self

from pydantic import Field

from assistant.answer import Frozen, Turn
from assistant.articles import Article
from assistant.chain import Question
from assistant.filters import Filters

#: Characters of an article that one call reads at most; the result says where to read on.
LONGEST_READ = 20_000


class Ask(Question):
    """What `ask` takes."""

    question: str = Field(description="A question about the story, in words of its own or following on `history`")
    history: tuple[Turn, ...] = Field(
        default=(), max_length=100, description="The conversation before the question, oldest first"
    )


class ReadArticle(Frozen):
    """What `read_article` takes."""

    article_id: str = Field(max_length=1000, description="As `ask` cites it and `list_articles` lists it")
    start: int = Field(0, ge=0, description="First character to read, counted from 0")
    end: int | None = Field(
        None, ge=0, description=f"The character to stop before; at most {LONGEST_READ:,} are read at once"
    )


class ListArticles(Filters):
    """What `list_articles` takes."""

    offset: int = Field(0, ge=0, description="Articles to pass over, from the newest")
    limit: int = Field(50, ge=1, le=200)


class ListedArticle(Frozen):
    """An article without its text."""

    article_id: str
    title: str
    outlet: str | None
    author: str | None
    published: date | None
    as_of: date | None = Field(description="The date at which what the article says held")
    url: str | None
    language: str
    topics: tuple[str, ...]
    characters: int = Field(description="Length of the text")

    @classmethod
    def of(cls, article: Article, **more: Any) -> Self:
        """What there is to know of `article`."""
        return cls(
            article_id=article.id,
            as_of=article.held_on,
            characters=len(article.text),
            **{name: getattr(article, name) for name in ("title", "outlet", "author", "published", "url", "language")},
            topics=article.topics,
            **more,
        )


class ArticleText(ListedArticle):
    """An article, or a part of it: `text` has its characters from `start` up to `end`."""

    start: int
    end: int
    text: str


class ArticleList(Frozen):
    """Some of the articles that pass the filters, newest first."""

    total: int = Field(description="How many pass")
    offset: int
    articles: tuple[ListedArticle, ...]
