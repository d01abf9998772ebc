"""Who is asked: the chain in this process, or an assistant that is deployed somewhere."""

import hashlib
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import httpx
from pydantic import ValidationError

import assistant
from assistant.answer import Answer
from assistant.articles import Article
from assistant.chain import AnswerChain, Question
from assistant.errors import AssistantError


class Assistant(Protocol):
    """Anything that answers questions about known articles."""

    @property
    def identity(self) -> str:
        """Equal for equal assistants: reader, articles and code."""

    @property
    def articles(self) -> Mapping[str, Article]:
        """The articles that it answers from, by id."""

    def ask(self, question: Question) -> Answer:
        """Its answer.

        Raises:
            AssistantError: there is none; the message says why.
        """


class InProcess:
    """The chain itself."""

    def __init__(self, chain: AnswerChain) -> None:
        """The chain must be in step with its corpus."""
        self._chain = chain

    @property
    def identity(self) -> str:
        """Reader, revision of the index, and the code as it stands."""
        return f"{self._chain.reader} on {self._chain.index.snapshot.revision[:12]}, code {_code_digest()}"

    @property
    def articles(self) -> Mapping[str, Article]:
        """The indexed articles."""
        return self._chain.index.snapshot.articles

    def ask(self, question: Question) -> Answer:
        """The chain's answer; see `Assistant.ask`."""
        return self._chain.invoke(question)


class Deployed:
    """An assistant over HTTP."""

    def __init__(
        self, url: str, articles: Mapping[str, Article], seconds: float = 120.0, key: str | None = None
    ) -> None:
        """`articles` are those that it is meant to have; `seconds` is the longest wait for one answer; `key` is sent.

        Raises:
            AssistantError: nobody answers there, or something else than this assistant.
        """
        self._articles = articles
        self._seconds = seconds
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=seconds, headers=headers)
        try:
            reply = self._client.get("/healthz")
            health = reply.raise_for_status().json()
            whose = f"version {health['version']} at {self._client.base_url.host}"
            self._identity = f"{health['reader']} on {health['revision'][:12]}, {whose}"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise AssistantError(f"No assistant answers at {url}/healthz: {type(error).__name__}: {error}") from None

    @property
    def identity(self) -> str:
        """What the deployed assistant says of itself, and its address."""
        return self._identity

    @property
    def articles(self) -> Mapping[str, Article]:
        """The articles that it is meant to have."""
        return self._articles

    def ask(self, question: Question) -> Answer:
        """Its answer over `POST /api/answer`; see `Assistant.ask`."""
        try:
            reply = self._post(question)
        except httpx.HTTPError as error:
            raise AssistantError(f"the assistant did not answer: {type(error).__name__}: {error}") from None
        if reply.status_code != httpx.codes.OK:
            raise AssistantError(f"the assistant answered with status {reply.status_code}: {reply.text[:300]}")
        try:
            return Answer.model_validate_json(reply.content)
        except ValidationError as error:
            raise AssistantError(f"the assistant's answer cannot be read: {error.errors()[0]['msg']}") from None

    def _post(self, question: Question) -> httpx.Response:
        """The reply; one that says to come back later is not the reply yet."""
        until = time.monotonic() + self._seconds
        while True:
            reply = self._client.post("/api/answer", json=question.model_dump(mode="json"))
            later = reply.headers.get("Retry-After", "")
            if reply.status_code not in (429, 503) or not later.isdigit() or time.monotonic() + int(later) > until:
                return reply
            time.sleep(int(later))


@cache
def _code_digest() -> str:
    """Equal where every line of the package is: answers of other code are not these answers."""
    root = Path(assistant.__file__).parent
    files = sorted(path for path in root.rglob("*.py") if path.relative_to(root).parts[0] != "evaluation")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
