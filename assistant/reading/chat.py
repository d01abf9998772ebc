"""The chat reader: a LangChain chat model writes from the passages, sentence by sentence, each with its citations."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate
from pydantic import ValidationError

from assistant.answer import Turn, Usage
from assistant.errors import Failure, ProviderError
from assistant.passages import Passage
from assistant.reading.prompts import HIDDEN, fence, load_prompt
from assistant.reading.written import Written, sentences
from assistant.settings import Settings

DECLINE = "NOT IN THE ARTICLES"
_LONGEST = 6_000  # characters; an answer of four sentences has under 2,000
_EARLIER = 500  # characters of an earlier question or answer that a rewriting sees
# Some models think aloud before they answer.
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)


@dataclass(frozen=True)
class _Said:
    """What a model has said so far, without what it thought, and whether its provider's limit cut it off."""

    text: str
    cut: bool


class Allowance:
    """What the model may take for one question, in seconds, and what it has taken, in tokens."""

    def __init__(self, seconds: float) -> None:
        """The time runs from now, over all that is asked of the model for the question."""
        self.seconds = seconds
        self.usage: Usage | None = None
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 behind it."""
        return max(self._end - time.monotonic(), 0.0)

    def spend(self, message: AIMessageChunk) -> None:
        """Add the tokens that a piece of an answer reports."""
        if reported := message.usage_metadata:
            before = self.usage or Usage(input_tokens=0, output_tokens=0)
            self.usage = Usage(
                input_tokens=before.input_tokens + reported["input_tokens"],
                output_tokens=before.output_tokens + reported["output_tokens"],
            )


class ChatReader:
    """Asks a chat model. Its sentences are claims until they have been grounded."""

    def __init__(self, name: str, model: BaseChatModel, settings: Settings) -> None:
        """`name` is the `provider:model` that answers show."""
        self.name = name
        self._model = model
        self._loop = _event_loop()
        self._prompt_tokens = settings.prompt_tokens
        self._answer = load_prompt(settings.prompts_dir, "answer")
        self._standalone = load_prompt(settings.prompts_dir, "standalone")

    def fitting(self, question: str, passages: Sequence[Passage]) -> Sequence[Passage]:
        """The passages that fit into the prompt, first ones first.

        Raises:
            ProviderError: not even one does.
        """
        counts = range(max(len(passages), 1), 0, -1)
        prompts = ({"passages": fence(passages[:count]), "question": question} for count in counts)
        return passages[: counts[self._first_fitting(self._answer, prompts)[0]]]

    def read(self, question: str, passages: Sequence[Passage], allowance: Allowance) -> Iterator[list[Written]]:
        """The sentences written so far, growing; the last yield is the whole answer, empty for a decline.

        What is yielded last depends on the model's text alone, not on how it came in pieces.

        Raises:
            ProviderError: the provider failed or was too slow, the connection broke, or the answer is none.
        """
        said, shown = _Said("", cut=False), 0
        prompt = self._answer.invoke({"passages": fence(passages), "question": question})
        for said in self._stream(prompt, allowance):
            done = sentences(said.text, finished=False)
            if len(done) > shown and not _declines(said.text):
                shown = len(done)
                yield done
        if _declines(said.text):
            yield []
            return
        # "$1." may be what is left of "$1.5 billion".
        written = sentences(said.text, finished=True)[: -1 if said.cut else None]
        if not written:
            raise ProviderError(f"the model's answer was {'cut short' if said.cut else 'empty'}", Failure.NO_ANSWER)
        yield written

    def standalone(self, question: str, history: Sequence[Turn], allowance: Allowance) -> str:
        """The question rewritten to stand alone.

        Raises:
            ProviderError: as `read`.
        """
        lines = [f"Question: {turn.question[:_EARLIER]}\nAnswer: {turn.answer[:_EARLIER]}" for turn in history[-6:]]
        inputs = ({"history": "\n".join(lines[first:]), "question": question} for first in range(len(lines)))
        _, prompt = self._first_fitting(self._standalone, inputs)
        *_, text = ["", *(said.text for said in self._stream(prompt, allowance))]
        first = text.strip().split("\n")[0].strip().strip('"')
        return first if 0 < len(first) <= 500 else question

    def _first_fitting(self, prompt: ChatPromptTemplate, inputs: Iterable[dict[str, str]]) -> tuple[int, PromptValue]:
        for place, given in enumerate(inputs):
            value = prompt.invoke(given)
            if estimate_tokens(value.to_messages()) <= self._prompt_tokens:
                return place, value
        raise ProviderError(
            f"the question does not fit into a prompt of {self._prompt_tokens:,} tokens", Failure.REQUEST
        )

    def _stream(self, prompt: PromptValue, allowance: Allowance) -> Iterator["_Said"]:
        """The model's text so far, growing."""
        pieces: SimpleQueue[AIMessageChunk | Exception | None] = SimpleQueue()
        # Only what runs in an event loop can be given up in the middle of a wait: for bytes, or for the next try.
        asking = asyncio.run_coroutine_threadsafe(self._ask(prompt, pieces), self._loop)
        text, cut = "", False
        try:
            while (piece := pieces.get(timeout=allowance.left)) is not None:
                if not allowance.left:  # a model may write faster than its sentences can be checked
                    raise Empty
                if isinstance(piece, Exception):
                    raise ProviderError.of("model's provider", piece) from None
                allowance.spend(piece)
                text += piece.text
                cut = cut or piece.response_metadata.get("finish_reason") == "length"
                said = _Said(_readable(text), cut)
                if len(said.text) > _LONGEST:
                    raise ProviderError(f"the model did not stop after {_LONGEST:,} characters", Failure.NO_ANSWER)
                yield said
        except Empty:
            raise ProviderError(
                f"the model did not finish within {allowance.seconds:g} seconds", Failure.TIMEOUT
            ) from None
        finally:
            asking.cancel()

    async def _ask(self, prompt: PromptValue, pieces: "SimpleQueue[Any]") -> None:
        try:
            async with aclosing(cast(AsyncGenerator[AIMessageChunk], self._model.astream(prompt))) as answer:
                async for piece in answer:
                    pieces.put(piece)
            pieces.put(None)
        except Exception as error:  # noqa: BLE001  each provider has classes of its own; the reader of the queue raises it
            pieces.put(error)


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """The loop that all models are asked in, since LangChain shares connections between them. Ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="chat-model", daemon=True).start()
    return loop


def _readable(text: str) -> str:
    # A character outside the first plane may come as two halves, in two pieces.
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return _THOUGHT.sub("", HIDDEN.sub("", joined))


def _declines(text: str) -> bool:
    return text.strip().strip(".*\"'").upper().startswith(DECLINE)


def estimate_tokens(messages: Sequence[BaseMessage]) -> int:
    """Tokens of a prompt, rather too many than too few: one for three bytes, which fits scripts without spaces too.

    Counting them exactly takes each model's own vocabulary, which OpenAI's library downloads.
    """
    return sum(len(str(message.text).encode("utf-8", "surrogatepass")) // 3 + 8 for message in messages)


def load_chat_model(settings: Settings) -> BaseChatModel:
    """The chat model that the settings name, through LangChain.

    Raises:
        ProviderError: LangChain cannot make it; the message says what is missing.
    """
    from langchain.chat_models import init_chat_model
    from openai import OpenAIError

    name = settings.reader_name
    # The provider's library tries again after 408, 409, 429, 5xx and broken connections, with jitter, and as long as
    # the server asks. After half of the time in silence too, so that there is time left for it.
    options: dict[str, Any] = {"timeout": settings.model_timeout / 2, "max_retries": 2, "temperature": 0}
    if name.startswith("openai:"):
        # A compatible server without keys still wants the header.
        options["api_key"] = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
        options["base_url"] = settings.openai_base_url
        options["stream_usage"] = True
    try:
        return init_chat_model(name, **options)  # type: ignore[no-any-return]
    except ValidationError:  # shows what it was given, keys and all
        raise ProviderError(f"The chat model {name!r} cannot be used: its provider's settings are not valid") from None
    except (ImportError, ValueError, OpenAIError) as error:
        raise ProviderError(f"The chat model {name!r} cannot be used: {error}") from None
