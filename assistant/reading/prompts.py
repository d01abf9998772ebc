"""The prompts: files in `prompts/`, each with the inputs it must have."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

from langchain_core.prompts import ChatPromptTemplate

from assistant.errors import SettingsError
from assistant.passages import Passage, reported
from assistant.statements import name_stated

#: Each prompt and the inputs that its two files, `NAME.system.md` and `NAME.user.md`, use together.
INPUTS = {"answer": {"passages", "question"}, "standalone": {"history", "question"}}
#: Pattern of a citation as a model writes it: "[2]", "[1, 2]", "[Passage 2]", "【2】". Its one group holds the numbers.
MARKER = r"[\[［【]\s*\^?\s*((?:(?i:passages?)\s*)?\d{1,4}(?:\s*[,;–-]\s*(?:(?i:passages?)\s*)?\d{1,4})*)\s*[\]］】]"
#: Characters that a model reads and nobody sees, or that turn text round. Joiners stay: some scripts need them.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e0fff\ud800-\udfff]"
)
# What is nearly a citation is defused too. Bracketed capitals, as in [INST], are control words of some models.
_BRACKETED = re.compile(rf"{MARKER}|[\[［【]\s*(/?[A-Z_]{{3,}}|\d[\d\s,;–-]*)\s*[\]］】]")


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
    """The passages as data: numbered, dated, and escaped so that no passage can end itself or cite for us.

    What speaks to its reader is left out.
    """
    blocks = []
    for number, passage in enumerate(passages, 1):
        article = passage.article
        day = article.held_on.isoformat() if article.held_on else "undated"
        names = (name_stated(article.outlet or "") or "unknown", name_stated(article.title) or "untitled")
        outlet, title = (html.escape(_defused(name)) for name in names)
        attributes = f'number="{number}" outlet="{outlet}" as_of="{day}" title="{title}"'
        text = html.escape(_defused(reported(passage).strip()), quote=False)  # a tag needs no quotes to be none
        blocks.append(f"<passage {attributes}>\n{text}\n</passage>")
    return "\n\n".join(blocks)


def _defused(text: str) -> str:
    # A bracketed number inside an article would read as one of our citations.
    return _BRACKETED.sub(lambda match: f"({match[1] or match[2]})", HIDDEN.sub("", text))
