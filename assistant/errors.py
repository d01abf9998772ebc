"""The errors that the assistant raises on purpose: each says what is wrong and what to do about it."""


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

    @classmethod
    def of(cls, who: str, error: Exception) -> "ProviderError":
        """What may be said of a provider's own exception: its class and HTTP status, never its message."""
        status = getattr(error, "status_code", None)
        meaning = f", {_MEANINGS[status]}" if status in _MEANINGS else ""
        return cls(f"the {who} failed: {type(error).__name__}" + (f" (status {status}){meaning}" if status else ""))
