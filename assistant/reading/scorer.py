"""The learned scorer: how likely a sentence is to carry the answer to a question.

A cross-encoder of MiniLM's size (22.7 million parameters, int8), trained by `train_scorer.py` on SQuAD 2.0 and XQuAD.
It reads `[CLS] question [SEP] title : previous sentence, sentence [SEP]`; token type 1 marks the sentence itself.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_MAX_QUESTION, _MAX_TITLE, _MAX_PREVIOUS, _MAX_TOKENS = 48, 12, 32, 192
_CLS, _SEP = 101, 102
_BATCH = 8


class Scorer:
    """Scores pairs of a question and a sentence. Higher is likelier; about 0.5 is where chances are even."""

    def __init__(self, threads: int = 2) -> None:
        """Load the packaged model."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait busily take the cores from the other model.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        data = files("assistant") / "data"
        with as_file(data / "scorer.onnx") as model, as_file(data / "tokenizer.json") as tokenizer:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def scores(self, question: str, candidates: Sequence[tuple[str, str, str]]) -> NDArray[np.float32]:
        """One score for each candidate, given as (title, previous sentence or nothing, sentence)."""
        if not candidates:
            return np.zeros(0, np.float32)
        head = [_CLS, *self._ids(question)[:_MAX_QUESTION], _SEP]
        rows = []
        for title, previous, sentence in candidates:
            before = [*head, *self._ids(title)[:_MAX_TITLE], *self._ids(":")] if title else list(head)
            before += self._ids(previous)[-_MAX_PREVIOUS:] if previous else []
            body = self._ids(sentence)[: _MAX_TOKENS - 1 - len(before)]
            rows.append((before, body))
        out = np.zeros(len(rows), np.float32)
        # Rows of like length together: padding costs as much as words.
        order = sorted(range(len(rows)), key=lambda row: sum(map(len, rows[row])))
        for first in range(0, len(order), _BATCH):
            places = order[first : first + _BATCH]
            out[places] = self._run([rows[place] for place in places])
        return out

    def _run(self, rows: Sequence[tuple[list[int], list[int]]]) -> NDArray[np.float32]:
        width = max(len(before) + len(body) for before, body in rows) + 1
        ids = np.zeros((len(rows), width), np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for line, (before, body) in enumerate(rows):
            length = len(before) + len(body) + 1
            ids[line, :length] = [*before, *body, _SEP]
            mask[line, :length] = 1
            types[line, len(before) : length - 1] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return np.asarray(self._session.run(["score"], feed)[0], np.float32)

    @cached_property
    def known_words(self) -> frozenset[str]:
        """Whole words of the model's vocabulary, lower case: common enough not to be misspellings."""
        return frozenset(word for word in self._tokenizer.get_vocab() if word.isalpha())

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
