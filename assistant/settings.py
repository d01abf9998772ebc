"""Every setting in one place, read from the environment (prefix ASSISTANT_) and an optional .env file."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from assistant.errors import SettingsError

PREFIX = "ASSISTANT_"


class Settings(BaseSettings):
    """What can be set. Build it with `Settings.load()`, which also refuses settings that do not exist."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, populate_by_name=True
    )

    corpus_dir: Path = Field(
        Path("corpus"), description="Folder of articles, in any of the formats of docs/articles.md"
    )
    data_dir: Path = Field(
        Path(".assistant"), description="Folder for feedback, and for the index, which can be made again"
    )
    chat_model: str | None = Field(
        None,
        description="`extractive`, or `provider:model` as LangChain's init_chat_model takes it. "
        "Default: extractive without a key, OpenAI with one",
    )
    embedding_model: str = Field("local", description="`local`, or `openai:model`")
    chroma_url: str | None = Field(
        None, description="http://host:port of a Chroma server; default: embedded in the data directory"
    )
    prompts_dir: Path = Field(Path("prompts"), description="Folder of prompt files for the chat reader")
    model_timeout: float = Field(30.0, gt=0, description="Seconds for all that the chat model does for one question")
    prompt_tokens: int = Field(
        4000, ge=1, description="Longest prompt for the chat model, in tokens; the last passages give way"
    )
    max_question_chars: int = Field(2000, ge=1, description="Longest question accepted, in characters")
    adding: Literal["off", "login", "on"] = Field(
        "on", description="Who may add and remove articles in the page: nobody, whoever signed in, everybody"
    )
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Hosts of the own network, by name, of which pages may be fetched; commas between them"
    )
    mcp_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Host names besides those of loopback under which MCP clients reach /mcp; commas between them"
    )
    threads: int = Field(2, ge=1, description="Processor threads for the local model")

    log_format: Literal["text", "json"] = Field("text", description="How the server logs: to be read, or to be parsed")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What the server logs")
    shutdown_seconds: int = Field(
        30, ge=0, description="How long a server that is told to stop finishes answers that it is working on"
    )

    ui_users: SecretStr | None = Field(
        None, description="Who may use the page: name:hash, … as `assistant password` hashes; default: everybody"
    )

    api_keys: SecretStr | None = Field(
        None, description="Keys of the API besides those of `assistant keys`: name:scopes:hash, …"
    )
    evaluate_key: SecretStr | None = Field(None, description="Key to send to the assistant of `evaluate --url`")
    open_to_everybody: bool = Field(False, description="Serve other machines although there are no keys")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may call the API from a browser; commas between them"
    )
    limits_url: SecretStr | None = Field(
        None, description="redis://… that counts for several processes; default: each process counts for itself"
    )
    rate_limit_key: str = Field("120/minute", description="Requests that compute or write, for each key")
    rate_limit_address: str = Field(
        "60/minute", description="The same for each address, an IPv6 network of 64 bits counting as one; not loopback"
    )
    max_request_bytes: int = Field(1_000_000, ge=1_000, description="Longest request body; articles may be longer")
    request_seconds: float = Field(120.0, gt=0, description="Longest time for one request")
    answers_at_once: int = Field(8, ge=1, description="API requests computed at the same time in one process")
    answers_waiting: int = Field(100, ge=0, description="Requests that may wait for that; beyond, 503")

    openai_api_key: SecretStr | None = Field(None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"))
    openai_base_url: str | None = Field(None, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url"))

    slack_bot_token: SecretStr | None = Field(
        None, validation_alias=AliasChoices("SLACK_BOT_TOKEN", "slack_bot_token"), description="xoxb-…"
    )
    slack_signing_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("SLACK_SIGNING_SECRET", "slack_signing_secret"),
        description="With the bot token, turns /slack/events on",
    )
    slack_app_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("SLACK_APP_TOKEN", "slack_app_token"),
        description="xapp-…, for Socket Mode: `assistant slack`",
    )
    slack_handoff: str | None = Field(
        None,
        pattern=r"^[UWS][A-Z0-9]{2,}$",
        description="Whom the hand-off button in Slack mentions: member (U…) or user group (S…); default: no button",
    )
    slack_api_url: str = Field(
        "https://slack.com/api/", description="Slack's Web API; another for GovSlack, or behind a proxy of your own"
    )

    @field_validator("fetch_hosts", "mcp_hosts", "cors_origins", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(re.findall(r"[^,\s]+", value)) if isinstance(value, str) else value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the settings; `overrides` win over the environment.

        Raises:
            SettingsError: a variable with our prefix is not a setting, or a value cannot be used.
        """
        _refuse_unknown(cls, os.environ)
        _refuse_unknown(cls, dotenv_values(".env"))
        try:
            settings = cls(**{key: value for key, value in overrides.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            lines = []
            for item in error.errors():
                name = str(item["loc"][0])
                lines.append(f"{name if name.isupper() else PREFIX + name.upper()}: {item['msg']}")
            raise SettingsError("These settings cannot be used: " + "; ".join(lines)) from None
        # While `assistant serve --workers` runs, the store is open there: everybody else goes through its server.
        from assistant.chroma_server import running

        if settings.chroma_url is None and (url := running(settings.data_dir)):
            return settings.model_copy(update={"chroma_url": url})
        return settings

    @property
    def parsed_articles(self) -> Path:
        """Where the corpus folder's files are kept parsed."""
        return self.data_dir / "articles.db"

    @property
    def reader_name(self) -> str:
        """`extractive`, or the `provider:model` of the chat model that is to answer."""
        if self.chat_model:
            return self.chat_model
        if self.openai_api_key is not None or self.openai_base_url:
            return "openai:gpt-4.1-mini"
        return "extractive"


def _refuse_unknown(cls: type[BaseSettings], environment: Mapping[str, str | None]) -> None:
    known = {PREFIX + name.upper() for name, field in cls.model_fields.items() if not field.validation_alias}
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            own = name.upper().removeprefix(PREFIX)
            near = difflib.get_close_matches(own, [setting.removeprefix(PREFIX) for setting in known], n=1)
            hint = f" Did you mean {PREFIX}{near[0]}?" if near else ""
            raise SettingsError(f"Unknown setting {name}.{hint} Known settings: {', '.join(sorted(known))}.")
