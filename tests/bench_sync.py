"""Benchmarks of bringing articles in: against the raw model, with nothing changed, with one article changed."""

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import yaml
from helpers import CountingEmbeddings
from rich.console import Console
from synthetic import Synthetic

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
    ratios = [first_sync_against_raw_model(model, project, seed) for seed in range(ROUNDS)]
    console.print(
        f"First sync ÷ the raw model in batches sorted by length, passages per second, {_PORTION} passages, "
        f"{ROUNDS} pairs: median {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})."
    )
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


def first_sync_against_raw_model(model: LocalEmbeddings, articles: Sequence[Article], seed: int) -> float:
    """Passages per second of a first sync ÷ those of the model alone on the same texts; the order is drawn."""
    rng = random.Random(seed)
    chosen: list[Article] = []
    passages: list[Passage] = []
    for article in rng.sample(articles, len(articles)):
        if len(passages) < _PORTION:
            chosen.append(article)
            passages += split_passages(article)
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Settings.load(data_dir=Path(folder)), model)
        works: list[Callable[[], object]] = [
            lambda: index.sync(Corpus(tuple(chosen), {})),
            lambda: raw(model, [text_given(passage) for passage in passages]),
        ]
        spent = [0.0, 0.0]
        for which in rng.sample((0, 1), 2):
            start = time.perf_counter()
            works[which]()
            spent[which] = time.perf_counter() - start
        index.close()
    return spent[1] / spent[0]


def raw(model: LocalEmbeddings, texts: Sequence[str]) -> None:
    """The model and nothing else, as one would run it: padded batches of texts of like length."""
    encodings = sorted(model._tokenizer.encode_batch(list(texts)), key=lambda one: -len(one.ids))
    while encodings:
        width = len(encodings[0].ids)
        count = max(1, _TOKENS // width)
        batch, encodings = encodings[:count], encodings[count:]
        ids, mask = np.zeros((2, len(batch), width), np.int64)
        for row, encoding in enumerate(batch):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        model._session.run(None, feed)


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
