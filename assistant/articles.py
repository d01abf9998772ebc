"""Articles and how they are read from a folder: Markdown with YAML front matter, and plain text."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from assistant.errors import AssistantError, CorpusError

SUFFIXES = (".md", ".txt")
# A NUL ends a string in SQLite, and the other control characters draw nothing and can hide text.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FENCE = re.compile(r"-{3}[ \t]*")


def _day(value: object) -> object:
    """Accept a bare year or month as its first day, which is how news dates things it cannot date better."""
    text = str(value)
    if re.fullmatch(r"\d{4}", text):
        return f"{text}-01-01"
    if re.fullmatch(r"\d{4}-\d{2}", text):
        return f"{text}-01"
    return value


def _no_number(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970, such as 20250314."""
    if re.fullmatch(r"[-+]?\d+(\.\d*)?", str(value)):
        raise ValueError("give a day as 2025-03-14")
    return value


Date = Annotated[date, BeforeValidator(_no_number)]
Day = Annotated[Date, BeforeValidator(_day)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class Article(BaseModel):
    """One news article. Offsets everywhere count characters of `text`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Line
    title: Line
    outlet: Line | None = None
    author: Line | None = None
    published: Day | None = None
    as_of: Day | None = Field(None, description="The date at which what it says held; else `published` counts")
    updated: Day | None = None
    fetched: Day | None = Field(None, description="The day on which it was taken from its page")
    url: Line | None = None
    language: Line = "en"
    topics: tuple[Line, ...] = ()
    sources: tuple[Line, ...] = ()
    text: str = Field(min_length=1)

    @property
    def held_on(self) -> date | None:
        """The date at which what the article says held: `as_of`, or the publication date where none is given."""
        return self.as_of or self.published

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the article says, as hexadecimal: equal digests mean equal articles.

        When it was fetched it does not say: seen again unchanged, it is the same.
        """
        said = self.model_dump(mode="json", exclude={"fetched"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class ArticleError(AssistantError):
    """One article cannot be read. The message names the file and, where there is one, the line."""


@dataclass(frozen=True)
class Corpus:
    """What a folder holds: the articles that could be read and, by article id, why others could not."""

    articles: tuple[Article, ...]
    problems: dict[str, str]


def load_corpus(folder: Path) -> Corpus:
    """Read all articles below `folder`, in the order of their paths.

    An article that cannot be read never hides the others: it goes into `problems`.

    Raises:
        CorpusError: the folder does not exist or cannot be listed.
    """
    if not folder.is_dir():
        raise CorpusError(
            f"The corpus folder {folder} does not exist. Create it and put articles in, or set ASSISTANT_CORPUS_DIR."
        )
    articles: dict[str, Article] = {}
    problems: dict[str, str] = {}
    for path in _article_paths(folder):
        article_id = _article_id(path, folder)
        if article_id in articles:
            problems[article_id + path.suffix] = f"{path}: another file already has the id {article_id}; rename one"
            continue
        try:
            articles[article_id] = load_article(path, folder)
        except ArticleError as error:
            problems[article_id] = str(error)
    return Corpus(tuple(articles.values()), problems)


def _article_paths(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        # Taken for empty, a folder that cannot be listed would lose its articles at the next sync.
        raise CorpusError(f"The corpus folder {error.filename} cannot be listed: {error.strerror}.") from None

    paths = [Path(place, name) for place, _, names in os.walk(folder, onerror=refuse) for name in names]
    for path in sorted(paths):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        about = path.name.lower() in ("readme.md", "license.md", "license.txt")
        if path.suffix.lower() in SUFFIXES and not hidden and not about:
            yield path


def _article_id(path: Path, folder: Path) -> str:
    relative = path.relative_to(folder).as_posix()
    return relative.removesuffix(".md").strip()


def load_article(path: Path, folder: Path | None = None) -> Article:
    """Read one article file; its id is its path below `folder`, without `.md`.

    Raises:
        ArticleError: with the file and line, and what to do.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ArticleError(f"{path}: cannot be read: {error.strerror}") from None
    return read_article(raw, str(path), _article_id(path, folder or path.parent))


def read_article(raw: bytes, path: str, article_id: str) -> Article:
    """Read an article from the bytes of a file, of which errors speak as `path`; how it ends says what kind it is.

    Raises:
        ArticleError: as `load_article`.
    """
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ArticleError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
    content = plain(content)
    name = Path(path)
    if name.suffix.lower() == ".md":
        fields, text = _split_front_matter(content, path)
    else:
        fields, text = {"title": title_of(name)}, content
    if not text.strip():
        raise ArticleError(f"{path}: the article has no text")
    try:
        return Article.model_validate({**fields, "id": article_id, "text": text})
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        line = _line_of(content, str(error.errors()[0]["loc"][0]))
        raise ArticleError(f"{path}:{line}: {reasons}") from None


def plain(text: str) -> str:
    """A text as articles have it: lines end in a line feed, and there are no control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def title_of(path: Path) -> str:
    """A title made of a file's name."""
    return path.stem.replace("-", " ").replace("_", " ").strip() or path.name


def _split_front_matter(raw: str, path: str) -> tuple[dict[str, Any], str]:
    lines = raw.split("\n")
    if not _FENCE.fullmatch(lines[0]):
        raise ArticleError(
            f"{path}:1: no front matter; begin the file with a line ---, at least `title: …`, and another line ---"
        )
    close = next((number for number, line in enumerate(lines[1:], 1) if _FENCE.fullmatch(line)), None)
    if close is None:
        raise ArticleError(f"{path}:1: the front matter is not closed; end it with a line ---")
    try:
        fields = _yaml("\n".join(lines[1:close]))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark is not None else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ArticleError(f"{path}:{line}: broken YAML in the front matter: {problem}") from None
    # A date such as 2025-02-30 is well-formed YAML and no day; `!!bool maybe` and deep nesting fail in their own ways.
    except (ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise ArticleError(f"{path}:1: the front matter has a value that cannot be used: {error}") from None
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise ArticleError(f"{path}:2: the front matter must be lines of `name: value`")
    if reserved := {"id", "text"} & fields.keys():
        raise ArticleError(f"{path}:{_line_of(raw, min(reserved))}: {min(reserved)} is not for the front matter")
    # `topics:` with nothing behind it means the default, as `topics: []` does.
    return {key: value for key, value in fields.items() if value is not None}, "\n".join(lines[close + 1 :]).strip(
        "\n"
    ) + "\n"


def _yaml(text: str) -> Any:
    """What `yaml.safe_load` gives, ten times as fast where libyaml is there, as it is in PyYAML's own packages."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe either way
    except yaml.YAMLError:
        return yaml.safe_load(text)  # which accepts a little more, and knows better where something is wrong


def _line_of(raw: str, field: str) -> int:
    for number, line in enumerate(raw.split("\n"), 1):
        if line.startswith(f"{field}:"):
            return number
    return 1
