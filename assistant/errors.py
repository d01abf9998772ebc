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


class ProviderError(AssistantError):
    """The chat model or the embedding provider did not answer. Holds no key and no address with credentials."""

    @classmethod
    def of(cls, who: str, error: Exception) -> "ProviderError":
        """What may be said of a provider's own exception: its class and HTTP status, never its message."""
        status = getattr(error, "status_code", None)
        return cls(f"the {who} failed: {type(error).__name__}" + (f" (status {status})" if status else ""))
