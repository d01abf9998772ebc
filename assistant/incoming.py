"""What comes in from outside turned into articles: files, pages that were fetched, pasted text."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from assistant import formats
from assistant.articles import Article, ArticleError, plain
from assistant.fetching import Page
from assistant.formats import Given, files
from assistant.formats.contents import Contents, Link, Part, make, one_line
from assistant.formats.parser import Parser

#: What a file may be, by how its name ends.
FILE_TYPES = formats.FILE_TYPES
#: The largest file that is taken over the network.
MAX_FILE_BYTES = max(formats.LARGEST.values())


def from_file(path: Path, name: str, parser: Parser) -> Contents:
    """What is in a file, known by `name` to whoever gave it, with the corrections beside it.

    Raises:
        ArticleError: nothing can be read, with the reason.
    """
    raw, correction = files.load(files.Local(path, name))
    return files.read(Given(name, raw), parser, correction)


def from_page(page: Page, parser: Parser) -> Contents:
    """What is in a page that was fetched: an article, several in an export, or links in a feed or sitemap.

    Raises:
        ArticleError: nothing can be read, with the reason.
    """
    name = urlsplit(page.url).path.rpartition("/")[2] or page.url
    given = Given(name, page.body, page.url, page.type, page.charset, page.fetched)
    try:
        return parser.read(given)
    except ArticleError as error:
        raise ArticleError(str(error).replace(name, page.url, 1)) from None


def from_paste(title: str, text: str, outlet: str = "", published: str = "") -> Article:
    """An article that somebody typed or pasted; `published` is a day, month or year as 2026-03-14.

    Raises:
        ArticleError: title or text are missing, or the date is none.
    """
    if not one_line(title):
        raise ArticleError("Give the article a title.")
    return make("The article", plain(text), title=title, outlet=outlet, published=published.strip() or None)


def with_known(part: Part, link: Link | None, fields: dict[str, Any]) -> Article:
    """The article with what a feed says of it where it says nothing itself, and with what the feed's owner says of all.

    Raises:
        ArticleError: that cannot be used.
    """
    known = part.article.model_dump()
    if link and link.published:
        moment = link.published if isinstance(link.published, datetime) and link.published.tzinfo else None
        day = link.published.date() if isinstance(link.published, datetime) else link.published
        if known["published"] in (None, day) and known["published_at"] is None:
            known |= {"published": day, "published_at": moment}
    try:
        return Article.model_validate({**known, **fields})
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ArticleError(f"{part.article.title}: {reasons}") from None
