"""Conversations as the browser keeps them, one open and the others on a shelf. Nothing of them stays on the server."""

from collections.abc import Sequence
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.answer import Answer
from assistant.feedback import Reason

#: A new one for every format: what another version left in the browser is not read.
FORMAT = 2
#: Older exchanges are dropped: the whole conversation travels with every question.
MAX_EXCHANGES = 20
MAX_CONVERSATIONS = 50
#: Characters of JSON. Browsers keep about five million for a site; the oldest conversations give way.
MAX_CONVERSATION, MAX_SHELF = 300_000, 1_000_000
MAX_TITLE = 120


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Vote(_Kept):
    """What the visitor said of an answer."""

    helpful: bool
    reason: Reason | None = None
    comment: str = Field("", max_length=2_000)
    done: bool = Field(False, description="Whether the form for the reason was sent")


class Exchange(_Kept):
    """One question and its answer."""

    question: str
    answer: Answer
    stopped: bool = False
    vote: Vote | None = None


class Conversation(_Kept):
    """One conversation, oldest exchange first."""

    version: int = Field(FORMAT, ge=FORMAT, le=FORMAT)
    id: str = Field(default_factory=lambda: uuid4().hex, max_length=64)
    name: str = Field("", max_length=MAX_TITLE, description="As the visitor called it")
    exchanges: tuple[Exchange, ...] = ()

    @property
    def title(self) -> str:
        """Its name, or else its first question."""
        first = " ".join(self.exchanges[0].question.split()) if self.exchanges else ""
        return self.name or (first if len(first) <= MAX_TITLE else first[: MAX_TITLE - 2].rstrip() + " …")

    def with_exchanges(self, exchanges: Sequence[Exchange]) -> "Conversation":
        """The same conversation with other exchanges, the oldest left out where they are too many or too long.

        A title taken from the first question stays when that is dropped.
        """
        kept = [_slim(exchange) for exchange in exchanges[-MAX_EXCHANGES:]]
        sizes = [len(exchange.model_dump_json()) for exchange in kept]
        while len(kept) > 1 and sum(sizes) > MAX_CONVERSATION:
            kept, sizes = kept[1:], sizes[1:]
        name = (
            self.model_copy(update={"exchanges": tuple(exchanges)}).title if len(kept) < len(exchanges) else self.name
        )
        return self.model_copy(update={"exchanges": tuple(kept), "name": name})

    def renamed(self, name: str) -> "Conversation":
        """The same conversation under another name; an empty one gives it its first question's back."""
        return self.model_copy(update={"name": " ".join(name.split())[:MAX_TITLE]})

    def history(self, before: int | None = None) -> list[dict[str, str]]:
        """The exchanges as the chain takes them, or the first `before` of them."""
        return [{"question": one.question, "answer": one.answer.answer} for one in self.exchanges[:before]]


class Shelf(_Kept):
    """The conversations that are not open, newest first, and the one that was just deleted, until something else is."""

    version: int = Field(FORMAT, ge=FORMAT, le=FORMAT)
    conversations: tuple[Conversation, ...] = ()
    deleted: Conversation | None = None

    def find(self, conversation_id: str) -> Conversation | None:
        """The conversation of this id."""
        return next((one for one in self.conversations if one.id == conversation_id), None)

    def without(self, conversation_id: str, *, deleted: Conversation | None = None) -> "Shelf":
        """The shelf with a conversation taken out; `deleted` can be brought back."""
        rest = tuple(one for one in self.conversations if one.id != conversation_id)
        return Shelf(conversations=rest, deleted=deleted)

    def with_first(self, conversation: Conversation) -> "Shelf":
        """The shelf with a conversation in front. One without questions is not worth keeping."""
        if not conversation.exchanges:
            return Shelf(conversations=self.conversations)
        kept: list[Conversation] = []
        size = 0
        for one in [conversation, *self.without(conversation.id).conversations][:MAX_CONVERSATIONS]:
            size += len(one.model_dump_json())
            if size > MAX_SHELF:
                break
            kept.append(one)
        return Shelf(conversations=tuple(kept))

    def replaced(self, conversation: Conversation) -> "Shelf":
        """The shelf with this conversation in the place of the one with its id."""
        return Shelf(
            conversations=tuple(conversation if one.id == conversation.id else one for one in self.conversations)
        )


def load(stored: object) -> Conversation:
    """The open conversation. A browser can send anything: what is no conversation counts as a new one."""
    try:
        return _bounded(Conversation.model_validate(stored))
    except ValidationError:
        return Conversation()


def load_shelf(stored: object) -> Shelf:
    """The other conversations. A browser can send anything: what is no shelf counts as an empty one."""
    try:
        shelf = Shelf.model_validate(stored)
    except ValidationError:
        return Shelf()
    return shelf.model_copy(update={"conversations": shelf.conversations[:MAX_CONVERSATIONS]})


def dump(kept: Conversation | Shelf) -> dict[str, object]:
    """What the browser is to keep."""
    return kept.model_dump(mode="json")


def _bounded(conversation: Conversation) -> Conversation:
    if len(conversation.exchanges) <= MAX_EXCHANGES:
        return conversation
    return conversation.with_exchanges(conversation.exchanges)


def _slim(exchange: Exchange) -> Exchange:
    """Without the passages: the panel shows the whole article."""
    citations = tuple(citation.model_copy(update={"passage": ""}) for citation in exchange.answer.citations)
    return exchange.model_copy(update={"answer": exchange.answer.model_copy(update={"citations": citations})})
