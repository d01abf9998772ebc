"""Corrections: `story.pdf.yaml` beside `story.pdf` says what is known better than the file says it."""

from typing import Any

from pydantic import ValidationError

from assistant.articles import Article, ArticleError, line_of, plain, read_fields
from assistant.formats.contents import Contents, Part

SUFFIX = ".yaml"
_OF_ONE = ("title", "url")
_DAYS = ("published", "updated", "fetched")


def corrected(contents: Contents, raw: bytes, path: str) -> Contents:
    """The contents with the values of a sidecar in the place of what was found; an empty value takes it away.

    Raises:
        ArticleError: the sidecar cannot be used; the message names it and the line.
    """
    try:
        text = plain(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ArticleError(f"{path}:1: not UTF-8 text; save the file as UTF-8") from None
    if not text.strip():
        return contents
    fields = read_fields(text, path)
    if len(contents.parts) > 1 and (own := [name for name in _OF_ONE if name in fields]):
        line = line_of(text, own[0])
        raise ArticleError(f"{path}:{line}: {own[0]} cannot be the same for {len(contents.parts):,} articles")
    parts = tuple(Part(key=part.key, article=_corrected(part.article, fields, text, path)) for part in contents.parts)
    return contents.model_copy(update={"parts": parts})


def _corrected(article: Article, fields: dict[str, Any], text: str, path: str) -> Article:
    known = article.model_dump()
    for day in _DAYS:
        if day in fields:
            known[f"{day}_at"] = None  # it was the moment of another day
    left = {name: value for name, value in {**known, **fields}.items() if value is not None}
    try:
        return Article.model_validate(left)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        line = line_of(text, str((*error.errors()[0]["loc"], "")[0]))
        raise ArticleError(f"{path}:{line}: {reasons}") from None
