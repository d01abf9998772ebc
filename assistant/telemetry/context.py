"""Which request, and which answer, the running code works for: it follows into threads as context variables do."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Request:
    """A request under way, and what the chain reports of it."""

    id: str
    answer: str | None = None
    outcome: str | None = None


#: The request that is being served; None outside of one.
request: ContextVar[Request | None] = ContextVar("request", default=None)

#: The id of the answer that is being worked on.
answering: ContextVar[str | None] = ContextVar("answering", default=None)

#: The id of the trace that this belongs to, 32 hexadecimal digits, where traces are made.
trace: ContextVar[str | None] = ContextVar("trace", default=None)
