"""Runs the product's own retrieval, reader, follow-ups and grounding over one set and takes the figures."""

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from assistant.articles import Article, Corpus
from assistant.embeddings import LocalEmbeddings
from assistant.evaluation.quality import sets
from assistant.evaluation.quality.figures import (
    Figure,
    auroc,
    average_precision,
    mean,
    ndcg,
    reciprocal_rank,
)
from assistant.filters import Filters
from assistant.followups import standalone_question
from assistant.grounding import ground
from assistant.grounding.entailment import SupportModel
from assistant.index import Index
from assistant.passages import split_passages
from assistant.reading.extractive import ExtractiveReader, Judgement
from assistant.reading.scorer import Scorer
from assistant.retrieval import HybridRetriever, PassageHit
from assistant.settings import Settings

#: What can be switched off, to see what it brings.
PARTS = {
    "dense": "search by meaning",
    "lexical": "search by words",
    "titles": "the article's title as context",
    "scorer": "the learned scorer",
    "kinds": "the kind of answer that is asked for",
    "followups": "the standalone question: the last turn is asked as it is",
}
#: Shares of answerable questions refused at which the share of false answers is given.
REFUSED = (0.05, 0.1, 0.2, 0.3)

Figures = dict[str, Figure]
T = TypeVar("T")


class Track(Protocol):
    """Goes through items and shows how far it is."""

    def __call__(self, items: Sequence[T], name: str, /) -> Iterator[T]:
        """Yield the items."""


def tracked(console: Console) -> Track:
    """A progress bar for each set."""

    def over(items: Sequence[T], name: str, /) -> Iterator[T]:
        yield from track(items, name, console=console, transient=True)

    return over


@dataclass
class Workbench:
    """The product's parts, loaded once, without those that are switched off."""

    data_dir: Path
    track: Track
    without: Collection[str] = ()
    subjects: Collection[str] = ()
    embeddings: LocalEmbeddings = field(default_factory=LocalEmbeddings)
    scorer: Scorer = field(default_factory=Scorer)
    support: SupportModel = field(default_factory=SupportModel)
    #: (answerable, confidence) of each question of the last SQuAD set, for the curve.
    confidences: list[tuple[bool, float]] = field(default_factory=list)

    @property
    def reader(self) -> ExtractiveReader:
        """The extractive reader."""
        return ExtractiveReader(None if "scorer" in self.without else self.scorer, "kinds" not in self.without)

    @contextmanager
    def index(self, name: str, articles: Sequence[Article]) -> Iterator[Index]:
        """An index of the articles, kept in the data directory for the next run."""
        if "titles" in self.without:
            articles = [article.model_copy(update={"title": "Untitled"}) for article in articles]
            name += "-untitled"
        index = Index(Settings(data_dir=self.data_dir / name), self.embeddings)
        try:
            index.sync(Corpus(tuple(articles), {}))
            yield index
        finally:
            index.close()

    def retriever(self, index: Index, count: int) -> HybridRetriever:
        """The retriever, to give `count` passages."""
        dense, lexical = "dense" not in self.without, "lexical" not in self.without
        return HybridRetriever(index=index, count=count, dense=dense, lexical=lexical)


def scifact(bench: Workbench, path: Path) -> Figures:
    """Abstracts for a claim, ranked by their best passage."""
    articles, questions = sets.beir(path)
    with bench.index("scifact", articles) as index:
        retriever = bench.retriever(index, 30)
        gains = []
        for asked in bench.track(questions, "scifact"):
            ranked = _articles(retriever.search(asked.question))
            gains.append(ndcg([key in asked.gold for key in ranked], len(asked.gold)))
    return {"ndcg@10": mean(gains)}


def inscit(bench: Workbench, path: Path) -> Figures:
    """Passages for the last turn of a conversation, made to stand alone."""
    articles, questions = sets.inscit(path)
    with bench.index(path.stem, articles) as index:
        retriever = bench.retriever(index, 12)
        hits: dict[int, list[bool]] = {1: [], 5: []}
        for asked in bench.track(questions, path.stem):
            history = () if "followups" in bench.without else asked.history
            ranked = _articles(retriever.search(standalone_question(asked.question, history)))
            for depth, found in hits.items():
                found.append(bool(asked.gold & set(ranked[:depth])))
    return {f"hit@{depth}": mean(found) for depth, found in hits.items()}


def squad2(bench: Workbench, path: Path) -> Figures:
    """The sentence that carries the answer, over all paragraphs; and whether there is one.

    `auroc` sets questions that their paragraph answers against SQuAD's unanswerable ones, which were written to look
    answerable. `auroc, answer removed` sets them against themselves with the answering paragraph taken away.
    """
    articles, questions = sets.squad2(path)
    questions = [asked for asked in questions if not bench.subjects or asked.subject in bench.subjects]
    if not questions:
        raise ValueError(f"{path} has no questions on {', '.join(bench.subjects)}")
    first: dict[int, list[bool]] = {1: [], 3: []}
    answered: list[bool] = []
    removed: list[float] = []
    bench.confidences = []
    with bench.index(path.stem, articles) as index:
        retriever, reader = bench.retriever(index, 12), bench.reader
        for asked in bench.track(questions, path.stem):
            hits = retriever.search(asked.question)
            judged = reader.judge(asked.question, hits, index.snapshot)
            answered.append(judged.answers)
            bench.confidences.append((bool(asked.answers), judged.confidence))
            if not asked.answers:
                continue
            for depth, found in first.items():
                found.append(_carries(judged, depth, asked.answers))
            gold = {key for key, _ in asked.answers}
            others = [hit for hit in hits if hit.passage.article.id not in gold]
            removed.append(reader.judge(asked.question, others, index.snapshot).confidence)
    present = [confidence for answerable, confidence in bench.confidences if answerable]
    absent = [confidence for answerable, confidence in bench.confidences if not answerable]
    said = [answer for answer, (answerable, _) in zip(answered, bench.confidences, strict=True) if not answerable]
    refused = [not answer for answer, (answerable, _) in zip(answered, bench.confidences, strict=True) if answerable]
    # A split may have questions of one kind only: then there are the figures that can be had of them.
    figures: Figures = {}
    if present:
        figures |= {f"top-{depth}": mean(values) for depth, values in first.items()}
    if present and absent:
        figures["auroc"] = auroc([True] * len(present) + [False] * len(absent), [*present, *absent])
    if present:
        figures["auroc, answer removed"] = auroc([True] * len(present) + [False] * len(removed), [*present, *removed])
        figures["false refusals"] = mean(refused)
    if absent:
        figures["false answers"] = mean(said)
    for share in REFUSED if present and absent else ():
        threshold = float(np.quantile(present, share))
        figures[f"false answers at {share:.0%} refused"] = mean([confidence >= threshold for confidence in absent])
    return figures


def trecqa(bench: Workbench, path: Path) -> Figures:
    """The sentences of a question's own pool, ranked by the reader, those it does not look at by the search."""
    articles, questions = sets.trecqa(path)
    precisions, ranks = [], []
    with bench.index(path.stem, articles) as index:
        retriever, reader = bench.retriever(index, 1000), bench.reader
        for asked in bench.track(questions, path.stem):
            hits = retriever.search(asked.question, filters=Filters(topics=(asked.pool,)))
            copies = {hit.passage.article.id: [copy.article.id for copy in hit.copies] for hit in hits}
            judged = reader.judge(asked.question, hits, index.snapshot)
            sentences = [candidate.hit for _, candidate in judged.ranked]
            sentences += sorted((s for hit in hits for s in hit.sentences), key=lambda sentence: -sentence.score)
            ranked = dict.fromkeys(
                key for s in sentences for own in [s.passage.article.id] for key in (own, *copies[own])
            )
            relevant = [key in asked.gold for key in ranked]
            precisions.append(average_precision(relevant, len(asked.gold)))
            ranks.append(reciprocal_rank(relevant))
    return {"map": mean(precisions), "mrr": mean(ranks)}


def wice(bench: Workbench, path: Path) -> Figures:
    """Claims against the article that they cite.

    `auroc`: how far grounding tells the supported ones from the rest. `f1`: of each supported claim, the sentences that
    grounding would cite against the nearest of the sets of sentences that carry it.
    """
    labels, scores, cited = [], [], []
    for claim in bench.track(sets.wice(path), path.stem):
        passages = split_passages(claim.article)
        grounded = ground(claim.text, range(1, len(passages) + 1), passages, bench.embeddings, bench.support)
        labels.append(claim.label == "supported")
        scores.append(grounded.score)
        if labels[-1]:
            found = {
                number
                for number, (start, end) in enumerate(claim.sentences)
                if any(span.start < end and start < span.end for _, span in grounded.quotes)
            }
            cited.append(max(_f1(found, carrying) for carrying in claim.supporting))
    figures = {"auroc": auroc(labels, scores)} if len(set(labels)) == 2 else {}
    return figures | ({"f1": mean(cited)} if cited else {})


def _f1(found: AbstractSet[int], gold: AbstractSet[int]) -> float:
    return 2 * len(found & gold) / (len(found) + len(gold))


def _articles(hits: Sequence[PassageHit]) -> list[str]:
    """The articles of the hits, each where its best passage stands, a copy right behind what it is a copy of."""
    return list(dict.fromkeys(p.article.id for hit in hits for p in (hit.passage, *hit.copies)))


def _carries(judged: Judgement, depth: int, answers: Sequence[tuple[str, int]]) -> bool:
    return any(
        candidate.hit.passage.article.id == key and candidate.hit.span.start <= place < candidate.hit.span.end
        for _, candidate in judged.ranked[:depth]
        for key, place in answers
    )
