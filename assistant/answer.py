"""What every surface returns: the answer, its sentences, its citations. Frozen, so that no surface can change them."""

from datetime import date
from enum import StrEnum
from typing import Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assistant.articles import Article


class Outcome(StrEnum):
    """How an answer ended."""

    ANSWERED = "answered"
    PARTIAL = "partial"
    DECLINED = "declined"


class Verdict(StrEnum):
    """What the grounding check found for a sentence."""

    SUPPORTED = "supported"
    MISATTRIBUTED = "misattributed"
    UNSUPPORTED = "unsupported"


class Frozen(BaseModel):
    """Base of the models in this file: unchangeable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Turn(Frozen):
    """One earlier exchange of a conversation."""

    question: str
    answer: str


class Copy(Frozen):
    """Another article that prints the same words."""

    article_id: str
    title: str
    outlet: str | None
    url: str | None
    published: date | None

    @classmethod
    def of(cls, article: Article) -> Self:
        """What a reader needs of the article to find it."""
        return cls(
            article_id=article.id,
            title=article.title,
            outlet=article.outlet,
            url=article.url,
            published=article.published,
        )


class Citation(Frozen):
    """A quotation from an article: `article.text[start:end] == quote`, to the character."""

    number: int = Field(ge=1, description="The n of the marker [n] in the answer")
    article_id: str
    title: str
    outlet: str | None
    url: str | None
    published: date | None
    as_of: date | None = Field(description="The date at which what the article says held")
    quote: str
    start: int = Field(ge=0, description="Offset of the quote in the article's text, in characters")
    end: int
    passage: str = Field(description="The passage that the quote stands in")
    copies: tuple[Copy, ...] = Field((), description="Newer articles that print the same wire story, quote included")

    @model_validator(mode="after")
    def _span_fits(self) -> Self:
        if self.end - self.start != len(self.quote):
            raise ValueError("a citation's span must be as long as its quote")
        return self


class AnswerSentence(Frozen):
    """One sentence of an answer with the numbers of the citations that support it."""

    text: str
    citations: tuple[int, ...]
    verdict: Verdict
    lead: str = Field("", description="Our word on the date of a quoted sentence, to be shown before it")


class Usage(Frozen):
    """What the chat model took for one answer, by its provider's count."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)


class Found(Frozen):
    """A passage that the search found for a question, and what became of it."""

    article_id: str
    title: str
    start: int = Field(ge=0, description="Offset of the passage in the article's text, in characters")
    end: int
    score: float = Field(description="By the search; comparable within one answer")
    read: bool = Field(description="Whether the reader looked at it: only the best ones are read")


class Answer(Frozen):
    """The answer to one question, the same on every surface."""

    answer: str = Field(description="The text to show, with its markers [n]")
    outcome: Outcome
    sentences: tuple[AnswerSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    standalone_question: str
    reader: str = Field(description="`extractive` or the name of the chat model")
    notice: str | None = Field(None, description="What the reader should know of how the answer came about")
    withheld: int = Field(0, ge=0, description="Sentences of the chat model that the articles do not support")
    confidence: float | None = Field(
        None, ge=0, le=1, description="How likely the articles answer, as the quoting reader judges; else None"
    )
    found: tuple[Found, ...] = Field((), description="The passages that were found, best first")
    usage: Usage | None = Field(None, description="None where no chat model was asked, or it did not say")
    timings_ms: dict[str, float] = Field(default_factory=dict)
    id: str = Field(default_factory=lambda: uuid4().hex)

    @model_validator(mode="after")
    def _citations_close(self) -> Self:
        numbers = {citation.number for citation in self.citations}
        if len(numbers) != len(self.citations):
            raise ValueError("citation numbers must be unique")
        for sentence in self.sentences:
            if not set(sentence.citations) <= numbers:
                raise ValueError(f"a sentence cites {sentence.citations}, the answer has {sorted(numbers)}")
        if self.outcome is Outcome.DECLINED and (self.citations or self.sentences):
            raise ValueError("a declined answer carries no citations")
        return self
