"""Benchmarks of bringing articles in: against the model alone and a plain pipeline, nothing changed, one changed."""

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import yaml
from helpers import CountingEmbeddings
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from numpy.typing import NDArray
from rich.console import Console
from synthetic import Synthetic
from tokenizers import Encoding

from assistant.articles import Article, Corpus, load_corpus
from assistant.chain import sync
from assistant.embeddings import LocalEmbeddings, text_given
from assistant.index import Index
from assistant.passages import Passage, split_passages
from assistant.settings import Settings

ROUNDS = 5
_PORTION = 400  # passages in one round against the raw model
_TOKENS = 4096  # in a padded batch of the raw model


def report_sync(console: Console, articles: int = 10_000) -> None:
    """Print all of it."""
    model = LocalEmbeddings()
    project = load_corpus(Path("corpus")).articles
    found = [first_sync(model, project, seed) for seed in range(ROUNDS)]
    console.print(f"First sync of about {_PORTION} passages, {ROUNDS} rounds, how many times as fast it is as:")
    for name in found[0]:
        ratios = [ratio[name] for ratio in found]
        console.print(f"  {name}: median {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(corpus_dir=Path(folder) / "corpus", data_dir=Path(folder) / "data")
        made = Synthetic(project, model)
        made.embed_sentences()
        write(settings.corpus_dir, made, articles)
        in_step(settings, made)
        nothing = [in_step(settings, made) for _ in range(ROUNDS)]
        console.print(f"Nothing changed in {articles:,} articles, reading them included: {told(nothing)}")
        one = []
        for number in range(ROUNDS):
            path = settings.corpus_dir / f"article-{number * 100:06}.md"
            path.write_text(path.read_text() + "\nOne more sentence was added to it.\n")
            one.append(in_step(settings, made))
        console.print(f"One article changed in {articles:,}, reading them included: {told(one)}")


def first_sync(model: LocalEmbeddings, articles: Sequence[Article], seed: int) -> dict[str, float]:
    """How many times as fast a first sync is as others' ways with the same articles; the order is drawn.

    Against the model alone the passages are the same; the pipelines cut as they do, so there the articles are the same.
    """
    rng = random.Random(seed)
    chosen: list[Article] = []
    passages: list[Passage] = []
    for article in rng.sample(articles, len(articles)):
        if len(passages) < _PORTION:
            chosen.append(article)
            passages += split_passages(article)
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Settings.load(data_dir=Path(folder) / "index"), model)
        works: dict[str, Callable[[], object]] = {
            "": lambda: index.sync(Corpus(tuple(chosen), {})),
            "the model alone in padded batches sorted by length": lambda: raw(
                model, [text_given(passage) for passage in passages]
            ),
            "a plain LangChain pipeline, the model in padded batches of 32": lambda: langchain_pipeline(
                chosen, PaddedEmbeddings(model), Path(folder) / "padded"
            ),
            "the same pipeline with the product's way of running the model": lambda: langchain_pipeline(
                chosen, model, Path(folder) / "own"
            ),
        }
        spent = {}
        for name in rng.sample(list(works), len(works)):
            start = time.perf_counter()
            works[name]()
            spent[name] = time.perf_counter() - start
        index.close()
    own = spent.pop("")
    return {name: spent[name] / own for name in works if name}


def langchain_pipeline(articles: Sequence[Article], embeddings: Embeddings, folder: Path) -> None:
    """What LangChain's documentation does: this splitter at these sizes, then `Chroma.from_documents`."""
    documents = [Document(article.text, metadata={"title": article.title}) for article in articles]
    chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(documents)
    Chroma.from_documents(chunks, embeddings, persist_directory=str(folder))


class PaddedEmbeddings(Embeddings):
    """The same model run as embedding libraries do: 32 texts at a time, sorted by length, padded to the longest."""

    def __init__(self, model: LocalEmbeddings) -> None:
        self._model = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        order = sorted(range(len(texts)), key=lambda at: -len(texts[at]))
        out: list[list[float]] = [[]] * len(texts)
        for first in range(0, len(order), 32):
            places = order[first : first + 32]
            states, mask = padded(self._model, self._model._tokenizer.encode_batch([texts[at] for at in places]))
            pooled = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
            for at, vector in zip(places, pooled.tolist(), strict=True):
                out[at] = vector
        return out

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def raw(model: LocalEmbeddings, texts: Sequence[str]) -> None:
    """The model and nothing else, in padded batches of texts of like length."""
    encodings = sorted(model._tokenizer.encode_batch(list(texts)), key=lambda one: -len(one.ids))
    while encodings:
        count = max(1, _TOKENS // len(encodings[0].ids))
        padded(model, encodings[:count])
        encodings = encodings[count:]


def padded(model: LocalEmbeddings, encodings: Sequence[Encoding]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The token states of some texts in one pass, shape (texts, longest, d), and which of them are texts' own."""
    width = max(len(encoding.ids) for encoding in encodings)
    ids, mask = np.zeros((2, len(encodings), width), np.int64)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return model._session.run(None, feed)[0], mask


def write(folder: Path, made: Synthetic, count: int) -> None:
    """As many synthetic articles as files."""
    folder.mkdir()
    for _, article in zip(range(count), made.articles(10**9), strict=False):
        front = yaml.safe_dump(article.model_dump(mode="json", exclude={"id", "text"}, exclude_defaults=True))
        (folder / f"{article.id}.md").write_text(f"---\n{front}---\n{article.text}")


def in_step(settings: Settings, made: Synthetic) -> tuple[float, int]:
    """Seconds of a whole sync with a newly opened index, and how many passages were embedded."""
    counting = CountingEmbeddings(made)
    start = time.perf_counter()
    index = Index(settings, counting)
    sync(settings, index)
    index.close()
    return time.perf_counter() - start, counting.passages


def told(found: Sequence[tuple[float, int]]) -> str:
    """The figures of some syncs."""
    seconds = [spent for spent, _ in found]
    passages = {count for _, count in found}
    return (
        f"median {median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}, {len(found)} times), "
        f"passages embedded: {', '.join(map(str, sorted(passages)))}."
    )
