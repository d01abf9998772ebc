#!/usr/bin/env python3
"""Train a small answer-sentence scorer with "no answer" detection and export it as int8 ONNX.

The scorer reads one (question, sentence) pair, with the sentence's title and previous sentence as
context, and gives one logit: does this sentence carry the answer to the question?  The largest logit
over a question's candidate sentences tells whether the question can be answered at all.

Input of the exported model, per pair (see ``pair_ids``)::

    [CLS] question [SEP] title : previous sentence  SENTENCE [SEP]
      0      0       0     0   0         0              1      0      <- token_type_ids

``token_type_ids`` is 1 on exactly the tokens of the sentence to be judged.

Training, all from one pre-trained sentence encoder (a BERT-like checkpoint):

1. passages: question + whole paragraph; every sentence of the paragraph is scored in one pass, with a
   listwise softmax over the sentences and "no answer" (fixed at 0), and start/end of the answer
   as an auxiliary target;
2. pairs: the same losses in the input format that is exported, with hard negatives from the same
   paragraph and from the other paragraphs of the article.

Unanswerable questions come from the data; more are made by swapping numbers, names and opposites in
answerable questions, by taking the answer's sentence away, and by pairing questions with other paragraphs.

Data (``--bench``): ``squad2-dev.json`` and ``xquad-train.json`` (SQuAD format, CC BY-SA 4.0), optionally
``wice-dev.jsonl`` (ODC-BY).  ``trecqa-dev.json`` is only evaluated on, when present.

Needs torch, safetensors, tokenizers, onnx, onnxruntime, numpy, scikit-learn.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer
from torch import nn

MAX_LEN = 192  # tokens of one exported pair
MAX_QUESTION, MAX_TITLE, MAX_PREVIOUS = 48, 12, 32
MAX_PASSAGE = 240  # tokens of a training passage
POSITIONS = 256  # position embeddings kept in the exported model
PAD, UNK, CLS, SEP, MASK = 0, 100, 101, 102, 103
FIRST_USED = 999  # the ids below are [unused], but for the five above


# ---------------------------------------------------------------------------------------------- data

ABBREVIATIONS = {
    "mr",
    "mrs",
    "ms",
    "dr",
    "prof",
    "st",
    "mt",
    "ft",
    "gen",
    "gov",
    "sen",
    "rep",
    "lt",
    "col",
    "sgt",
    "capt",
    "jr",
    "sr",
    "vs",
    "etc",
    "inc",
    "corp",
    "co",
    "ltd",
    "no",
    "nos",
    "fig",
    "ca",
    "c",
    "approx",
    "est",
    "al",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "e.g",
    "i.e",
    "cf",
    "vol",
}
BOUNDARY = re.compile(r"([.!?]+[\"'”’)\]]*(?:\[\d+\])*)\s+(?=[\"'“‘(\[]*[A-Z0-9])")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Character ranges of the sentences of ``text``."""
    out, begin = [], 0
    for match in BOUNDARY.finditer(text):
        before = text[begin : match.start()]
        last = before.split()[-1].lstrip("(\"'“‘[").lower() if before.split() else ""
        if match.group(1).startswith(".") and (last in ABBREVIATIONS or re.fullmatch(r"([a-z]\.)*[a-z]", last)):
            continue
        if len(before) < 12:
            continue
        out.append((begin, match.end(1)))
        begin = match.end()
    if text[begin:].strip():
        out.append((begin, len(text)))
    return out


@dataclasses.dataclass
class Paragraph:
    """One paragraph as sentences; ``uid`` numbers paragraphs over all the data."""

    uid: int
    article: str
    sentences: list[str]

    @property
    def title(self) -> str:
        return self.article.replace("_", " ")


@dataclasses.dataclass
class Example:
    """A question with its paragraph; ``gold`` are the sentences that carry the answer (none: unanswerable)."""

    question: str
    paragraph: Paragraph
    gold: list[int]
    answer: str = ""
    offset: int = 0  # of the answer in sentence gold[0]


def read_squad(path: Path, first_uid: int) -> tuple[list[Paragraph], list[Example]]:
    """Paragraphs and questions of a file in SQuAD format."""
    paragraphs, examples = [], []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for entry in article["paragraphs"]:
            ranges = split_sentences(entry["context"])
            para = Paragraph(first_uid + len(paragraphs), article["title"], [entry["context"][a:b] for a, b in ranges])
            paragraphs.append(para)
            for qa in entry["qas"]:
                gold: dict[int, tuple[str, int]] = {}
                for answer in qa["answers"]:
                    for index, (a, b) in enumerate(ranges):
                        if a <= answer["answer_start"] < b:
                            gold.setdefault(index, (answer["text"], answer["answer_start"] - a))
                question = " ".join(qa["question"].split())
                if qa.get("is_impossible") or not gold:
                    examples.append(Example(question, para, []))
                else:
                    first = next(iter(gold))
                    examples.append(Example(question, para, list(gold), *gold[first]))
    return paragraphs, examples


# ------------------------------------------------------------------------------- baselines: BM25, cosine

STOP = set(
    "a an the of to in on at by for and or is are was were be been do does did what which who whom when where "
    "how why that this these those it its as with from into has have had".split()
)


def terms(text: str) -> list[str]:
    """Lower-cased words without stop words, plural s and a few endings cut off."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return [re.sub(r"(?<=\w{3})(ing|ed|es|s)$", "", w) for w in words if w not in STOP]


class BM25:
    """Okapi BM25 over a list of texts."""

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        docs = [Counter(terms(t)) for t in texts]
        lengths = np.array([max(1, sum(d.values())) for d in docs], dtype=np.float64)
        norm = k1 * (1 - b + b * lengths / lengths.mean())
        self.n = len(docs)
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, doc in enumerate(docs):
            for term, count in doc.items():
                postings[term].append((index, count))
        self.postings: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for term, found in postings.items():
            ids = np.array([i for i, _ in found])
            tf = np.array([c for _, c in found], dtype=np.float64)
            idf = math.log(1 + (self.n - len(ids) + 0.5) / (len(ids) + 0.5))
            self.postings[term] = ids, idf * tf * (k1 + 1) / (tf + norm[ids])

    def scores(self, query: str) -> np.ndarray:
        out = np.zeros(self.n)
        for term in set(terms(query)):
            if term in self.postings:
                ids, weights = self.postings[term]
                out[ids] += weights
        return out


def minmax(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


# --------------------------------------------------------------------------------------------- tokens


class Tokens:
    """Word pieces of texts, remembered, with character offsets."""

    def __init__(self, path: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.memory: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}

    def __call__(self, text: str) -> list[int]:
        return self.full(text)[0]

    def full(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        if text not in self.memory:
            encoded = self.tokenizer.encode(text, add_special_tokens=False)
            self.memory[text] = encoded.ids, encoded.offsets
        return self.memory[text]


def pair_ids(
    tokens: Tokens, question: str, sentence: str, previous: str = "", title: str = ""
) -> tuple[list[int], int, int]:
    """Token ids of a pair and the range of the sentence in them: where token_type_ids is 1."""
    head = [CLS] + tokens(question)[:MAX_QUESTION] + [SEP]
    if title:
        head += tokens(title)[:MAX_TITLE] + tokens(":")
    if previous:
        head += tokens(previous)[-MAX_PREVIOUS:]
    body = tokens(sentence)[: MAX_LEN - 1 - len(head)]
    return head + body + [SEP], len(head), len(head) + len(body)


# ---------------------------------------------------------------------------------------------- model


class Layer(nn.Module):
    """One BERT layer."""

    def __init__(self, size: int, inner: int, heads: int, drop: float) -> None:
        super().__init__()
        self.heads, self.drop = heads, drop
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.out, self.norm1 = nn.Linear(size, size), nn.LayerNorm(size, eps=1e-12)
        self.up, self.down, self.norm2 = nn.Linear(size, inner), nn.Linear(inner, size), nn.LayerNorm(size, eps=1e-12)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        batch, length, size = x.shape
        q, k, v = (f(x).view(batch, length, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        if torch.onnx.is_in_onnx_export():
            weights = (q @ k.transpose(-1, -2)) * (size // self.heads) ** -0.5 + bias
            mixed = weights.softmax(-1) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, length, size))
        x = self.norm1(x + F.dropout(mixed, self.drop, self.training))
        return self.norm2(x + F.dropout(self.down(F.gelu(self.up(x))), self.drop, self.training))


class Scorer(nn.Module):
    """A BERT encoder with a sentence score and, for training, start/end logits of the answer."""

    def __init__(self, config: dict, drop: float = 0.1) -> None:
        super().__init__()
        size = config["hidden_size"]
        self.drop = drop
        self.words = nn.Embedding(config["vocab_size"], size)
        self.positions = nn.Embedding(POSITIONS, size)
        self.types = nn.Embedding(2, size)
        self.norm = nn.LayerNorm(size, eps=1e-12)
        self.layers = nn.ModuleList(
            Layer(size, config["intermediate_size"], config["num_attention_heads"], drop)
            for _ in range(config["num_hidden_layers"])
        )
        self.token_head = nn.Linear(size, 3)  # start, end, weight in the pooled sentence
        self.mix, self.rank = nn.Linear(2 * size, size), nn.Linear(size, 1)
        self.span_weight = nn.Parameter(torch.tensor(0.5))
        for module in (self.token_head, self.mix, self.rank):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def load_base(self, folder: Path) -> None:
        """Take the encoder's weights from a BERT checkpoint."""
        state = {k.removeprefix("bert."): v.float() for k, v in load_file(folder / "model.safetensors").items()}
        new = {
            "words.weight": state["embeddings.word_embeddings.weight"],
            "positions.weight": state["embeddings.position_embeddings.weight"][:POSITIONS],
            "types.weight": state["embeddings.token_type_embeddings.weight"],
        }
        names = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "out": "attention.output.dense",
            "norm1": "attention.output.LayerNorm",
            "up": "intermediate.dense",
            "down": "output.dense",
            "norm2": "output.LayerNorm",
        }
        for part in ("weight", "bias"):
            new[f"norm.{part}"] = state[f"embeddings.LayerNorm.{part}"]
            for i in range(len(self.layers)):
                for ours, theirs in names.items():
                    new[f"layers.{i}.{ours}.{part}"] = state[f"encoder.layer.{i}.{theirs}.{part}"]
        missing = self.load_state_dict(new, strict=False)
        assert not missing.unexpected_keys, missing

    def encode(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        at = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(at)[None] + self.types(types))
        x = F.dropout(x, self.drop, self.training)
        bias = ((1.0 - mask.float()) * -10000.0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return x.float()

    def score_segments(
        self, hidden: torch.Tensor, token: torch.Tensor, inside: torch.Tensor, owner: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Scores of segments (``inside`` is 1 there): one of each row, or segment i in row ``owner[i]``."""
        own = token if owner is None else token[owner]
        masked = own + ((1.0 - inside) * -10000.0)[:, :, None]
        span = masked[:, :, :2].logsumexp(1) - own[:, 0, :2]
        weights = masked[:, :, 2].softmax(1)
        if owner is None:
            pooled = (weights[:, None] @ hidden).squeeze(1)
            first = hidden[:, 0]
        else:  # rows are in order: one small product each instead of a copy of the row per segment
            pooled = torch.cat([weights[owner == i] @ hidden[i] for i in range(len(hidden))])
            first = hidden[:, 0][owner]
        mixed = F.gelu(self.mix(torch.cat([first, pooled], 1)))
        relevance = self.rank(F.dropout(mixed, self.drop, self.training)).squeeze(1)
        return relevance + self.span_weight * span.mean(1)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        hidden = self.encode(input_ids, attention_mask, token_type_ids)
        inside = (token_type_ids * attention_mask).float()
        return self.score_segments(hidden, self.token_head(hidden), inside)

    @torch.no_grad()
    def embed(self, rows: Sequence[list[int]]) -> np.ndarray:
        """Mean-pooled unit vectors (the sentence encoder that the base checkpoint is)."""
        out = np.zeros((len(rows), self.words.weight.shape[1]), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for at in range(0, len(order), 64):
            part = order[at : at + 64]
            ids, mask = pad([rows[i][:POSITIONS] for i in part])
            hidden = self.encode(ids, mask, torch.zeros_like(ids))
            vec = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
            out[part] = F.normalize(vec, dim=1).numpy()
        return out


def pad(rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    ids, mask = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


# ------------------------------------------------------------------------------------- augmentation

OPPOSITES = [
    p.split("/")
    for p in (
        "first/last most/least largest/smallest highest/lowest more/fewer before/after north/south east/west northern/southern "
        "eastern/western increase/decrease increased/decreased rise/fall rose/fell support/oppose supported/opposed win/lose won/lost "
        "best/worst early/late earlier/later above/below public/private male/female old/new oldest/newest longest/shortest "
        "greater/smaller higher/lower major/minor strong/weak start/end started/ended began/ended begin/end allow/forbid "
        "allowed/banned include/exclude included/excluded accept/reject accepted/rejected inside/outside left/joined buy/sell "
        "bought/sold create/destroy created/destroyed cause/prevent caused/prevented always/never same/different common/rare "
        "popular/unpopular fast/slow faster/slower maximum/minimum majority/minority without/with many/few father/mother "
        "president/king men/women open/close opened/closed born/died internal/external ancient/modern simple/complex "
        "positive/negative domestic/foreign easy/difficult agree/disagree agreed/refused approved/vetoed hired/fired gain/loss "
        "profit/loss arrive/leave arrived/left inner/outer upper/lower import/export weekly/monthly city/country known/unknown"
    ).split()
]
OPPOSITE: dict[str, str] = {}
for _a, _b in OPPOSITES:
    OPPOSITE.setdefault(_a, _b)
    OPPOSITE.setdefault(_b, _a)
NEGATED = {
    "did": "didn't",
    "does": "doesn't",
    "do": "don't",
    "is": "isn't",
    "was": "wasn't",
    "are": "aren't",
    "were": "weren't",
    "can": "can't",
    "could": "couldn't",
    "has": "hasn't",
    "had": "never had",
    "will": "won't",
}
NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w'’-]+)(?: (?:of |de |the )?[A-Z][\w'’-]+)*")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")


def other_number(text: str, rng: random.Random) -> str:
    """Another number of the same look."""
    plain = text.replace(",", "")
    if re.fullmatch(r"1\d{3}|20\d{2}", plain) and "," not in text:
        return str(int(plain) + rng.choice([-1, 1]) * rng.randint(1, 60))
    digits = [str(rng.randint(1, 9)) if c.isdigit() else c for c in text]
    return "".join(digits)


class Augmenter:
    """Makes unanswerable questions and changed answerable ones."""

    def __init__(self, paragraphs: Iterable[Paragraph], rng: random.Random) -> None:
        self.rng = rng
        self.names: dict[str, list[str]] = defaultdict(list)
        for para in paragraphs:
            for sentence in para.sentences:
                self.names[para.article] += NAME.findall(sentence)
        self.all_names = sorted({n for found in self.names.values() for n in found})

    def swap(self, example: Example) -> str | None:
        """The question asked about something else, so that its paragraph has no answer."""
        rng, question = self.rng, example.question
        context = " ".join(example.paragraph.sentences)
        ways: list[Callable[[], str]] = []
        numbers, names = list(NUMBER.finditer(question)), list(NAME.finditer(question))
        words = list(re.finditer(r"[A-Za-z']+", question))
        if numbers:
            hit = rng.choice(numbers)
            ways += [lambda: question[: hit.start()] + other_number(hit.group(), rng) + question[hit.end() :]] * 2
        if names:
            name = rng.choice(names)
            near = [n for n in self.names[example.paragraph.article] if n not in context and n not in question]
            pool = near if near and rng.random() < 0.7 else [n for n in self.all_names if n not in context]
            if pool:
                ways += [lambda: question[: name.start()] + rng.choice(pool) + question[name.end() :]] * 2
        opposite = [w for w in words if w.group().lower() in OPPOSITE]
        if opposite:
            word = rng.choice(opposite)
            ways += [lambda: question[: word.start()] + OPPOSITE[word.group().lower()] + question[word.end() :]] * 3
        auxiliary = [w for w in words[1:] if w.group() in NEGATED]
        if auxiliary:
            verb = auxiliary[0]
            ways.append(lambda: question[: verb.start()] + NEGATED[verb.group()] + question[verb.end() :])
        return rng.choice(ways)() if ways else None

    def counterfactual(self, example: Example) -> Example | None:
        """A name or number changed in the question and in the paragraph alike: still answerable."""
        rng = self.rng
        shared = [m.group() for m in list(NUMBER.finditer(example.question)) + list(NAME.finditer(example.question))]
        context = " ".join(example.paragraph.sentences)
        shared = [
            s for s in shared if s in context and s not in example.answer and example.answer not in s and len(s) > 1
        ]
        if not shared:
            return None
        old = rng.choice(shared)
        new = other_number(old, rng) if old[0].isdigit() else rng.choice(self.all_names)
        if new in context:
            return None
        para = example.paragraph
        changed = Paragraph(para.uid, para.article, [s.replace(old, new) for s in para.sentences])
        first = para.sentences[example.gold[0]] if example.gold else ""
        return Example(
            example.question.replace(old, new),
            changed,
            example.gold,
            example.answer,
            len(first[: example.offset].replace(old, new)),
        )

    def without_answer(self, example: Example) -> Example | None:
        """The paragraph without the sentences that carry the answer."""
        para = example.paragraph
        kept = [s for i, s in enumerate(para.sentences) if i not in example.gold and example.answer not in s]
        return Example(example.question, Paragraph(para.uid, para.article, kept), []) if len(kept) >= 2 else None


# ------------------------------------------------------------------------------------- training batches


@dataclasses.dataclass
class Row:
    """One token sequence: segments (start, end, is gold) to score, a group, and the answer's span (0, 0: none)."""

    ids: list[int]
    types: list[int]
    segments: list[tuple[int, int, bool]]
    group: int
    span: tuple[int, int]
    context: int  # first token after the question


def span_in(tokens: Tokens, sentence: str, answer: str, offset: int, at: int, limit: int) -> tuple[int, int]:
    """Token positions of the answer, the sentence's first token being ``at``; (0, 0) if cut off."""
    offsets = tokens.full(sentence)[1]
    inside = [i for i, (a, b) in enumerate(offsets) if a < offset + len(answer) and b > offset]
    if not inside or at + inside[-1] >= limit:
        return 0, 0
    return at + inside[0], at + inside[-1]


def passage_row(tokens: Tokens, example: Example, group: int, rng: random.Random) -> Row:
    """Question and paragraph as one row, every sentence a segment."""
    para = example.paragraph
    ids = [CLS] + tokens(example.question)[:MAX_QUESTION] + [SEP]
    context = len(ids)
    if rng.random() < 0.5:
        ids = ids + tokens(para.title)[:MAX_TITLE] + tokens(":")
    types = [0] * len(ids)
    lengths = [len(tokens(s)) for s in para.sentences]
    first, last = 0, len(lengths)
    while sum(lengths[first:last]) + len(ids) + 1 > MAX_PASSAGE and last - first > 1:  # drop from the ends
        if example.gold and last - 1 <= max(example.gold) and first < min(example.gold):
            first += 1
        else:
            last -= 1
    segments, span = [], (0, 0)
    for index in range(first, last):
        at = len(ids)
        ids = (ids + tokens(para.sentences[index]))[: MAX_PASSAGE - 1]
        segments.append((at, len(ids), index in example.gold))
        if example.gold and index == example.gold[0]:
            span = span_in(tokens, para.sentences[index], example.answer, example.offset, at, len(ids))
    types += [1] * (len(ids) - len(types)) + [0]
    return Row(ids + [SEP], types, segments, group, span, context)


def pair_row(tokens: Tokens, example: Example, para: Paragraph, index: int, group: int, rng: random.Random) -> Row:
    """Question and one sentence in the exported format, title and previous sentence left out at times."""
    previous = para.sentences[index - 1] if index and rng.random() < 0.75 else ""
    title = para.title if rng.random() < 0.5 else ""
    ids, start, end = pair_ids(tokens, example.question, para.sentences[index], previous, title)
    gold = para is example.paragraph and index in example.gold
    span = (0, 0)
    if gold and index == example.gold[0]:
        span = span_in(tokens, para.sentences[index], example.answer, example.offset, start, end)
    types = [0] * start + [1] * (end - start) + [0]
    return Row(ids, types, [(start, end, gold)], group, span, 2 + len(tokens(example.question)[:MAX_QUESTION]))


def batches(groups: list[list[Row]], budget: int, rng: random.Random) -> list[list[Row]]:
    """Groups of rows packed to batches of about ``budget`` tokens, like lengths together."""
    rng.shuffle(groups)
    out: list[list[Row]] = []
    for at in range(0, len(groups), 240):
        chunk = sorted(groups[at : at + 240], key=lambda g: max(len(r.ids) for r in g))
        batch: list[Row] = []
        for group in chunk:
            width = max(len(r.ids) for r in batch + group)
            if batch and width * (len(batch) + len(group)) > budget:
                out.append(batch)
                batch = []
            batch = batch + group
        out.append(batch)
    rng.shuffle(out)
    return out


def blocks(rows: list[Row], budget: int = 1500) -> list[list[Row]]:
    """The rows by length, cut to blocks that need little padding."""
    out: list[list[Row]] = [[]]
    for row in sorted(rows, key=lambda r: len(r.ids)):
        if out[-1] and len(row.ids) * (len(out[-1]) + 1) > budget:
            out.append([])
        out[-1].append(row)
    return out


def block_scores(model: Scorer, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of the rows' segments, in order, and the span loss of each row."""
    ids, mask = pad([r.ids for r in rows])
    types = torch.zeros_like(ids)
    allowed = torch.zeros(ids.shape, dtype=torch.bool)
    inside = torch.zeros(sum(len(r.segments) for r in rows), ids.shape[1])
    owners: list[int] = []
    for i, row in enumerate(rows):
        types[i, : len(row.types)] = torch.tensor(row.types)
        allowed[i, row.context : len(row.ids) - 1] = True
        for start, end, _ in row.segments:
            inside[len(owners), start:end] = 1
            owners.append(i)
    allowed[:, 0] = True
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.encode(ids, mask, types)
    token = model.token_head(hidden)
    scores = model.score_segments(hidden, token, inside, torch.tensor(owners))
    span = token[:, :, :2].masked_fill(~allowed[:, :, None], -1e4)
    start, end = torch.tensor([r.span for r in rows]).T
    return scores, (
        F.cross_entropy(span[:, :, 0], start, reduction="none") + F.cross_entropy(span[:, :, 1], end, reduction="none")
    )


def loss_of(model: Scorer, rows: list[Row], span_weight: float) -> torch.Tensor:
    """Listwise loss of the groups (with "no answer" at 0) plus the span loss of the rows."""
    parts = blocks(rows)
    rows = [r for part in parts for r in part]
    results = [block_scores(model, part) for part in parts]
    scores, each = (torch.cat(x) for x in zip(*results))
    member = torch.tensor([r.group for r in rows for _ in r.segments])
    gold = torch.tensor([g for r in rows for _, _, g in r.segments])
    total = []
    for group in dict.fromkeys(r.group for r in rows):
        mine = member == group
        logits = torch.cat([torch.zeros(1), scores[mine]])
        right = torch.cat([~gold[mine].any()[None], gold[mine]])
        total.append(logits.logsumexp(0) - logits[right].logsumexp(0))
    weight = torch.tensor([1.0 if r.span[1] else 0.5 for r in rows])
    return torch.stack(total).mean() + span_weight * 0.5 * (each * weight).sum() / weight.sum()


class Trainer:
    """Builds the epochs and runs them."""

    def __init__(
        self,
        model: Scorer,
        tokens: Tokens,
        paragraphs: list[Paragraph],
        examples: list[Example],
        claims: list[tuple[Example, list[int]]],
        args: argparse.Namespace,
    ) -> None:
        self.model, self.tokens, self.args = model, tokens, args
        self.rng = random.Random(args.seed)
        self.examples, self.claims = examples, claims
        self.augment = Augmenter(paragraphs, self.rng)
        self.by_article: dict[str, list[Paragraph]] = defaultdict(list)
        for para in paragraphs:
            self.by_article[para.article].append(para)
        self.places, self.index = {}, {}
        for article, paras in self.by_article.items():
            self.places[article] = [(p, i) for p in paras for i in range(len(p.sentences))]
            self.index[article] = BM25([p.sentences[i] for p, i in self.places[article]])
        natural = {e.paragraph.article for e in examples if not e.gold}
        self.has_unanswerable = natural
        self.groups_made = 0

    def varied(self) -> list[Example]:
        """One epoch's examples: the data with changed copies."""
        out, rng = [], self.rng
        for example in self.examples:
            out.append(example)
            if not example.gold:
                continue
            if rng.random() < 0.25:
                changed = self.augment.counterfactual(example)
                if changed:
                    out[-1] = changed
            natural = example.paragraph.article in self.has_unanswerable
            if rng.random() < (0.2 if natural else 0.7):
                question = self.augment.swap(example)
                if question:
                    out.append(Example(question, example.paragraph, []))
            if rng.random() < (0.08 if natural else 0.2):
                less = self.augment.without_answer(example)
                if less:
                    out.append(less)
        return out

    def passages(self) -> list[list[Row]]:
        """An epoch of passage rows, with some paragraphs of the same article that hold no answer."""
        groups = []
        for example in self.varied():
            self.groups_made += 1
            groups.append([passage_row(self.tokens, example, self.groups_made, self.rng)])
            if example.gold and self.rng.random() < self.args.other_passages:
                for para, _ in self.far(example, 1):
                    self.groups_made += 1
                    other = Example(example.question, para, [])
                    groups.append([passage_row(self.tokens, other, self.groups_made, self.rng)])
        return groups

    def far(self, example: Example, count: int) -> list[tuple[Paragraph, int]]:
        """Sentences of the article's other paragraphs that look like the question but lack the answer."""
        article = example.paragraph.article
        if article not in self.index:
            return []
        scores = self.index[article].scores(example.question)
        found = []
        for at in np.argsort(-scores, kind="stable")[:40]:
            para, i = self.places[article][at]
            if para.uid != example.paragraph.uid and not (
                example.answer and example.answer.lower() in para.sentences[i].lower()
            ):
                found.append((para, i))
        return self.rng.sample(found[:6], min(count, len(found[:6])))

    def pairs(self) -> list[list[Row]]:
        """An epoch of groups in the exported format."""
        groups = []
        for example in self.varied():
            self.groups_made += 1
            para, rng = example.paragraph, self.rng
            wrong = [i for i in range(len(para.sentences)) if i not in example.gold]
            words = set(terms(example.question))
            wrong.sort(key=lambda i: -len(words & set(terms(para.sentences[i]))) + rng.random())
            near = wrong[:2] + rng.sample(wrong[2:], min(1, len(wrong[2:])))
            places = [(para, i) for i in example.gold[:1] + near] + self.far(example, 2 if example.gold else 1)
            groups.append([pair_row(self.tokens, example, p, i, self.groups_made, rng) for p, i in places])
        for claim, _ in self.claims:
            self.groups_made += 1
            wrong = [i for i in range(len(claim.paragraph.sentences)) if i not in claim.gold]
            words = set(terms(claim.question))
            wrong.sort(key=lambda i: -len(words & set(terms(claim.paragraph.sentences[i]))) + self.rng.random())
            chosen = self.rng.sample(claim.gold, min(1, len(claim.gold))) + self.rng.sample(
                wrong[:8], min(4, len(wrong[:8]))
            )
            groups.append(
                [pair_row(self.tokens, claim, claim.paragraph, i, self.groups_made, self.rng) for i in chosen]
            )
        return groups

    def run(self) -> None:
        """Train: passage epochs, then pair epochs, under one learning-rate schedule."""
        args, model = self.args, self.model
        torch.manual_seed(args.seed)
        model.words.weight.requires_grad_(False)
        model.positions.weight.requires_grad_(False)
        plan = []
        for _ in range(args.passage_epochs):
            plan += [(b, args.span_weight) for b in batches(self.passages(), args.batch_tokens, self.rng)]
        for _ in range(args.pair_epochs):
            plan += [(b, args.span_weight * 0.5) for b in batches(self.pairs(), args.batch_tokens, self.rng)]
        total = sum(sum(len(r.ids) for r in b) for b, _ in plan)
        print(f"{len(plan)} steps, {total} tokens", flush=True)
        heads = [
            p for n, p in model.named_parameters() if n.split(".")[0] in ("token_head", "mix", "rank", "span_weight")
        ]
        body = [p for n, p in model.named_parameters() if n.split(".")[0] in ("layers", "norm", "types")]
        optimiser = torch.optim.AdamW(
            [{"params": body, "lr": args.lr}, {"params": heads, "lr": args.lr * 5}], weight_decay=0.01, fused=True
        )
        warm = max(1, len(plan) // 12)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda s: min((s + 1) / warm, max(0.02, (len(plan) - s) / (len(plan) - warm)))
        )
        model.train()
        begin, running = time.time(), []
        for step, (rows, span_weight) in enumerate(plan):
            loss = loss_of(model, rows, span_weight)
            loss.backward()
            nn.utils.clip_grad_norm_(body + heads, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            running.append(loss.item())
            if step % 50 == 49:
                print(
                    f"step {step + 1}/{len(plan)} loss {np.mean(running[-50:]):.3f} {time.time() - begin:.0f} s",
                    flush=True,
                )
        model.eval()


def read_claims(path: Path, first_uid: int) -> list[tuple[Example, list[int]]]:
    """Claims with the article they cite: relevance in news prose. Partly supported claims are left out."""
    out = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        item = json.loads(line)
        if item["label"] == "partially_supported" or len(item["claim"].split()) > 45:
            continue
        sentences = item["evidence"]
        gold = sorted({i for ids in item["supporting_sentences"] for i in ids}) if item["label"] == "supported" else []
        gold = [i for i in gold if i < len(sentences) and 5 <= len(sentences[i].split()) <= 70]
        keep = [i for i in range(len(sentences)) if 5 <= len(sentences[i].split()) <= 70]
        if not keep or (item["label"] == "supported" and len(gold) != 1):
            continue
        para = Paragraph(first_uid + number, f"claim {number}", [sentences[i] for i in keep])
        out.append((Example(item["claim"], para, [keep.index(i) for i in gold]), keep))
    return out


# ----------------------------------------------------------------------------------------- evaluation

ScoreFn = Callable[[list[tuple[list[int], int, int]]], np.ndarray]


def torch_scores(model: Scorer) -> ScoreFn:
    """Scores of pairs by the torch model."""

    @torch.no_grad()
    def run(rows: list[tuple[list[int], int, int]]) -> np.ndarray:
        out = np.zeros(len(rows), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
        for at in range(0, len(order), 64):
            part = order[at : at + 64]
            ids, mask = pad([rows[i][0] for i in part])
            types = torch.zeros_like(ids)
            for line, i in enumerate(part):
                types[line, rows[i][1] : rows[i][2]] = 1
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out[part] = model(ids, mask, types).float().numpy()
        return out

    return run


def onnx_scores(path: Path, threads: int = 2) -> ScoreFn:
    """Scores of pairs by an exported model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(rows: list[tuple[list[int], int, int]]) -> np.ndarray:
        out = np.zeros(len(rows), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
        for at in range(0, len(order), 24):
            part = order[at : at + 24]
            ids, mask = pad([rows[i][0] for i in part])
            types = torch.zeros_like(ids)
            for line, i in enumerate(part):
                types[line, rows[i][1] : rows[i][2]] = 1
            feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "token_type_ids": types.numpy()}
            out[part] = session.run(["score"], feed)[0]
        return out

    return run


@dataclasses.dataclass
class Bench:
    """Everything that is scored, prepared once: unseen questions, candidates, baselines."""

    tokens: Tokens
    examples: list[Example]
    places: list[tuple[Paragraph, int]]
    known: list[list[int]]  # per question: its paragraph's sentences, as indices into places
    known_base: list[dict[str, np.ndarray]]
    open_top: list[np.ndarray]  # per question: best candidates over all passages
    open_base: list[dict[str, np.ndarray]]
    trec: list[tuple[str, list[str], np.ndarray, dict[str, np.ndarray]]]


def prepare(
    base: Scorer, tokens: Tokens, pool: list[Paragraph], examples: list[Example], trec_path: Path, top: int
) -> Bench:
    """Baselines and candidate lists."""

    def embed(texts: Sequence[str]) -> np.ndarray:
        return base.embed([[CLS] + tokens(t)[: POSITIONS - 2] + [SEP] for t in texts])

    places = [(p, i) for p in pool for i in range(len(p.sentences))]
    sentences = [p.sentences[i] for p, i in places]
    at_para: dict[int, list[int]] = defaultdict(list)
    for at, (p, _) in enumerate(places):
        at_para[p.uid].append(at)
    lexical, vectors = BM25(sentences), embed(sentences)
    questions = embed([e.question for e in examples])
    known, known_base, open_top, open_base = [], [], [], []
    for example, vector in zip(examples, questions):
        values = {"bm25": lexical.scores(example.question), "cosine": vectors @ vector}
        values["fusion"] = minmax(values["bm25"]) + minmax(values["cosine"])
        mine = at_para[example.paragraph.uid]
        known.append(mine)
        near = {k: v[mine] for k, v in values.items()}
        near["fusion (own scale)"] = minmax(near["bm25"]) + minmax(near["cosine"])
        known_base.append(near)
        best = np.argsort(-values["fusion"], kind="stable")[:top]
        open_top.append(best)
        open_base.append(
            {
                "fusion": values["fusion"][best],
                "bm25 max": values["bm25"].max(),
                "cosine max": values["cosine"].max(),
                "bm25 order": np.argsort(-values["bm25"], kind="stable")[:top],
                "cosine order": np.argsort(-values["cosine"], kind="stable")[:top],
            }
        )
    trec = []
    if trec_path.exists():
        for item in json.loads(trec_path.read_text(encoding="utf-8")):
            if not item["positives"] or not item["negatives"]:
                continue
            texts = item["positives"] + item["negatives"]
            labels = np.array([1] * len(item["positives"]) + [0] * len(item["negatives"]))
            vec = embed([item["question"]] + texts)
            values = {"cosine": vec[1:] @ vec[0]}
            trec.append((item["question"], texts, labels, values))
        everything = BM25([t for _, texts, _, _ in trec for t in texts])
        at = 0
        for question, texts, _, values in trec:
            values["bm25"] = everything.scores(question)[at : at + len(texts)]
            at += len(texts)
            values["fusion"] = minmax(values["bm25"]) + minmax(values["cosine"])
    return Bench(tokens, examples, places, known, known_base, open_top, open_base, trec)


def average_precision(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """AP and reciprocal rank; ties are broken against the system."""
    order = np.lexsort((labels, -scores))
    hits = np.flatnonzero(labels[order])
    return float(np.mean([(k + 1) / (h + 1) for k, h in enumerate(hits)])), 1.0 / (hits[0] + 1)


def is_gold(example: Example, place: tuple[Paragraph, int]) -> bool:
    return place[0].uid == example.paragraph.uid and place[1] in example.gold


def evaluate(
    bench: Bench, score: ScoreFn | None, weights: Sequence[float] = (0.5, 1.0, 2.0, 4.0), limit: int | None = None
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Figures of the baselines (``score`` None) or of a scorer, and the raw maxima for calibration."""
    examples = bench.examples
    out: dict[str, float] = {}
    answerable = np.array([bool(e.gold) for e in examples])
    rows_of = lambda e, at: pair_ids(
        bench.tokens,
        e.question,
        bench.places[at][0].sentences[bench.places[at][1]],
        bench.places[at][0].sentences[bench.places[at][1] - 1] if bench.places[at][1] else "",
        bench.places[at][0].title,
    )
    raw: dict[str, np.ndarray] = {"answerable": answerable}
    if score is None:
        for kind in ("bm25", "cosine", "fusion"):
            hits = [
                is_gold(e, bench.places[m[int(np.argmax(b["fusion (own scale)" if kind == "fusion" else kind]))]])
                for e, m, b in zip(examples, bench.known, bench.known_base)
                if e.gold
            ]
            out[f"paragraph top-1 {kind}"] = float(np.mean(hits))
            out[f"paragraph AUROC {kind}"] = roc_auc_score(answerable, [b[kind].max() for b in bench.known_base])
            orders = [t if kind == "fusion" else b[f"{kind} order"] for t, b in zip(bench.open_top, bench.open_base)]
            for k in (1, 3):
                out[f"open top-{k} {kind}"] = float(
                    np.mean(
                        [any(is_gold(e, bench.places[a]) for a in o[:k]) for e, o in zip(examples, orders) if e.gold]
                    )
                )
            peak = [b["fusion"].max() if kind == "fusion" else b[f"{kind} max"] for b in bench.open_base]
            out[f"open AUROC {kind}"] = roc_auc_score(answerable, peak)
            if bench.trec:
                aps = [average_precision(labels, values[kind]) for _, _, labels, values in bench.trec]
                out[f"trec MAP {kind}"], out[f"trec MRR {kind}"] = map(float, np.mean(aps, axis=0))
        out["open candidates hold the answer"] = float(
            np.mean([any(is_gold(e, bench.places[a]) for a in t) for e, t in zip(examples, bench.open_top) if e.gold])
        )
        return out, raw

    flat = [rows_of(e, a) for e, m in zip(examples, bench.known) for a in m]
    values, at, known_max, hits, fused = score(flat), 0, [], [], defaultdict(list)
    for e, m, b in zip(examples, bench.known, bench.known_base):
        mine = values[at : at + len(m)]
        at += len(m)
        known_max.append(mine.max())
        if e.gold:
            hits.append(is_gold(e, bench.places[m[int(np.argmax(mine))]]))
            for w in weights:
                fused[w].append(is_gold(e, bench.places[m[int(np.argmax(mine + w * b["fusion"]))]]))
    out["paragraph top-1"] = float(np.mean(hits))
    for w in weights:
        out[f"paragraph top-1 +{w}*fusion"] = float(np.mean(fused[w]))
    raw["paragraph"] = np.array(known_max)
    out["paragraph AUROC"] = roc_auc_score(answerable, known_max)

    examples, answerable = examples[:limit], answerable[:limit]
    flat = [rows_of(e, a) for e, t in zip(examples, bench.open_top) for a in t]
    values, at, peak = score(flat), 0, []
    found: dict[str, list[bool]] = defaultdict(list)
    for e, t, b in zip(examples, bench.open_top, bench.open_base):
        mine = values[at : at + len(t)]
        at += len(t)
        peak.append(mine.max())
        if not e.gold:
            continue
        right = np.array([is_gold(e, bench.places[a]) for a in t])
        for w in (0.0, *weights):
            order = np.argsort(-(mine + w * b["fusion"]), kind="stable")
            for k in (1, 3):
                found[f"open top-{k}" + (f" +{w}*fusion" if w else "")].append(bool(right[order[:k]].any()))
    out.update({k: float(np.mean(v)) for k, v in found.items()})
    raw["open"], raw["open answerable"] = np.array(peak), answerable
    raw["cosine max"] = np.array([b["cosine max"] for b in bench.open_base])
    raw["paragraph cosine max"] = np.array([b["cosine"].max() for b in bench.known_base])
    out["open AUROC"] = roc_auc_score(answerable, peak)
    if bench.trec:
        trec: dict[float, list[tuple[float, float]]] = defaultdict(list)
        for question, texts, labels, base in bench.trec:
            mine = score([pair_ids(bench.tokens, question, t) for t in texts])
            for w in (0.0, *weights):
                trec[w].append(average_precision(labels, mine + w * base["fusion"]))
        for w, aps in trec.items():
            tail = f" +{w}*fusion" if w else ""
            out["trec MAP" + tail], out["trec MRR" + tail] = map(float, np.mean(aps, axis=0))
    return out, raw


def calibration(raw: dict[str, np.ndarray], kind: str) -> list[str]:
    """Logistic fit of answerable on the largest score, and false answers against false refusals."""
    x, y = raw[kind], raw["open answerable" if kind == "open" else "answerable"]
    fit = LogisticRegression(C=100).fit(x[:, None], y)
    a, b = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    lines = [
        f"{kind}: P(answerable) = sigmoid({a:.3f} * max score + {b:.3f}), n = {len(y)}",
        "  threshold   P    false answers (of unanswerable)  false refusals (of answerable)",
    ]
    for t in np.quantile(x, [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]):
        p = 1 / (1 + math.exp(-(a * t + b)))
        lines.append(f"  {t:8.2f}  {p:.2f}   {np.mean(x[~y] >= t):.3f}   {np.mean(x[y] < t):.3f}")
    return lines


# --------------------------------------------------------------------------------------------- export


class Trimmed(nn.Module):
    """The scorer without the embeddings of the vocabulary's [unused] entries, which never occur."""

    def __init__(self, model: Scorer) -> None:
        super().__init__()
        self.model = model
        self.table = model.words
        keep = [PAD, UNK, CLS, SEP, MASK] + list(range(FIRST_USED, len(model.words.weight)))
        model.words = nn.Embedding.from_pretrained(model.words.weight.detach()[keep].clone())

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        special = (input_ids - (UNK - 1)).clamp(0, 4)
        ids = torch.where(input_ids >= FIRST_USED, input_ids - (FIRST_USED - 5), special)
        return self.model(ids, attention_mask, token_type_ids)

    def restore(self) -> None:
        self.model.words = self.table


def export(model: Scorer, out: Path) -> dict[str, Path]:
    """Write scorer-fp32.onnx and the shipped scorer-int8.onnx (weights int8 with a scale per channel)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model.eval()
    ids = torch.randint(1000, 2000, (3, 20))
    types = torch.zeros_like(ids)
    types[:, 10:19] = 1
    axes = {0: "batch", 1: "length"}
    paths = {"fp32": out / "scorer-fp32.onnx", "int8": out / "scorer-int8.onnx"}
    trimmed = Trimmed(model).eval()
    torch.onnx.export(
        trimmed,
        (ids, torch.ones_like(ids), types),
        str(paths["fp32"]),
        dynamo=False,
        opset_version=17,
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["score"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "token_type_ids": axes, "score": {0: "batch"}},
    )
    trimmed.restore()
    quantize_dynamic(str(paths["fp32"]), str(paths["int8"]), weight_type=QuantType.QInt8, per_channel=True)
    return paths


def latency(path: Path, threads: int = 2) -> float:
    """Milliseconds for a batch of 24 pairs of 64 tokens."""
    run = onnx_scores(path, threads)
    rows = [([CLS] + [2000 + i] * 62 + [SEP], 30, 63) for i in range(24)]
    times = []
    for _ in range(12):
        begin = time.perf_counter()
        run(rows)
        times.append(time.perf_counter() - begin)
    return float(np.median(times) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bench", type=Path, required=True, help="folder with the data")
    parser.add_argument(
        "--base", type=Path, required=True, help="folder with config.json, model.safetensors, tokenizer.json"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--holdout",
        nargs="*",
        default=["Steam_engine", "Islamism"],
        help="articles never trained on; none: train on all",
    )
    parser.add_argument("--passage-epochs", type=int, default=2)
    parser.add_argument("--pair-epochs", type=int, default=1)
    parser.add_argument("--batch-tokens", type=int, default=2400)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--span-weight", type=float, default=0.6)
    parser.add_argument("--other-passages", type=float, default=0.15)
    parser.add_argument("--init", type=Path, default=None, help="go on from this scorer.pt")
    parser.add_argument("--claims", action="store_true", help="also train on wice-dev.jsonl")
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--limit", type=int, default=None, help="open search: only so many questions")
    parser.add_argument("--evaluate", type=Path, nargs="*", default=[], help="only evaluate these exported models")
    parser.add_argument("--drop", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))

    tokens = Tokens(args.base / "tokenizer.json")
    model = Scorer(json.loads((args.base / "config.json").read_text()), args.drop)
    model.load_base(args.base)
    model.eval()
    squad_paragraphs, squad = read_squad(args.bench / "squad2-dev.json", 0)
    other_paragraphs, other = read_squad(args.bench / "xquad-train.json", 100_000)
    unseen = [e for e in squad if e.paragraph.article in args.holdout]
    random.Random(args.seed).shuffle(unseen)
    bench = None
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    if unseen:
        bench = prepare(model, tokens, squad_paragraphs, unseen, args.bench / "trecqa-dev.json", args.candidates)
        say(
            f"unseen articles {args.holdout}: {len(unseen)} questions, {sum(bool(e.gold) for e in unseen)} answerable, "
            f"open: {len(bench.places)} sentences in {len(squad_paragraphs)} paragraphs; trecqa-dev {len(bench.trec)} questions"
        )
        for name, value in evaluate(bench, None)[0].items():
            say(f"  {name:42s} {value:.4f}")

    def report(name: str, score: ScoreFn) -> None:
        say(f"{name}:")
        figures, raw = evaluate(bench, score, limit=args.limit)
        for key, value in figures.items():
            say(f"  {key:42s} {value:.4f}")
        for kind in ("paragraph", "open"):
            for line in calibration(raw, kind):
                say(line)
        np.savez(args.out / f"raw-{name}.npz", **raw)
        (args.out / "figures.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    if args.evaluate:
        for path in args.evaluate:
            say(f"{path.name}: {path.stat().st_size} bytes, {latency(path):.1f} ms for 24 pairs of 64 tokens")
            report(f"{path.parent.name}-{path.stem}", onnx_scores(path))
        return

    claims = read_claims(args.bench / "wice-dev.jsonl", 200_000) if args.claims else []
    train = [e for e in squad + other if e.paragraph.article not in args.holdout]
    paragraphs = [p for p in squad_paragraphs + other_paragraphs if p.article not in args.holdout]
    print(
        f"training on {len(train)} questions ({sum(not e.gold for e in train)} unanswerable), {len(claims)} claims",
        flush=True,
    )
    if args.init is not None:
        model.load_state_dict(torch.load(args.init))
    begin = time.time()
    Trainer(model, tokens, paragraphs, train, claims, args).run()
    say(f"trained in {time.time() - begin:.0f} s")
    torch.save(model.state_dict(), args.out / "scorer.pt")
    paths = export(model, args.out)
    for name, path in paths.items():
        say(f"{name}: {path.stat().st_size} bytes, {latency(path):.1f} ms for 24 pairs of 64 tokens")
    if bench is not None:
        report("int8", onnx_scores(paths["int8"]))
    (args.out / "figures.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
