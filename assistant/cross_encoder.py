"""A cross-encoder in int8 that reads two texts at once and gives one score: what scorer and support model share."""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

CLS, SEP, COLON = 101, 102, 1024
MAX_TITLE, _MAX_PREVIOUS = 12, 32
_BATCH = 8


class Pair(NamedTuple):
    """Two texts as the model reads them: token ids, and where the second one is, `ids[start:end]`."""

    ids: list[int]
    start: int
    end: int


class CrossEncoder:
    """A network of MiniLM's size (22.7 million parameters) that reads `[CLS] first [SEP] title : before, second [SEP]`.

    Token type 1 marks the second text; title and the sentence before it are its context.
    """

    def __init__(self, model: str | Path, first: int, longest: int, threads: int = 2) -> None:
        """Load a packaged model by its name, or a file; at most `first` and `longest` tokens are read, of the first
        text and in all.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait busily take the cores from the other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        data = files("assistant") / "data"
        with as_file(data / str(model)) as packaged, as_file(data / "tokenizer.json") as tokenizer:
            path = str(model) if isinstance(model, Path) else str(packaged)
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._first, self._longest = first, longest

    def scores(self, text: str, candidates: Sequence[tuple[str, str, str]]) -> NDArray[np.float32]:
        """A score for `text` with each candidate, given as (title, sentence before or nothing, second text)."""
        if not candidates:
            return np.zeros(0, np.float32)
        tokens = self.tokens(text)
        pairs = []
        for title, before, second in candidates:
            context = self.tokens(title), self.tokens(before), self.tokens(second)
            pairs.append(lay_out(tokens, *context, first=self._first, longest=self._longest))
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


def lay_out(
    text: Sequence[int], title: Sequence[int], before: Sequence[int], second: Sequence[int], *, first: int, longest: int
) -> Pair:
    """Put the token ids of the four texts together; title and sentence before may be empty. Cuts what is too long."""
    head = [CLS, *text[:first], SEP]
    if title:
        head += [*title[:MAX_TITLE], COLON]
    head += before[-_MAX_PREVIOUS:]
    body = second[: longest - 1 - len(head)]
    return Pair([*head, *body, SEP], len(head), len(head) + len(body))
