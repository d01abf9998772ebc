"""A snapshot: what is searched in memory is what the passages say."""

import numpy as np
import pytest

from assistant.chain import AnswerChain
from assistant.lexical import LexicalIndex, stems, words
from assistant.snapshot import wording

QUESTIONS = ("Why did Musk lose in court?", "What ties OpenAI to Azure?", "$13 billion in 2023", "the of", "Suleyman’s")


def test_reading_the_words_once_gives_the_same_indexes_as_reading_each_text(story: AnswerChain) -> None:
    snapshot = story.index.snapshot
    texts = [span.of(passage.article.text) for passage in snapshot.passages for span in passage.sentences]
    sentences = LexicalIndex(texts)
    articles = LexicalIndex(f"{article.title}\n{article.text}" for article in snapshot.articles.values())
    for question in QUESTIONS:
        query = stems(question)
        assert np.allclose(snapshot.lexical.scores(query), sentences.scores(query), atol=1e-5)
        assert np.allclose(snapshot.lexical_articles.scores(query), articles.scores(query), atol=1e-5)
        for stem in query:
            assert snapshot.lexical.weight(stem) == pytest.approx(sentences.weight(stem))
            assert (stem in snapshot.lexical) == (stem in sentences)
    assert snapshot.lexical.words.items() >= {word: sentences.words[word] for word in ("the", "azure")}.items()


def test_a_title_s_word_is_in_no_sentence(story: AnswerChain) -> None:
    """The two indexes share their stems' numbers, not their texts."""
    snapshot = story.index.snapshot
    for article in snapshot.articles.values():
        for stem in stems(article.title):
            in_sentences = snapshot.lexical.scores([stem]).any()
            assert (stem in snapshot.lexical) == in_sentences
            assert stem in snapshot.lexical_articles


def test_vectors_have_unit_length_and_follow_the_sentences(story: AnswerChain) -> None:
    snapshot = story.index.snapshot
    picked = np.array([0, 5, snapshot.first_sentence[-1] - 1])
    vectors = snapshot.vectors(picked)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    rows = snapshot.owner[picked]
    exact = dict(
        zip(rows, story.index.embeddings.embed_passages([snapshot.passages[row] for row in rows]), strict=True)
    )
    for vector, sentence, row in zip(vectors, picked, rows, strict=True):
        assert float(vector @ exact[row][1][sentence - snapshot.first_sentence[row]]) > 0.99


def test_wordings() -> None:
    same = ["“It’s over,” she said.", "It's over  she SAID"]
    other = ["It is over, she said.", "It's not over, she said.", "It’s over 5 she said"]
    numbers = [wording(words(text)) for text in (*same, *other)]
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == 4
