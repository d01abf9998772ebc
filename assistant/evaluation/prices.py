"""What tokens cost: prices that whoever runs it gives, never guessed."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from assistant.answer import Usage
from assistant.errors import AssistantError


class Price(BaseModel):
    """For a million tokens, in whatever currency the table is kept."""

    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def of(self, usage: Usage) -> float:
        """What these tokens cost."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1e6


class _Table(RootModel[dict[str, Price]]):
    """By the reader's name, `provider:model`."""


def load_prices(path: Path) -> dict[str, Price]:
    """Read a table: YAML, `provider:model: {input: …, output: …}`.

    Raises:
        AssistantError: it cannot be read.
    """
    try:
        return _Table.model_validate(yaml.safe_load(path.read_text("utf-8"))).root
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise AssistantError(f"{path} is no table of prices: {str(error).splitlines()[0]}") from None
