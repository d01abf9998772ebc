"""A visitor's conversation as the browser keeps it. Nothing of it stays on the server."""

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.answer import Answer
from assistant.ui import render

#: Older exchanges are dropped: the whole conversation travels with every question.
MAX_EXCHANGES = 20


class Exchange(BaseModel):
    """One question and its answer."""

    model_config = ConfigDict(frozen=True)

    question: str
    answer: Answer
    stopped: bool = False

    def html(self) -> str:
        """The exchange as it stands in the conversation."""
        return render.turn(self.question, render.reply(self.question, self.answer, stopped=self.stopped))


def load(stored: object) -> list[Exchange]:
    """Read what the browser kept. A browser can send anything: what is no conversation counts as an empty one."""
    if not isinstance(stored, list):
        return []
    try:
        return [Exchange.model_validate(item) for item in stored[-MAX_EXCHANGES:]]
    except ValidationError:
        # Also what an older version of the assistant left in the browser.
        return []


def dump(exchanges: list[Exchange]) -> list[dict[str, object]]:
    """What the browser is to keep. The panel shows the whole article, so passages stay behind."""
    return [_slim(exchange).model_dump(mode="json") for exchange in exchanges[-MAX_EXCHANGES:]]


def history(exchanges: list[Exchange]) -> list[dict[str, str]]:
    """The conversation as the chain takes it."""
    return [{"question": exchange.question, "answer": exchange.answer.answer} for exchange in exchanges]


def _slim(exchange: Exchange) -> Exchange:
    citations = tuple(citation.model_copy(update={"passage": ""}) for citation in exchange.answer.citations)
    return exchange.model_copy(update={"answer": exchange.answer.model_copy(update={"citations": citations})})
