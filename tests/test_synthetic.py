"""The benchmark's corpus: the same every time, new words with every article, vectors as a model would give."""

import numpy as np
from helpers import ROOT, HashEmbeddings
from synthetic import Synthetic

from assistant.articles import load_corpus
from assistant.lexical import words
from assistant.passages import split_passages


def test_a_synthetic_corpus() -> None:
    made = Synthetic(load_corpus(ROOT / "corpus").articles, HashEmbeddings())
    articles = list(made.articles(300))
    passages = [passage for article in articles for passage in split_passages(article)]
    assert articles == list(made.articles(300))
    assert 270 < len(passages) < 330
    assert len({article.id for article in articles}) == len(articles)
    first, second = (
        {word for article in half for word in words(article.text)} for half in (articles[::2], articles[1::2])
    )
    assert len(second - first) > 200, "a larger corpus has more words"
    assert articles[0].text in articles[19].text, "a reprint"

    (vector, rows), again = made.embed_passages(passages[:1])[0], made.embed_passages(passages[:1])[0]
    assert np.array_equal(rows, again[1])
    assert rows.shape == (len(passages[0].sentences), 64)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert float(rows[0] @ vector) > 0.2
