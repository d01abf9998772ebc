"""What the OpenAI-compatible endpoint replies with: the part of OpenAI's models that applies, and the whole Answer."""

from typing import Literal, Self

from pydantic import Field

from assistant.answer import Answer, Frozen, Usage


class UrlCitation(Frozen):
    """The place of a marker in the text, and the article it stands for."""

    start_index: int = Field(description="Where the marker begins in the content, in Unicode characters")
    end_index: int = Field(description="Where it ends: `content[start_index:end_index]` is `[n]`")
    title: str
    url: str = Field(description="The article's own address; for one that has none, where this server has it")


class Annotation(Frozen):
    """A citation."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class Message(Frozen):
    """The assistant's message."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: tuple[Annotation, ...] = ()


class Choice(Frozen):
    """The one answer that there is."""

    index: Literal[0] = 0
    message: Message
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class TokenUsage(Frozen):
    """Tokens by the count of the chat model's provider; zeros where no chat model was asked, or it did not say."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage | None) -> Self:
        """What an answer took."""
        sent, written = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
        return cls(prompt_tokens=sent, completion_tokens=written, total_tokens=sent + written)


class Completion(Frozen):
    """A chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: TokenUsage
    answer: Answer = Field(description="Not OpenAI's: the whole answer, as `/api/answer` gives it")


class Model(Frozen):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "story-assistant"


class Models(Frozen):
    """All models."""

    object: Literal["list"] = "list"
    data: tuple[Model, ...]
