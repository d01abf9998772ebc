"""Hybrid search: dense and lexical candidates fused by score, reprints told apart, as a LangChain retriever."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from numpy.typing import NDArray
from pydantic import ConfigDict

from assistant.answer import Copy
from assistant.articles import Article
from assistant.embeddings import Vectors
from assistant.filters import Filters
from assistant.index import Index
from assistant.lexical import stems, words
from assistant.passages import Passage, Span
from assistant.reprints import find_reprints
from assistant.snapshot import Snapshot, wording

_BLOCK = 256  # scores looked at together
_CANDIDATES = 50  # of each kind of search; more changes nothing that a reader sees and costs time
_DENSE_SHARE = 0.65  # of a passage's score; the words of its article have the rest. Flat from 0.6 to 0.75
_SENTENCE_WEIGHT = 0.1  # what a passage's best sentence adds


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
    """A passage with its fused score and its sentences, without those that an older article found already has.

    `copies` are the passages of newer articles that have sentences of this one word for word.
    """

    passage: Passage
    score: float
    sentences: tuple[SentenceHit, ...]
    copies: tuple[Passage, ...] = ()

    def printed_also(self, span: Span) -> list[Article]:
        """The other articles that have the words of `span`, a sentence of the passage, in a copy of the passage."""
        own = _wording(self.passage, span)
        found = {
            copy.article.id: copy.article
            for copy in self.copies
            if any(_wording(copy, other) == own for other in copy.sentences)
        }
        return list(found.values())


class HybridRetriever(BaseRetriever):
    """Searches the index by meaning and by words.

    Scores are fused, not ranks. A passage counts by its own nearness and by the words of its whole article, each as a
    share of the best; a sentence by its nearness and its words, min-max normalised over the candidates, and by its
    passage.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index
    count: int = 8
    filters: Filters = Filters()
    #: Either can be switched off, to measure what it brings.
    dense: bool = True
    lexical: bool = True

    def search(
        self, question: str, snapshot: Snapshot | None = None, filters: Filters | None = None
    ) -> list[PassageHit]:
        """The `count` best passages, best first, each with its sentences' scores. Empty for an empty index.

        Only articles that pass `filters` are looked at, or those of the retriever where none are given here.

        Raises:
            QuestionError: a filter names an outlet or topic that no article has.
        """
        snapshot = snapshot or self.index.snapshot
        filters = self.filters if filters is None else filters
        if not len(snapshot.owner):  # no article states anything: there is none, or they are all headings and commands
            return []
        vector = np.asarray(self.index.embeddings.embed_query(question), np.float32)
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        passing = snapshot.catalogue.passing(filters)[snapshot.article_of] if filters else None
        dense = dict(self.index.nearest(vector.tolist(), _CANDIDATES, snapshot, filters)) if self.dense else {}
        query = stems(question) if self.lexical else []
        lexical, lexical_articles = snapshot.lexical.scores(query), snapshot.lexical_articles.scores(query)
        if passing is not None:
            lexical[~passing[snapshot.owner]] = 0
        worded = snapshot.owner[_top(lexical, _CANDIDATES)]
        rows = np.unique(np.concatenate([np.fromiter(dense, np.int64), worded]))

        counts = snapshot.first_sentence[rows + 1] - snapshot.first_sentence[rows]
        places = np.repeat(np.arange(len(rows)), counts)
        starts = np.cumsum(counts) - counts
        numbers = np.arange(len(places)) - starts[places]
        sentences = snapshot.first_sentence[rows][places] + numbers
        vectors = snapshot.vectors(sentences)
        cosines = vectors @ vector if self.dense else np.zeros(len(vectors), np.float32)
        # What is not among the nearest is no nearer than the last of them, and about as near as its sentences are.
        floor = min(dense.values(), default=0.0)
        means = np.bincount(places, cosines, len(rows)) / np.maximum(counts, 1)
        near = np.array([dense.get(int(row), min(floor, mean)) for row, mean in zip(rows, means, strict=True)])
        passage_scores = _DENSE_SHARE * _scaled(near) + (1 - _DENSE_SHARE) * _scaled(
            lexical_articles[snapshot.article_of[rows]]
        )
        # The passage's own score tells between sentences that are alike, and brings in what "it" refers to.
        sentence_scores = (_fuse(cosines, lexical[sentences]) + 0.25 * passage_scores[places]) / 1.25
        passages = [snapshot.passages[row] for row in rows]
        reprinted, copies = find_reprints(passages, places, numbers, snapshot.wordings[sentences])
        best_sentence = np.zeros(len(rows))
        np.maximum.at(best_sentence, places[~reprinted], sentence_scores[~reprinted])
        scores = passage_scores + _SENTENCE_WEIGHT * best_sentence
        left = np.bincount(places[~reprinted], minlength=len(rows))
        told = (counts > 0) & (left == 0)  # all that it says stands in other hits
        order = [place for place in np.lexsort((rows, -scores)) if not told[place]][: self.count]

        def sentence_hits(place: int) -> Iterator[SentenceHit]:
            for at in range(starts[place], starts[place] + counts[place]):
                if not reprinted[at]:
                    score, cosine = float(sentence_scores[at]), float(cosines[at])
                    yield SentenceHit(passages[place], int(numbers[at]), score, cosine, vectors[at])

        return [
            PassageHit(passages[place], float(scores[place]), tuple(sentence_hits(place)), copies.get(place, ()))
            for place in order
        ]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, filters: Filters | None = None
    ) -> list[Document]:
        return [
            Document(
                page_content=hit.passage.text,
                id=hit.passage.id,
                metadata={
                    **hit.passage.article.model_dump(mode="json", exclude={"text"}),
                    "start": hit.passage.start,
                    "end": hit.passage.end,
                    "score": hit.score,
                    "copies": [
                        Copy.of(article).model_dump(mode="json")
                        for article in {copy.article.id: copy.article for copy in hit.copies}.values()
                    ],
                },
            )
            for hit in self.search(query, filters=filters)
        ]


def _wording(passage: Passage, span: Span) -> int:
    return wording(words(span.of(passage.article.text)))


def _top(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The places of the `count` highest scores that are above 0, best first; of equal ones the first."""
    # Selecting from all is slow. At least `count` scores reach the `count`-th best of the blocks' best.
    blocks = scores[: len(scores) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).max(axis=1)
    least = np.partition(blocks, -count)[-count] if len(blocks) >= count else 0
    places = np.flatnonzero((scores >= least) & (scores > 0))
    return places[np.argsort(-scores[places], kind="stable")[:count]]


def _scaled(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The values as shares of the greatest; zeros where there is none above 0."""
    greatest = float(values.max(initial=0.0))
    return np.maximum(values, 0.0) / greatest if greatest > 0 else np.zeros(len(values))


def _fuse(*components: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean of the components, each stretched to 0..1; one that does not tell apart counts as 0."""
    total = np.zeros_like(components[0], dtype=float)
    for values in components:
        if len(values) and values.max() > values.min():
            total += (values - values.min()) / (values.max() - values.min())
    return total / len(components)
