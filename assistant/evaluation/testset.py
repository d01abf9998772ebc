"""The format of a test set: YAML, one case a block; the models, the reader that knows the lines, the JSON Schema."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    ValidationError,
    model_validator,
)

from assistant.errors import AssistantError
from assistant.evaluation.facts import Fact

#: Cases with this tag are judged, and counted apart from the headline figures.
APART = "apart"
#: Cases with this tag are not finished: they are counted, and neither asked nor judged.
DRAFT = "draft"
_STRICT = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TestSetError(AssistantError):
    """A test set cannot be read; the message names the file and the line."""

    __test__ = False  # not a test class, whatever its name


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_several)]


class Evidence(BaseModel):
    """Words of the articles that carry what is asked. Words alone may stand in any article."""

    model_config = _STRICT

    article: str | None = Field(None, description="The id of the article: its file name without the ending")
    words: Words = Field((), description="Words as they stand in the article; of several, any is enough")

    @model_validator(mode="before")
    @classmethod
    def _bare_words(cls, value: object) -> object:
        return {"words": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.article and not self.words:
            raise ValueError("give `words`, or an `article`, or both")
        return self


class TestCase(BaseModel):
    """One question, or a conversation whose last question is judged, and what a right answer does."""

    __test__ = False
    model_config = _STRICT

    question: str | None = Field(None, min_length=1, description="The question")
    turns: tuple[Annotated[str, Field(min_length=1)], ...] = Field((), description="A conversation; the last is judged")
    facts: tuple[Fact, ...] = Field((), description="What the answer must say, all of it")
    not_: tuple[Fact, ...] = Field((), alias="not", description="What the answer must not say")
    cites: tuple[Evidence | str, ...] = Field((), description="What the answer must cite: any of these, or `all`")
    all: bool = Field(False, description="Whether all of `cites` must be cited")
    declined: bool = Field(False, description="The articles do not answer it, and the assistant must say so")
    partial: bool = Field(
        False, description="The articles answer a part, and the assistant must say that one is missing"
    )
    as_of: date | None = Field(None, description="Asked of the articles of this day and before")
    tags: tuple[str, ...] = Field((), description="For the figures by tag; `apart` and `draft` have a meaning")
    why: str | None = Field(None, description="Why this is the right answer, for whoever reads the report")
    _line: int = PrivateAttr(0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.question is None) == (not self.turns):
            raise ValueError("give either `question` or `turns`")
        if self.draft:
            return self
        if self.declined and (self.cites or self.facts or self.partial):
            raise ValueError("give `cites` or `facts`, or `declined: true` and none of them")
        if not self.declined and not (self.cites or self.facts):
            raise ValueError("give `cites` or `facts`, or `declined: true`")
        if self.all and not self.cites:
            raise ValueError("`all: true` needs `cites`")
        return self

    @property
    def asked(self) -> tuple[str, ...]:
        """The questions in order; the last one is judged."""
        return self.turns or (self.question or "",)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What must be cited."""
        return tuple(Evidence(words=(item,)) if isinstance(item, str) else item for item in self.cites)

    @property
    def draft(self) -> bool:
        """Whether it still has to be finished by hand."""
        return DRAFT in self.tags

    @property
    def apart(self) -> bool:
        """Whether it is counted apart from the headline figures."""
        return APART in self.tags

    @property
    def name(self) -> str:
        """The questions on one line."""
        return " / ".join(self.asked)

    @property
    def line(self) -> int:
        """The line of its file on which it begins; 0 where it comes from none."""
        return self._line

    @property
    def digest(self) -> str:
        """Equal for equal content, whatever its tags, its `why` and its place in the file."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"tags", "why"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class _TestSet(RootModel[list[TestCase]]):
    """A test set: a list of cases."""

    __test__ = False


def schema() -> str:
    """The JSON Schema of the format, for editors."""
    return json.dumps(_TestSet.model_json_schema(by_alias=True), indent=1, ensure_ascii=False) + "\n"


def load(path: Path | str) -> list[TestCase]:
    """Read a test set.

    Raises:
        TestSetError: with the file and the line.
    """
    path = Path(path)
    try:
        root = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except OSError as error:
        raise TestSetError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TestSetError(f"{path}: not UTF-8 text; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        place = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise TestSetError(f"{path}{place}: broken YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise TestSetError(f"{path}: broken YAML: {error}") from None
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise TestSetError(f"{path}: a test set is a list of cases, `- question: …`")
    return [_case(path, number, node) for number, node in enumerate(root.value, 1)]


def _case(path: Path, number: int, node: yaml.Node) -> TestCase:
    _refuse_twins(path, node)
    try:
        block = _Values("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else node.start_mark.line + 1
        raise TestSetError(f"{path}:{line}: case {number}: {error.problem}") from None
    except ValueError as error:  # a date that is none
        raise TestSetError(f"{path}:{node.start_mark.line + 1}: case {number}: {error}") from None
    try:
        case = TestCase.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where} {first['msg']}".strip()
        raise TestSetError(f"{path}:{_line(node, first['loc'])}: case {number}: {reason}") from None
    case._line = node.start_mark.line + 1
    return case


class _Values(yaml.SafeLoader):
    """Makes values of nodes."""


def _line(node: yaml.Node, where: Sequence[Any]) -> int:
    """The line of what an error is about: as far down as its place can be followed in the file."""
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                break
            node = found[1] if isinstance(found[1], yaml.CollectionNode) else found[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
    return node.start_mark.line + 1


def _refuse_twins(path: Path, node: yaml.Node) -> None:
    """YAML takes the last of two equal keys without a word."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twins(path, item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise TestSetError(f"{path}:{key.start_mark.line + 1}: {key.value} is given twice")
            seen.add(str(key.value))
            _refuse_twins(path, value)
