"""The learned scorer: how likely a sentence is to carry the answer to a question.

A cross-encoder of MiniLM's size (22.7 million parameters, int8), trained by `assistant.evaluation.scorer_training`.
It reads `[CLS] question [SEP] title : previous sentence, sentence [SEP]`; token type 1 marks the sentence itself.
"""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

CLS, SEP, COLON = 101, 102, 1024
MAX_QUESTION, MAX_TITLE, _MAX_PREVIOUS, _MAX_TOKENS = 48, 12, 32, 192
_BATCH = 8


class Pair(NamedTuple):
    """A question and a sentence as the model reads them: token ids, and where the sentence is, `ids[start:end]`."""

    ids: list[int]
    start: int
    end: int


def lay_out(question: Sequence[int], title: Sequence[int], previous: Sequence[int], sentence: Sequence[int]) -> Pair:
    """Put the token ids of the four texts together; title and previous sentence may be empty. Cuts what is too long."""
    before = [CLS, *question[:MAX_QUESTION], SEP]
    if title:
        before += [*title[:MAX_TITLE], COLON]
    before += previous[-_MAX_PREVIOUS:]
    body = sentence[: _MAX_TOKENS - 1 - len(before)]
    return Pair([*before, *body, SEP], len(before), len(before) + len(body))


class Scorer:
    """Scores pairs of a question and a sentence. Higher is likelier; about 0.5 is where chances are even."""

    def __init__(self, threads: int = 2, model: Path | None = None) -> None:
        """Load the packaged model, or another file of the same kind."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait busily take the cores from the other model.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        data = files("assistant") / "data"
        with as_file(data / "scorer.onnx") as packaged, as_file(data / "tokenizer.json") as tokenizer:
            path = str(model or packaged)
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def scores(self, question: str, candidates: Sequence[tuple[str, str, str]]) -> NDArray[np.float32]:
        """One score for each candidate, given as (title, previous sentence or nothing, sentence)."""
        if not candidates:
            return np.zeros(0, np.float32)
        asked = self.tokens(question)
        pairs = [lay_out(asked, *(self.tokens(text) for text in candidate)) for candidate in candidates]
        out = np.zeros(len(pairs), np.float32)
        # Pairs of like length together: padding costs as much as words.
        order = sorted(range(len(pairs)), key=lambda number: len(pairs[number].ids))
        for first in range(0, len(order), _BATCH):
            places = order[first : first + _BATCH]
            out[places] = self._run([pairs[place] for place in places])
        return out

    def tokens(self, text: str) -> list[int]:
        """The ids of the text's word pieces, without the special ones."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids) if text else []

    def _run(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        ids = np.zeros((len(pairs), max(len(pair.ids) for pair in pairs)), np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for line, pair in enumerate(pairs):
            ids[line, : len(pair.ids)] = pair.ids
            mask[line, : len(pair.ids)] = 1
            types[line, pair.start : pair.end] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return np.asarray(self._session.run(["score"], feed)[0], np.float32)
