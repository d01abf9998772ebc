"""The errors that the assistant raises on purpose: each says what is wrong and what to do about it."""

from enum import StrEnum


class AssistantError(Exception):
    """Anything that the user can put right. The message is complete: surfaces show it as it stands."""


class SettingsError(AssistantError):
    """A setting is unknown or has a value that cannot be used."""


class QuestionError(AssistantError):
    """The question is empty, too long or unreadable."""


class CorpusError(AssistantError):
    """The corpus folder is missing or holds no article that can be read."""


class IndexLockedError(AssistantError):
    """Another process is using the data directory in a way that excludes this one."""


class Failure(StrEnum):
    """What a provider did wrong, as it is counted."""

    KEY = "key"
    RATE_LIMIT = "rate_limit"
    REQUEST = "request"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    NO_ANSWER = "no_answer"
    OTHER = "other"


#: What a provider's HTTP status means to the one who set it up.
_MEANINGS = {
    400: "the request was not accepted",
    401: "the key was refused",
    403: "the key is not allowed to do this",
    404: "no such model or address",
    429: "too many requests, or nothing left to spend",
}


class ProviderError(AssistantError):
    """The chat model or the embedding provider did not answer. Holds no key and no address with credentials."""

    def __init__(self, message: str, kind: Failure = Failure.OTHER) -> None:
        """`kind` is what to count it under."""
        super().__init__(message)
        self.kind = kind

    @classmethod
    def of(cls, who: str, error: Exception) -> "ProviderError":
        """What may be said of a provider's own exception: its class and HTTP status, never its message."""
        status = getattr(error, "status_code", None)
        meaning = f", {_MEANINGS[status]}" if status in _MEANINGS else ""
        said = f"the {who} failed: {type(error).__name__}" + (f" (status {status}){meaning}" if status else "")
        return cls(said, _kind(error, status))


def _kind(error: Exception, status: object) -> Failure:
    if isinstance(status, int):
        kinds = {401: Failure.KEY, 403: Failure.KEY, 408: Failure.TIMEOUT, 429: Failure.RATE_LIMIT}
        return kinds.get(status, Failure.SERVER_ERROR if status >= 500 else Failure.REQUEST)
    # Each provider has classes of its own, but they name them alike.
    name = type(error).__name__.lower()
    if "timeout" in name:
        return Failure.TIMEOUT
    return Failure.CONNECTION if "connect" in name or "protocol" in name else Failure.OTHER
