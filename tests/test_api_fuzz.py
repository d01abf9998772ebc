"""Some hundreds of generated requests; `make fuzz` makes thousands."""

from pathlib import Path

from api import tower
from fuzz import fuzz

from assistant.embeddings import LocalEmbeddings
from assistant.reading.scorer import Scorer


def test_every_reply_is_as_documented(tmp_path: Path, local_embeddings: LocalEmbeddings, scorer: Scorer) -> None:
    with tower(tmp_path, local_embeddings, scorer, rate_limit_key="1000000/minute") as chain:
        assert fuzz(chain, 5, tmp_path) >= 400
