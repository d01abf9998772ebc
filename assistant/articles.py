"""Articles and how they are read from a folder: Markdown with YAML front matter, and plain text."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from assistant.errors import AssistantError
from assistant.language import language_of

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


def _moment(value: object) -> datetime | None:
    """A day with a time of day, None for what is something else."""
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", value.strip()):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            return None  # the field itself says what is wrong with it
    return value if isinstance(value, datetime) else None


#: Dates of which the moment may be known too, time zone and all.
_DATED = ("published", "updated", "fetched")
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class Article(BaseModel):
    """One news article. Offsets everywhere count characters of `text`.

    `published`, `updated` and `fetched` are days. Given with a time and its offset, the day is the one that the outlet
    had then, and the moment is kept beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Line
    title: Line
    outlet: Line | None = None
    author: Line | None = None
    published: Day | None = None
    as_of: Day | None = Field(None, description="The date at which what it says held; else `published` counts")
    updated: Day | None = None
    fetched: Day | None = Field(None, description="The day on which it was taken from its page")
    published_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    fetched_at: AwareDatetime | None = None
    url: Line | None = None
    language: Line = "en"
    topics: tuple[Line, ...] = ()
    sources: tuple[Line, ...] = ()
    text: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _moments(cls, fields: Any) -> Any:
        """Take a date with a time apart into the day and, where the time zone is said, the moment."""
        if not isinstance(fields, dict):
            return fields
        apart = dict(fields)
        for name in _DATED:
            moment = _moment(fields.get(name))
            if moment is not None:
                apart[name] = moment.date()
                if moment.tzinfo is not None and apart.get(f"{name}_at") is None:
                    apart[f"{name}_at"] = moment
        return apart

    @model_validator(mode="after")
    def _one_day(self) -> Self:
        for name in _DATED:
            moment = getattr(self, f"{name}_at")
            if moment is not None and getattr(self, name) != moment.date():
                raise ValueError(f"{name}_at is not of the day that `{name}` says")
        return self

    @property
    def held_on(self) -> date | None:
        """The date at which what the article says held: `as_of`, or the publication date where none is given."""
        return self.as_of or self.published

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the article says, as hexadecimal: equal digests mean equal articles.

        When it was fetched it does not say: seen again unchanged, it is the same.
        """
        said = self.model_dump(mode="json", exclude={"fetched", "fetched_at"})
        for name in ("published_at", "updated_at"):
            if said[name] is None:  # then it says what it said before there were moments
                del said[name]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class ArticleError(AssistantError):
    """One article cannot be read. The message names the file and, where there is one, the line."""


@dataclass(frozen=True)
class Corpus:
    """What a folder holds: the articles that could be read and, by article id, why others could not."""

    articles: tuple[Article, ...]
    problems: dict[str, str]


def load_corpus(folder: Path, parsed: Path | None = None) -> Corpus:
    """Read all articles below `folder`, in the order of their paths.

    An article that cannot be read never hides the others: it goes into `problems`. `parsed` is a file in which to keep
    what was read, so that an unchanged file is not read again.

    Raises:
        CorpusError: the folder does not exist or cannot be listed.
    """
    from assistant.folder import read_folder  # which needs the formats, which need what is above

    return read_folder(folder, parsed)


def article_id_of(path: Path, folder: Path) -> str:
    """The id of an article by its file: the path below the corpus folder, without `.md`."""
    return path.relative_to(folder).as_posix().removesuffix(".md").strip()


def load_article(path: Path, folder: Path | None = None) -> Article:
    """Read one article file; its id is its path below `folder`, without `.md`.

    Raises:
        ArticleError: with the file and line, and what to do.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ArticleError(f"{path}: cannot be read: {error.strerror}") from None
    return read_article(raw, str(path), article_id_of(path, folder or path.parent))


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
        return Article.model_validate({"language": language_of(text), **fields, "id": article_id, "text": text})
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        line = line_of(content, str((*error.errors()[0]["loc"], "")[0]))
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
    # `topics:` with nothing behind it means the default, as `topics: []` does.
    fields = read_fields("\n".join(lines[1:close]), path, 2, " in the front matter")
    fields = {key: value for key, value in fields.items() if value is not None}
    return fields, "\n".join(lines[close + 1 :]).strip("\n") + "\n"


def read_fields(text: str, path: str, first: int = 1, where: str = "") -> dict[str, Any]:
    """The names and values of a front matter, or of a file of them; `first` is the number of its first line, `where` is
    said in errors.

    Raises:
        ArticleError: they cannot be used; the message names file and line.
    """
    try:
        fields = _yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + first if mark is not None else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ArticleError(f"{path}:{line}: broken YAML{where}: {problem}") from None
    # A date such as 2025-02-30 is well-formed YAML and no day; `!!bool maybe` and deep nesting fail in their own ways.
    except (ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise ArticleError(f"{path}:1: there is a value that cannot be used{where}: {error}") from None
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise ArticleError(f"{path}:{first}: there must be lines of `name: value`{where}")
    if reserved := {"id", "text"} & fields.keys():
        line = line_of(text, min(reserved)) + first - 1
        raise ArticleError(f"{path}:{line}: {min(reserved)} is not for the front matter or a correction")
    return fields


def _yaml(text: str) -> Any:
    """What `yaml.safe_load` gives, ten times as fast where libyaml is there, as it is in PyYAML's own packages."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe either way
    except yaml.YAMLError:
        return yaml.safe_load(text)  # which accepts a little more, and knows better where something is wrong


def line_of(raw: str, field: str) -> int:
    """The number of the line that begins with a name, 1 where none does."""
    for number, line in enumerate(raw.split("\n"), 1):
        if line.startswith(f"{field}:"):
            return number
    return 1
