"""The tools that a chat model is given over MCP: what each does, and how it fails."""

import difflib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp.types import CallToolResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, ValidationError

from assistant.answer import Answer
from assistant.api.mcp.models import (
    LONGEST_READ,
    ArticleList,
    ArticleText,
    Ask,
    ListArticles,
    ListedArticle,
    ReadArticle,
)
from assistant.api.mcp.text import answer_text, article_list_text, article_text
from assistant.chain import AnswerChain
from assistant.errors import AssistantError
from assistant.filters import Filters
from assistant.telemetry.watching import Surface, asked_on

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AssistantTool:
    """One tool: a function from validated arguments to a result, which is given as data and as text."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Any], BaseModel]
    text: Callable[[Any], str]

    def describe(self) -> Tool:
        """The tool as clients list it."""
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(),
            output_schema=self.result.model_json_schema(mode="serialization"),
            annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
        )

    def call(self, arguments: dict[str, Any]) -> CallToolResult:
        """The tool's result. Whatever goes wrong is a result too, for the model to read; it never has a stack trace."""
        try:
            result = self.run(self.arguments.model_validate(arguments))
        except ValidationError as error:
            return _failed("; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()))
        except AssistantError as error:
            return _failed(str(error))
        except Exception as error:  # noqa: BLE001  the last resort of a server, which says so in its log
            _LOG.error("unexpected error in the tool %s: %s", self.name, type(error).__name__, exc_info=error)
            return _failed("Something went wrong on the server; its log says more.")
        return CallToolResult(
            content=[TextContent(type="text", text=self.text(result))],
            structured_content=result.model_dump(mode="json"),
        )


def assistant_tools(chain: AnswerChain) -> dict[str, AssistantTool]:
    """The tools by name."""
    made = (
        AssistantTool(
            "ask",
            "Ask the story",
            "Answers a question from news articles. Every sentence of the answer is cited, by markers [n], to the very "
            "words of an article; what the articles do not say is declined. Ask one thing at a time, and pass on the "
            "citations with the answer.",
            Ask,
            Answer,
            lambda asked: chain.invoke(asked, asked_on(Surface.MCP)),
            answer_text,
        ),
        AssistantTool(
            "read_article",
            "Read an article",
            "The text of one article, or of a part of it: for what stands around a citation of `ask`.",
            ReadArticle,
            ArticleText,
            lambda given: _read(chain, given),
            article_text,
        ),
        AssistantTool(
            "list_articles",
            "List the articles",
            "Titles, outlets, dates and ids of the articles, newest first: all, or some by date, outlet and topic.",
            ListArticles,
            ArticleList,
            lambda given: _list(chain, given),
            article_list_text,
        ),
    )
    return {tool.name: tool for tool in made}


def _read(chain: AnswerChain, given: ReadArticle) -> ArticleText:
    articles = chain.index.snapshot.articles
    article = articles.get(given.article_id)
    if article is None:
        raise AssistantError(
            f"No article has the id {given.article_id!r}. {_nearest(given.article_id, list(articles))}"
        )
    length = len(article.text)
    if given.start >= length:
        raise AssistantError(f"The article has {length:,} characters, so none can be read from {given.start:,} on.")
    if given.end is not None and given.end <= given.start:
        raise AssistantError(f"`end` is {given.end:,}; it must lie behind `start`, which is {given.start:,}.")
    end = min(length if given.end is None else given.end, length, given.start + LONGEST_READ)
    return ArticleText.of(article, start=given.start, end=end, text=article.text[given.start : end])


def _list(chain: AnswerChain, given: ListArticles) -> ArticleList:
    filters = Filters.model_validate(given.model_dump(include=set(Filters.model_fields)))
    found = chain.index.snapshot.newest(filters)
    shown = found[given.offset : given.offset + given.limit]
    return ArticleList(total=len(found), offset=given.offset, articles=tuple(map(ListedArticle.of, shown)))


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    return f"Near to it: {', '.join(map(repr, near))}." if near else "The tool `list_articles` lists them."


def _failed(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)
