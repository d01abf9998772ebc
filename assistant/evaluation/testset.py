"""The format of a test set: YAML, one case a block."""

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from assistant.errors import AssistantError


class TestSetError(AssistantError):
    """A test set cannot be read; the message names the file and the case."""

    __test__ = False  # not a test class, whatever its name


class TestCase(BaseModel):
    """One question, or a conversation whose last question is judged, and what a right answer does."""

    __test__ = False
    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str | None = None
    turns: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    article: str | None = None
    facts: tuple[str, ...] = ()
    declined: bool = False
    tags: tuple[str, ...] = ()
    why: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.question is None) == (not self.turns):
            raise ValueError("give either `question` or `turns`")
        if self.declined == bool(self.cites):
            raise ValueError("give `cites`, or `declined: true` and no `cites`")
        return self

    @property
    def asked(self) -> tuple[str, ...]:
        """The questions in order; the last one is judged."""
        return self.turns or (self.question or "",)


def load(path: Path) -> list[TestCase]:
    """Read a test set.

    Raises:
        TestSetError: with the file and the case or line.
    """
    try:
        blocks = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise TestSetError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TestSetError(f"{path}: not UTF-8 text; save the file as UTF-8") from None
    except yaml.YAMLError as error:
        raise TestSetError(f"{path}: broken YAML: {error}") from None
    if not isinstance(blocks, list) or not blocks:
        raise TestSetError(f"{path}: a test set is a list of cases, `- question: …`")
    cases = []
    for number, block in enumerate(blocks, 1):
        try:
            cases.append(TestCase.model_validate(block))
        except ValidationError as error:
            reason = "; ".join(f"{'.'.join(map(str, item['loc']))} {item['msg']}".strip() for item in error.errors())
            raise TestSetError(f"{path}: case {number}: {reason}") from None
    return cases
