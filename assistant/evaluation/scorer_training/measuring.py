"""Measures an exported scorer, as the product runs it, on articles that it has not seen; and plain search beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from assistant.embeddings import LocalEmbeddings
from assistant.evaluation.quality.figures import average_precision, reciprocal_rank
from assistant.evaluation.scorer_training.data import Example, Paragraph
from assistant.lexical import LexicalIndex, stems
from assistant.reading.scorer import Scorer

Scores = NDArray[np.float64]
Figures = dict[str, float]

_FUSION_WEIGHTS = (2.0, 4.0, 8.0)  # by these the search's 0..1 is added to the scorer's logit
_BASELINES = ("bm25", "minilm", "fusion")


@dataclass(frozen=True)
class Bench:
    """Questions to be answered from paragraphs: from the known one, and from the sentences of all of them.

    Open search scores only the `candidates` sentences that BM25 and MiniLM together put first.
    """

    questions: Sequence[Example]
    paragraphs: Sequence[Paragraph]
    embeddings: LocalEmbeddings
    candidates: int = 20

    @cached_property
    def _places(self) -> list[tuple[Paragraph, int]]:
        return [(paragraph, number) for paragraph in self.paragraphs for number in range(len(paragraph.sentences))]

    @cached_property
    def _own(self) -> NDArray[np.bool_]:
        """Shape (questions, sentences): in the question's paragraph."""
        owners = np.array([id(paragraph) for paragraph, _ in self._places])
        return np.stack([owners == id(example.paragraph) for example in self.questions])

    @cached_property
    def _gold(self) -> NDArray[np.bool_]:
        numbers = np.array([number for _, number in self._places])
        return self._own & np.stack([np.isin(numbers, example.gold) for example in self.questions])

    @cached_property
    def _answerable(self) -> NDArray[np.bool_]:
        return np.array([bool(example.gold) for example in self.questions])

    @cached_property
    def _search(self) -> dict[str, Scores]:
        """Each way's score of every sentence, shape (questions, sentences)."""
        texts = [paragraph.sentences[number] for paragraph, number in self._places]
        return _search([example.question for example in self.questions], texts, self.embeddings)

    def baselines(self) -> Figures:
        """The figures of search without the scorer."""
        figures: Figures = {}
        for name in _BASELINES:
            known = np.where(self._own, self._search[name], -np.inf)
            if name == "fusion":
                parts = [np.where(self._own, self._search[part], np.nan) for part in _BASELINES[:2]]
                known = np.nan_to_num(sum(map(_scaled, parts)) / 2, nan=-np.inf)
            figures |= self._figures(f" {name}", known, self._search[name])
        return figures

    def measure(self, scorer: Scorer) -> tuple[Figures, dict[str, Scores]]:
        """The scorer's figures, and each question's best score in the known paragraph and in open search."""
        fusion = self._search["fusion"]
        asked = np.zeros_like(self._own)
        np.put_along_axis(asked, np.argsort(-fusion, axis=1, kind="stable")[:, : self.candidates], True, axis=1)
        logits = np.full(fusion.shape, -np.inf)
        for line, example in enumerate(self.questions):
            places = np.flatnonzero(asked[line] | self._own[line])
            logits[line, places] = scorer.scores(example.question, [_texts(*self._places[place]) for place in places])
        known, opened = np.where(self._own, logits, -np.inf), np.where(asked, logits, -np.inf)
        figures = self._figures("", known, opened)
        for weight in _FUSION_WEIGHTS:
            added = self._figures(f" +{weight:g} fusion", known + weight * fusion, opened + weight * fusion)
            figures |= {name: value for name, value in added.items() if "AUROC" not in name}
        return figures, {
            "paragraph": known.max(axis=1),
            "open": opened.max(axis=1),
            "answerable": self._answerable.astype(np.float64),
        }

    def _figures(self, name: str, known: Scores, opened: Scores) -> Figures:
        answerable = self._answerable
        order = np.argsort(-opened, axis=1, kind="stable")
        ranked = np.take_along_axis(self._gold, order, axis=1)[answerable]
        best = np.take_along_axis(self._gold, known.argmax(axis=1)[:, None], axis=1)[answerable]
        return {
            f"paragraph top-1{name}": float(best.mean()),
            f"paragraph AUROC{name}": auroc(known.max(axis=1), answerable),
            f"open top-1{name}": float(ranked[:, 0].mean()),
            f"open top-3{name}": float(ranked[:, :3].any(axis=1).mean()),
            f"open AUROC{name}": auroc(opened.max(axis=1), answerable),
        }


def answer_selection(path: Path, scorer: Scorer, embeddings: LocalEmbeddings) -> Figures:
    """Mean average precision and reciprocal rank of TREC-QA's sentences, the scorer's and plain search's."""
    items = [item for item in json.loads(path.read_text(encoding="utf-8")) if item["positives"] and item["negatives"]]
    ranks: dict[str, list[tuple[float, float]]] = {}
    for item in items:
        texts = item["positives"] + item["negatives"]
        right = np.arange(len(texts)) < len(item["positives"])
        ways = {name: scores[0] for name, scores in _search([item["question"]], texts, embeddings).items()}
        logits = scorer.scores(item["question"], [("", "", text) for text in texts]).astype(np.float64)
        ways = {f" {name}": scores for name, scores in ways.items()} | {"": logits}
        for name, scores in ways.items():
            ranks.setdefault(name, []).append(_ranks(scores, right))
    figures = {}
    for name, pairs in ranks.items():
        figures[f"trecqa-dev MAP{name}"], figures[f"trecqa-dev MRR{name}"] = map(float, np.mean(pairs, axis=0))
    return figures


def auroc(scores: Scores, right: NDArray[np.bool_]) -> float:
    """The chance that a right one scores above a wrong one; ties count half."""
    return float(roc_auc_score(right, scores))


def _ranks(scores: Scores, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Average precision and reciprocal rank; a tie counts against the scores."""
    relevant = right[np.lexsort((right, -scores))].tolist()
    return average_precision(relevant, sum(relevant)), reciprocal_rank(relevant)


def _search(questions: Sequence[str], texts: Sequence[str], embeddings: LocalEmbeddings) -> dict[str, Scores]:
    """BM25, cosine, and the mean of both scaled to 0..1 for each question; shape (questions, texts)."""
    index = LexicalIndex(texts)
    bm25 = np.stack([index.scores(stems(question)) for question in questions]).astype(np.float64)
    vectors = np.array(embeddings.embed_documents(list(texts)))
    cosine = np.array(embeddings.embed_documents(list(questions))) @ vectors.T
    return {"bm25": bm25, "minilm": cosine, "fusion": (_scaled(bm25) + _scaled(cosine)) / 2}


def _scaled(scores: Scores) -> Scores:
    """Each row from 0 to 1; nan stays."""
    low, high = np.nanmin(scores, axis=1, keepdims=True), np.nanmax(scores, axis=1, keepdims=True)
    return np.asarray((scores - low) / np.maximum(high - low, 1e-12))


def _texts(paragraph: Paragraph, number: int) -> tuple[str, str, str]:
    """What the scorer reads of a sentence: title, previous sentence, sentence."""
    return paragraph.title, paragraph.sentences[number - 1] if number else "", paragraph.sentences[number]


def lines(figures: Mapping[str, float]) -> list[str]:
    """Figures as text."""
    return [f"  {name:34s} {value:.4f}" for name, value in figures.items()]
