"""A chat model as a second judge: one call an answer, by a prompt file, compared with the rules."""

from pathlib import Path

from langchain_core.prompts import ChatPromptTemplate

from assistant.answer import Answer
from assistant.errors import ProviderError, SettingsError
from assistant.evaluation.facts import shown
from assistant.evaluation.testset import TestCase
from assistant.reading.chat import load_chat_model
from assistant.settings import Settings

_INPUTS = {"question", "expected", "answer", "quotes"}


class ModelJudge:
    """Asks a chat model whether an answer is right. What it says changes no metric."""

    def __init__(self, name: str, settings: Settings) -> None:
        """`name` is `provider:model`; the prompt is `judge.md` in the folder of prompts.

        Raises:
            ProviderError: the model cannot be made.
            SettingsError: the prompt is missing or malformed.
        """
        self.name = name
        self._model = load_chat_model(settings.model_copy(update={"chat_model": name}))
        self._prompt = _prompt(settings.prompts_dir / "judge.md")
        #: What went wrong the last time that the model gave no opinion.
        self.trouble: str | None = None

    def opinion(self, case: TestCase, answer: Answer) -> bool | None:
        """RIGHT or WRONG, the first word of the model's reply; None where it says neither or does not reply."""
        prompt = self._prompt.invoke(
            {
                "question": case.name,
                "expected": _expected(case),
                "answer": answer.answer,
                "quotes": "\n".join(f"[{quote.number}] {quote.quote}" for quote in answer.citations) or "none",
            }
        )
        try:
            reply = self._model.invoke(prompt)
        except Exception as error:  # noqa: BLE001  each provider has classes of its own
            self.trouble = str(ProviderError.of("judging model", error))
            return None
        word = "".join(char for char in reply.text.strip().split(maxsplit=1)[:1] for char in char if char.isalpha())
        found = {"RIGHT": True, "WRONG": False}.get(word.upper())
        if found is None:
            self.trouble = "the judging model said neither RIGHT nor WRONG"
        return found


def _prompt(path: Path) -> ChatPromptTemplate:
    try:
        template = ChatPromptTemplate.from_messages([("human", path.read_text("utf-8"))])
    except OSError as error:
        raise SettingsError(f"The prompt file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"The prompt {path} is malformed: {error}") from None
    if set(template.input_variables) != _INPUTS:
        raise SettingsError(
            f"The prompt {path} uses {sorted(template.input_variables)}; it must use {sorted(_INPUTS)}."
        )
    return template


def _expected(case: TestCase) -> str:
    if case.declined:
        return f"The articles do not answer this; the assistant must decline. {case.why or ''}".strip()
    lines = [f"It must say: {shown(fact)}" for fact in case.facts]
    lines += [f"It must not say: {shown(fact)}" for fact in case.not_]
    quoted = [words for evidence in case.evidence for words in evidence.words]
    if quoted:
        lines.append("The articles say: " + " … ".join(quoted))
    if case.partial:
        lines.append(f"A part of the question cannot be answered, and the answer must say so. {case.why or ''}".strip())
    return "\n".join(lines) or "It must rest on the articles named."
