"""Passages as Chroma keeps them, and the snapshot that a collection of them makes."""

import base64
import hashlib
import json
import time
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assistant.articles import Article
from assistant.embeddings import Vectors
from assistant.filters import facts
from assistant.passages import Passage
from assistant.snapshot import PassageTable, Snapshot

#: Changes when other things are stored with a passage: part of the index's name, so that versions never mix.
RECORD_VERSION = 2


@dataclass(frozen=True, slots=True)
class Record:
    """A passage of one version of an article. Beside it Chroma has its id and the passage's vector."""

    id: str
    article_id: str
    digest: str  # of the article
    passages: int  # of the article
    ordinal: int
    start: int
    written: int  # nanoseconds
    article: dict[str, Any] | None  # without the text, with the first passage only
    text: str
    sentences: list[int]  # start, end, start, end, …
    packed: bytes


#: For each article id and digest, the passages that are there.
Stored = dict[str, dict[str, list[Record]]]


def metadata(passage: Passage, passages: int, rows: Vectors) -> dict[str, Any]:
    """What is stored with a passage: what articles are filtered by, and all else as one text, which reads faster."""
    article = passage.article
    record = {
        "article_id": article.id,
        "digest": article.digest,
        "passages": passages,
        "ordinal": passage.ordinal,
        "start": passage.start,
        "written": time.time_ns(),
        "article": None if passage.ordinal else article.model_dump(mode="json", exclude={"text"}),
        "sentences": [offset for span in passage.sentences for offset in (span.start, span.end)],
        "packed": _pack(rows),
    }
    return {**facts(article), "record": json.dumps(record)}


def read_record(key: str, meta: Mapping[str, Any], text: str) -> Record:
    """A record from what Chroma gives back."""
    found = json.loads(meta["record"])
    return Record(id=key, text=text, **{**found, "packed": base64.b64decode(found["packed"])})


def by_version(records: Iterable[Record]) -> Stored:
    """The records by article and version."""
    stored: Stored = {}
    for record in records:
        stored.setdefault(record.article_id, {}).setdefault(record.digest, []).append(record)
    return stored


def whole(records: Sequence[Record]) -> bool:
    """Whether a version has all its passages; one whose writing was cut short has not."""
    return bool(records) and len(records) == records[0].passages


def revision(stored: Stored) -> str:
    """A name for what is stored: the same articles have the same."""
    return _hash({(key, digest) for key, own in stored.items() for digest, records in own.items() if whole(records)})


def snapshot_of(stored: Stored) -> Snapshot:
    """The snapshot of the whole articles, each in the version written last. Takes the records out of `stored`."""
    articles: list[Article] = []
    versions: set[tuple[str, str]] = set()
    keys: list[str] = []
    passages, starts, sentences, spans = array("q"), array("q"), array("q"), array("q")
    packed = bytearray()
    for key in sorted(stored):
        complete = [records for records in stored.pop(key).values() if whole(records)]  # which also frees memory
        if not complete:
            continue
        records = max(complete, key=lambda own: own[0].written)
        records.sort(key=lambda record: record.ordinal)
        text = "".join(record.text for record in records)
        articles.append(Article.model_validate({**(records[0].article or {}), "text": text}))
        versions.add((key, records[0].digest))
        passages.append(len(records))
        for record in records:
            keys.append(record.id)
            sentences.append(len(record.sentences) // 2)
            starts.append(record.start)
            spans.extend(record.sentences)
            packed += record.packed
    table = PassageTable(articles, passages, starts, sentences, spans)
    count = len(spans) // 2
    return Snapshot(_hash(versions), keys, table, np.frombuffer(packed, np.int8).reshape(count, -1 if count else 0))


def _hash(versions: set[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(versions)).encode()).hexdigest()[:16]


def _pack(rows: Vectors) -> str:
    """Unit vectors as 8-bit integers in text: a quarter of the size, and cosines right to about 0.005."""
    return base64.b64encode(np.rint(rows * 127).astype(np.int8).tobytes()).decode()
