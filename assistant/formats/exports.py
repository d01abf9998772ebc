"""JSON and JSON Lines, as news sites and archives export articles: a record is an article, by the usual names."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from assistant.addresses import clean
from assistant.articles import Article, ArticleError
from assistant.formats import html
from assistant.formats.contents import Contents, Part, make, one_line, tidy, unmarked
from assistant.formats.dates import moment

_MOST = 50_000
#: For each field of an article the names that exports give it, the first one that is there counts.
NAMES = {
    "title": ("title", "headline", "name", "subject"),
    "text": ("text", "body", "content", "articlebody", "content_text", "fulltext", "maintext", "main_text"),
    "markup": ("content_html", "body_html", "html", "contenthtml", "bodyhtml"),
    "outlet": ("outlet", "source", "source_name", "publication", "publisher", "site_name", "sitename", "newspaper"),
    "author": ("author", "authors", "byline", "creator"),
    "published": (
        *("published", "published_at", "publishedat", "date_published", "datepublished", "pub_date", "pubdate"),
        *("publication_date", "publish_date", "date", "webpublicationdate", "created_at", "datecreated"),
    ),
    "updated": ("updated", "updated_at", "updatedat", "modified", "date_modified", "datemodified", "lastmod"),
    "as_of": ("as_of",),
    "url": ("url", "link", "permalink", "canonical_url", "web_url", "weburl", "mainentityofpage"),
    "language": ("language", "lang", "inlanguage"),
    "topics": ("topics", "tags", "keywords", "categories", "section"),
}
_LISTS = (
    "articles",
    "items",
    "results",
    "records",
    "data",
    "docs",
    "documents",
    "stories",
    "entries",
    "@graph",
    "hits",
)
_KEYS = ("id", "_id", "guid", "uuid", "article_id")


def read(text: str, name: str, *, lines: bool) -> Contents:
    """The articles of an export. With `lines` each line is a record of its own (JSON Lines).

    Raises:
        ArticleError: it is not JSON, or has no record with a title and a text; the line is named.
    """
    parts: dict[str, Part] = {}
    problems: dict[str, str] = {}
    for number, (place, record) in enumerate(_lines(text, name) if lines else _records(text, name)):
        if number >= _MOST:
            problems[": rest"] = f"{name}: only the first {_MOST:,} records are taken; divide the file"
            break
        try:
            if isinstance(record, ArticleError):
                raise record
            article = _article(record, place)
            key = _key(record, article)
            if key in parts:
                raise ArticleError(f"{place}: another record already has this id or address")
            parts[key] = Part(key=key, article=article)
        except ArticleError as error:
            problems[place.removeprefix(name)] = str(error)
    if not parts and not problems:
        raise ArticleError(f"{name}: there are no records in it; articles have at least a title and a text")
    return Contents(parts=tuple(parts.values()), problems=problems)


def _lines(text: str, name: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{name}:{number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"{name}:{number}", ArticleError(f"{name}:{number}: not JSON: {_reason(error)}")


def _records(text: str, name: str) -> Iterator[tuple[str, Any]]:
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text[: error.pos].count("\n") <= 1:  # JSON Lines under another name
            yield from _lines(text, name)
            return
        raise ArticleError(f"{name}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise ArticleError(f"{name}: not JSON: {_reason(error)}") from None
    records = _list_of(whole)
    if records is None:
        yield name, whole
    for number, record in enumerate(records or (), 1):
        yield f"{name}: record {number}", record


def _list_of(whole: Any) -> list[Any] | None:
    """The list in which the records are, None where the whole is one."""
    for _ in range(3):
        if isinstance(whole, list):
            return [item.get("_source", item) if isinstance(item, dict) else item for item in whole]
        if not isinstance(whole, dict) or _first(_lowered(whole), "text") or _first(_lowered(whole), "markup"):
            return None
        whole = next((whole[key] for key in _LISTS if isinstance(whole.get(key), list | dict)), None)
    return None


def _article(record: Any, place: str) -> Article:
    if not isinstance(record, dict):
        raise ArticleError(f"{place}: it is no record of names and values")
    own = _lowered(record)
    fields: dict[str, Any] = {
        field: unmarked(_words(_first(own, field))) for field in ("title", "outlet", "author", "language")
    }
    fields["language"] = fields["language"][:2].lower() if re.match(r"[A-Za-z]{2}\b", fields["language"]) else None
    try:
        for field in ("published", "updated", "as_of"):
            fields[field] = moment(_first(own, field))
    except ValueError as error:
        raise ArticleError(f"{place}: {field}: {error}") from None
    address = _words(_first(own, "url"))
    fields["url"] = clean(address) if re.match(r"https?://", address) else None
    topics = _first(own, "topics")
    topics = re.split(r"\s*[,;]\s*", topics) if isinstance(topics, str) else topics if isinstance(topics, list) else []
    fields["topics"] = tuple(topic for item in topics if (topic := one_line(unmarked(_words(item)))))
    if not one_line(fields["title"]):
        raise ArticleError(f"{place}: no title; it may be called {', '.join(NAMES['title'])}")
    return make(place, _body(own, place), **fields)


def _body(own: dict[str, Any], place: str) -> str:
    text, markup = (_words(_first(own, field)) for field in ("text", "markup"))
    if not (text or markup):
        raise ArticleError(f"{place}: no text; it may be called {', '.join((*NAMES['text'], *NAMES['markup']))}")
    if markup or re.search(r"</(p|div|br|h\d|li|a)>|<br ?/?>", text, re.I):
        return html.paragraphs(markup or text, place)
    return tidy(text)


def _lowered(record: dict[str, Any]) -> dict[str, Any]:
    return {str(key).casefold(): value for key, value in record.items()}


def _first(own: dict[str, Any], field: str) -> Any:
    return next((own[name] for name in NAMES[field] if own.get(name) not in (None, "", [], {})), None)


def _words(value: Any) -> str:
    """A text, the name in an object, or those of a list with commas between."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("name", "title", "@value", "@id", "url") if value.get(key)), "")
    if isinstance(value, list):
        return ", ".join(words for item in value if not isinstance(item, list) and (words := _words(item)))
    return "" if value is None or isinstance(value, bool | dict) else str(value)


def _key(record: dict[str, Any], article: Article) -> str:
    """What the record is known by for good: its own id, its address, or its words."""
    own = _lowered(record)
    known = next((str(own[name]) for name in _KEYS if isinstance(own.get(name), str | int)), article.url)
    slug = re.sub(r"[^a-z0-9]+", "-", (known or article.title).lower())[-40:].strip("-")
    digest = hashlib.sha256((known or f"{article.title}\0{article.text}").encode("utf-8", "replace")).hexdigest()[:8]
    return f"{slug}-{digest}".strip("-")


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
