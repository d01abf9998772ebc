"""The prompts: files in `prompts/`, each with the inputs it must have."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

from langchain_core.prompts import ChatPromptTemplate

from assistant.errors import SettingsError
from assistant.passages import Passage

#: Each prompt and the inputs that its two files, `NAME.system.md` and `NAME.user.md`, use together.
INPUTS = {"answer": {"passages", "question"}, "standalone": {"history", "question"}}
_MARKER = re.compile(r"\[(?=\s*\d+\s*\])")


def load_prompt(folder: Path, name: str) -> ChatPromptTemplate:
    """Read a prompt.

    Raises:
        SettingsError: a file is missing, or the prompt's inputs are not the ones it must have.
    """
    try:
        parts = [(folder / f"{name}.{role}.md").read_text("utf-8") for role in ("system", "user")]
        template = ChatPromptTemplate.from_messages([("system", parts[0]), ("human", parts[1])])
    except OSError as error:
        raise SettingsError(f"The prompt file {error.filename} cannot be read; set ASSISTANT_PROMPTS_DIR.") from None
    except ValueError as error:
        raise SettingsError(f"The prompt {name} in {folder} is malformed: {error}") from None
    if set(template.input_variables) != INPUTS[name]:
        raise SettingsError(
            f"The prompt {name} in {folder} uses {sorted(template.input_variables)}; "
            f"it must use {sorted(INPUTS[name])}."
        )
    return template


def fence(passages: Sequence[Passage]) -> str:
    """The passages as data: numbered, dated, and escaped so that no passage can end itself or cite for us."""
    blocks = []
    for number, passage in enumerate(passages, 1):
        article = passage.article
        day = article.held_on.isoformat() if article.held_on else "undated"
        attributes = f'number="{number}" outlet="{_escape(article.outlet or "unknown")}" as_of="{day}"'
        title = _escape(article.title)
        blocks.append(f'<passage {attributes} title="{title}">\n{_escape(passage.text.strip())}\n</passage>')
    return "\n\n".join(blocks)


def _escape(text: str) -> str:
    # A bracketed number inside an article would read as one of our citations.
    return html.escape(_MARKER.sub("［", text))
