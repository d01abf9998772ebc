"""What OpenAI's clients send, and the Question that it means."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from assistant.answer import Turn
from assistant.api.openai.content import without_sources
from assistant.chain import Question
from assistant.filters import Filters

#: Earlier exchanges that are looked at; of a longer conversation the newest.
_TURNS = 100


class TextPart(BaseModel):
    """A piece of a message."""

    type: Literal["text"]
    text: str


def _joined(content: object) -> object:
    """A message's text, from its parts."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            raise PydanticCustomError(
                "text_only", 'Only text is read: send parts of the form {"type": "text", "text": "…"}.'
            )
        texts.append(part["text"])
    return "\n".join(texts)


class ChatMessage(BaseModel):
    """A message of the conversation. What is not named here is not looked at."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, BeforeValidator(_joined, json_schema_input_type=str | list[TextPart] | None)] = ""
    tool_calls: Any = None

    @field_validator("tool_calls")
    @classmethod
    def _no_tools(cls, value: Any) -> Any:
        if value:
            raise PydanticCustomError("no_tools", "The assistant has no tools, so no message can hold a call of one.")
        return value


class StreamOptions(BaseModel):
    """How to stream."""

    include_usage: bool | None = None


_NO_TOOLS = "The assistant has no tools to call."
_NO_LOGPROBS = "The assistant has no log probabilities to give."
_TEXT_ONLY = 'The assistant writes text: {"type": "text"} is the only format.'
#: What would change the meaning of an answer and cannot be done: the value that may be given all the same, and why not.
_REFUSED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "n": (lambda value: value == 1, "The assistant gives one answer: n can only be 1."),
    "tools": (lambda value: not value, _NO_TOOLS),
    "functions": (lambda value: not value, _NO_TOOLS),
    "response_format": (lambda value: isinstance(value, dict) and value.get("type") == "text", _TEXT_ONLY),
    "logprobs": (lambda value: value is False, _NO_LOGPROBS),
    "top_logprobs": (lambda value: value == 0, _NO_LOGPROBS),
    "modalities": (lambda value: value == ["text"], 'The assistant writes text: modalities can only be ["text"].'),
    "audio": (lambda value: False, "The assistant writes text, no audio."),
    "web_search_options": (lambda value: False, "The assistant answers from its articles and does not search the web."),
}


class ChatRequest(BaseModel):
    """A request for a chat completion.

    What only tunes a model, such as `temperature`, `max_tokens`, `stop` or `seed`, is ignored.
    """

    model: str
    messages: list[ChatMessage] = Field(min_length=1, description="The last one of the user is the question")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    filters: Filters = Field(
        Filters(), description="Not OpenAI's: narrows the question to some of the articles, as in `/api/answer`"
    )
    n: Any = Field(None, description="Only 1")
    tools: Any = Field(None, description="Refused")
    functions: Any = Field(None, description="Refused")
    response_format: Any = Field(None, description="Only text")
    logprobs: Any = Field(None, description="Refused")
    top_logprobs: Any = Field(None, description="Refused")
    modalities: Any = Field(None, description="Only text")
    audio: Any = Field(None, description="Refused")
    web_search_options: Any = Field(None, description="Refused")

    @field_validator(*_REFUSED)
    @classmethod
    def _refuse(cls, value: Any, info: ValidationInfo) -> Any:
        may_be, reason = _REFUSED[str(info.field_name)]
        if value is not None and not may_be(value):
            raise PydanticCustomError("unsupported", reason)
        return value

    @field_validator("messages")
    @classmethod
    def _someone_asks(cls, messages: list[ChatMessage]) -> list[ChatMessage]:
        if all(message.role != "user" for message in messages):
            raise PydanticCustomError("no_question", "There is no message of the user to answer.")
        return messages

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with the tokens used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def as_question(self) -> Question:
        """The last message of the user, with the conversation before it.

        What system and developer messages say is left out: they could only steer what the articles are to have said.
        """
        turns = list(_turns(self.messages))
        return Question(question=turns[-1].question, history=tuple(turns[:-1][-_TURNS:]), filters=self.filters)


def _turns(messages: Iterable[ChatMessage]) -> Iterable[Turn]:
    """Each message of the user with what was answered to it."""
    question: str | None = None
    answers: list[str] = []
    for message in messages:
        if message.role == "user":
            if question is not None:
                yield Turn(question=question, answer="\n".join(answers))
            question, answers = message.content, []
        elif message.role == "assistant":
            answers.append(without_sources(message.content))
    if question is not None:
        yield Turn(question=question, answer="\n".join(answers))
