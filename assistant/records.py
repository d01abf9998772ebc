"""Passages as Chroma keeps them, and the snapshot that a revision of them makes."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.articles import Article
from assistant.embeddings import Vectors
from assistant.filters import facts
from assistant.passages import Passage
from assistant.snapshot import Part

#: Changes when other things are stored with a passage: part of the index's name, so that versions never mix.
RECORD_VERSION = 3


def metadata(passage: Passage, rows: NDArray[np.int8]) -> dict[str, Any]:
    """What is stored with a passage: what articles are filtered by, and all else as one text, which reads faster.

    `rows` are its sentences' vectors, `packed`.
    """
    article = passage.article
    record = {
        "ordinal": passage.ordinal,
        "start": passage.start,
        "article": None if passage.ordinal else article.model_dump(mode="json", exclude={"text"}),
        "sentences": [offset for span in passage.sentences for offset in (span.start, span.end)],
        "packed": base64.b64encode(rows.tobytes()).decode(),
    }
    return {**facts(article), "record": json.dumps(record)}


def part_of(passages: Iterable[tuple[Mapping[str, Any], str]]) -> Part:
    """An article's part of a snapshot, from the metadata and the text of all its passages in any order."""
    read = sorted(((json.loads(meta["record"]), text) for meta, text in passages), key=lambda one: one[0]["ordinal"])
    article = Article.model_validate({**(read[0][0]["article"] or {}), "text": "".join(text for _, text in read)})
    spans = np.array([offset for record, _ in read for offset in record["sentences"]], np.int64)
    rows = np.frombuffer(b"".join(base64.b64decode(record["packed"]) for record, _ in read), np.int8)
    return Part(
        article,
        starts=np.array([record["start"] for record, _ in read], np.int64),
        sentences=np.array([len(record["sentences"]) // 2 for record, _ in read], np.int64),
        spans=spans.reshape(-1, 2),
        packed=rows.reshape(len(spans) // 2, -1) if len(spans) else np.zeros((0, 0), np.int8),
    )


def packed(rows: Vectors) -> NDArray[np.int8]:
    """Unit vectors as 8-bit integers: a quarter of the size, and cosines right to about 0.005."""
    return np.rint(rows * 127).astype(np.int8)
