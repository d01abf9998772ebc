"""Hybrid search: dense and lexical candidates fused by score, near-duplicates collapsed, as a LangChain retriever."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from numpy.typing import NDArray
from pydantic import ConfigDict

from assistant.embeddings import Vectors
from assistant.index import Index, Snapshot
from assistant.lexical import stems
from assistant.passages import Passage, Span

_CANDIDATES = 50  # of each kind of search; more changes nothing that a reader sees and costs time
_SHINGLE = 5  # words; two passages that share most runs of five are one wire story
_SAME = 0.8


@dataclass(frozen=True)
class SentenceHit:
    """A sentence with its fused score, 0 (worst candidate) to 1 (best in every respect), and its cosine."""

    passage: Passage
    number: int
    score: float
    cosine: float
    vector: Vectors = field(repr=False, compare=False)

    @property
    def span(self) -> Span:
        """Where it stands in its article."""
        return self.passage.sentences[self.number]

    @property
    def text(self) -> str:
        """Its words."""
        return self.span.of(self.passage.article.text)

    @property
    def previous(self) -> str:
        """The sentence before it in the passage, or nothing."""
        return self.passage.sentences[self.number - 1].of(self.passage.article.text) if self.number else ""


@dataclass(frozen=True)
class PassageHit:
    """A passage with its fused score and its near-duplicates in other articles."""

    passage: Passage
    score: float
    sentences: tuple[SentenceHit, ...]
    copies: tuple[Passage, ...] = field(default=())


class HybridRetriever(BaseRetriever):
    """Searches the index by meaning and by words.

    Scores are min-max normalised over the candidates and averaged; on SciFact this beats reciprocal ranks. A passage
    counts by itself and by its best sentence.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index
    count: int = 8

    def search(self, question: str, snapshot: Snapshot | None = None) -> list[PassageHit]:
        """The `count` best passages, best first, each with its sentences' scores. Empty for an empty index."""
        snapshot = snapshot or self.index.snapshot
        if not snapshot.passages:
            return []
        vector = np.asarray(self.index.embeddings.embed_query(question), np.float32)
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        words = stems(question)
        lexical = snapshot.lexical.scores(words)
        lexical_passages = snapshot.lexical_passages.scores(words)
        dense = dict(self.index.nearest(vector.tolist(), _CANDIDATES, snapshot))
        rows = set(dense)
        rows.update(int(row) for row in _top(lexical_passages, _CANDIDATES))
        rows.update(snapshot.sentences[number][0] for number in _top(lexical, _CANDIDATES))
        candidates = sorted(rows)

        floor = min(dense.values(), default=0.0)
        passage_scores = _fuse(
            np.array([dense.get(row, floor) for row in candidates]), lexical_passages[candidates].astype(float)
        )
        cosines, words_shared, owners = [], [], []
        for place, row in enumerate(candidates):
            first = snapshot.first_sentence[row]
            for number in range(len(snapshot.passages[row].sentences)):
                cosines.append(float(snapshot.sentence_vectors[row][number] @ vector))
                words_shared.append(float(lexical[first + number]))
                owners.append((place, number))
        sentence_scores = _fuse(np.array(cosines), np.array(words_shared))
        by_passage: list[list[SentenceHit]] = [[] for _ in candidates]
        for (place, number), cosine, own in zip(owners, cosines, sentence_scores, strict=True):
            # The passage's own score tells between sentences that are alike, and brings in what "it" refers to.
            score = (float(own) + 0.25 * float(passage_scores[place])) / 1.25
            passage = snapshot.passages[candidates[place]]
            own_vector = snapshot.sentence_vectors[candidates[place]][number]
            by_passage[place].append(SentenceHit(passage, number, score, cosine, own_vector))
        hits = [
            PassageHit(
                snapshot.passages[row],
                float(passage_scores[place]) + max((hit.score for hit in by_passage[place]), default=0.0),
                tuple(by_passage[place]),
            )
            for place, row in enumerate(candidates)
        ]
        hits.sort(key=lambda hit: (-hit.score, hit.passage.id))
        return collapse(hits, self.count)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [
            Document(
                page_content=hit.passage.text,
                id=hit.passage.id,
                metadata={
                    **hit.passage.article.model_dump(mode="json", exclude={"text"}),
                    "start": hit.passage.start,
                    "end": hit.passage.end,
                    "score": hit.score,
                },
            )
            for hit in self.search(query)
        ]


def collapse(hits: Sequence[PassageHit], count: int) -> list[PassageHit]:
    """The first `count` hits that differ; the near-duplicates of a hit become its `copies`."""
    kept: list[PassageHit] = []
    shingles: list[set[tuple[str, ...]]] = []
    for hit in hits:
        own = _shingles(hit.passage.text)
        same = next((place for place, other in enumerate(shingles) if _overlap(own, other) >= _SAME), None)
        if same is not None:
            first = kept[same]
            kept[same] = PassageHit(first.passage, first.score, first.sentences, (*first.copies, hit.passage))
        elif len(kept) < count:
            kept.append(hit)
            shingles.append(own)
        else:
            break
    return kept


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.casefold().split()
    return {tuple(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1))}


def _overlap(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / max(1, len(one | other))


def _top(scores: NDArray[np.float32], count: int) -> list[int]:
    best = np.argpartition(-scores, count)[:count] if len(scores) > count else np.arange(len(scores))
    return [int(place) for place in best if scores[place] > 0]


def _fuse(*components: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the components, each stretched to 0..1; one that does not tell apart counts as 0."""
    total = np.zeros_like(components[0], dtype=float)
    for values in components:
        if len(values) and values.max() > values.min():
            total += (values - values.min()) / (values.max() - values.min())
    return total / len(components)
