"""The chat reader: a LangChain chat model writes from the passages, sentence by sentence, each with its citations."""

import html
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel

from assistant.answer import Turn
from assistant.errors import ProviderError
from assistant.passages import Passage, sentence_ranges
from assistant.reading.prompts import fence, load_prompt
from assistant.settings import Settings

DECLINE = "NOT IN THE ARTICLES"
_LONGEST = 20_000  # characters; an answer of four sentences has under 2,000
_MARKER = re.compile(r"\s*\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]")
# Taken off before a line is cut into sentences: "1." would be one by itself.
_LIST_SIGN = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)]|#+)\s+")
# Markers behind the full stop belong to the sentence before it.
_TRAILING = re.compile(r"([.!?…][\"'”’)]*)((?:\s*\[\s*\d{1,4}(?:\s*[,;]\s*\d{1,4})*\s*\])+)")


@dataclass(frozen=True)
class Written:
    """A sentence as the model wrote it, its markers taken out, and the passage numbers that it cites."""

    text: str
    cited: tuple[int, ...]


class ChatReader:
    """Asks a chat model. Its sentences are claims until they have been grounded."""

    def __init__(self, name: str, model: BaseChatModel, settings: Settings) -> None:
        """`name` is the `provider:model` that answers show."""
        self.name = name
        self._model = model
        self._deadline = settings.model_timeout
        self._answer = load_prompt(settings.prompts_dir, "answer")
        self._standalone = load_prompt(settings.prompts_dir, "standalone")

    def read(self, question: str, passages: Sequence[Passage]) -> Iterator[list[Written]]:
        """The sentences written so far, growing; the last yield is the whole answer, empty for a decline.

        What is yielded last depends on the model's text alone, not on how it came in pieces.

        Raises:
            ProviderError: the provider failed, was too slow, or the connection broke.
        """
        text = ""
        shown = 0
        for chunk in self._stream(self._answer, {"passages": fence(passages), "question": question}):
            text += chunk
            done = sentences(text, finished=False)
            if len(done) > shown and not _declines(text):
                shown = len(done)
                yield done
            if len(text) > _LONGEST:
                break
        if not text.strip():
            raise ProviderError("the model's answer was empty")
        yield [] if _declines(text) else sentences(text, finished=True)

    def standalone(self, question: str, history: Sequence[Turn]) -> str:
        """The question rewritten to stand alone.

        Raises:
            ProviderError: as `read`.
        """
        lines = "\n".join(f"Question: {turn.question}\nAnswer: {turn.answer[:500]}" for turn in history[-6:])
        text = "".join(self._stream(self._standalone, {"history": lines, "question": question})).strip()
        first = text.splitlines()[0].strip().strip('"') if text else ""
        return first if 0 < len(first) <= 500 else question

    def _stream(self, prompt: Any, inputs: dict[str, str]) -> Iterator[str]:
        end = time.monotonic() + self._deadline
        try:
            for message in (prompt | self._model).stream(inputs):
                if time.monotonic() > end:
                    raise ProviderError(f"the model did not finish within {self._deadline:g} seconds")
                if piece := str(message.text):
                    yield piece
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001  each provider has classes of its own, and their messages may hold keys
            raise ProviderError.of("model's provider", error) from None


def sentences(text: str, *, finished: bool) -> list[Written]:
    """The sentences of a model's text with their citations; those still open are left out unless it is finished."""
    moved = _TRAILING.sub(lambda match: f"{match[2]}{match[1]}", html.unescape(text))
    written = []
    lines = [_LIST_SIGN.sub("", line) for line in moved.split("\n")]
    for number, line in enumerate(lines):
        ranges = list(sentence_ranges(line))
        if not finished and number == len(lines) - 1:
            ranges = ranges[:-2]  # the last may go on, and the one before it may still get its markers
        for start, end in ranges:
            if sentence := _parse(line[start:end]):
                written.append(sentence)
    return written


def _parse(raw: str) -> Written | None:
    cited = [int(number) for group in _MARKER.findall(raw) for number in re.split(r"\s*[,;]\s*", group)]
    text = _MARKER.sub("", raw).replace("**", "").strip()
    return Written(text, tuple(dict.fromkeys(cited))) if re.search(r"\w", text) else None


def _declines(text: str) -> bool:
    return text.strip().strip(".*\"'").upper().startswith(DECLINE)


def load_chat_model(settings: Settings) -> BaseChatModel:
    """The chat model that the settings name, through LangChain.

    Raises:
        ProviderError: LangChain cannot make it; the message says what is missing.
    """
    from langchain.chat_models import init_chat_model

    name = settings.reader_name
    options: dict[str, Any] = {"timeout": settings.model_timeout, "max_retries": 2, "temperature": 0}
    if name.startswith("openai:"):
        # A compatible server without keys still wants the header.
        options["api_key"] = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
        options["base_url"] = settings.openai_base_url
    try:
        return init_chat_model(name, **options)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise ProviderError(f"The chat model {name!r} cannot be used: {error}") from None
