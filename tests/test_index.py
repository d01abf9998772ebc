"""The index in step with the articles, embedded and on a Chroma server: what goes in, what comes back, what stays."""

import os
import re

import numpy as np
import pytest
from conftest import SettingsFactory
from helpers import (
    NEW,
    OLD,
    CountingEmbeddings,
    HashEmbeddings,
    assert_as_built_from_nothing,
    assert_same_snapshot,
    corpus_of,
    count_passages,
    done,
    make_article,
    opened,
    stored_passages,
    write_article,
)
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assistant import index as module
from assistant import revisions
from assistant.articles import Corpus, load_corpus
from assistant.embeddings import LocalEmbeddings
from assistant.index import Index
from assistant.settings import Settings


@pytest.fixture(params=["embedded", "server"])
def settings(request: pytest.FixtureRequest, settings: SettingsFactory) -> SettingsFactory:
    """All that holds for the embedded store holds for a Chroma server."""
    url = request.getfixturevalue("chroma_server").url if request.param == "server" else None
    return lambda **overrides: settings(**{"chroma_url": url, **overrides})


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no revision has any more is deleted at once, so that tests can count."""
    monkeypatch.setattr(revisions, "GRACE", 0.0)


# -- in step with the articles -----------------------------------------------------------------------------------


def test_sync_adds_changes_removes_and_leaves_alone(settings: SettingsFactory) -> None:
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(settings(), counting) as index:
        report = index.sync(OLD)
        assert done(report) == {"added": ("a", "b", "c")}
        assert report.passages_embedded == counting.passages == count_passages(*OLD.articles)

        counting.passages = 0
        report = index.sync(OLD)
        assert done(report) == {"unchanged": ("a", "b", "c")}
        assert report.passages_embedded == counting.passages == 0

        report = index.sync(NEW)
        assert done(report) == {"added": ("d",), "changed": ("a",), "removed": ("b",), "unchanged": ("c",)}
        # Of what changed, only the passages whose words are other words.
        assert 0 < report.passages_embedded == counting.passages < count_passages(NEW.articles[0], NEW.articles[2])
        assert index.snapshot.articles == {article.id: article for article in NEW.articles}
        assert stored_passages(index) == len(index.snapshot.passages) == count_passages(*NEW.articles)
    assert_as_built_from_nothing(settings(), NEW, HashEmbeddings())


def test_what_was_synced_is_there_after_closing(settings: SettingsFactory) -> None:
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(settings(), counting) as index:
        index.sync(OLD)
        before = index.snapshot
    counting.passages = 0
    with opened(settings(), counting) as index:
        assert_same_snapshot(index.snapshot, before)
        assert done(index.sync(OLD)) == {"unchanged": ("a", "b", "c")}
    assert counting.passages == 0


def test_a_touched_file_is_unchanged_and_a_renamed_one_is_another(settings: SettingsFactory) -> None:
    made = settings()
    path = write_article(made.corpus_dir, "a.md")
    with opened(made) as index:
        index.sync(load_corpus(made.corpus_dir))
        os.utime(path, (1, 1))
        assert done(index.sync(load_corpus(made.corpus_dir))) == {"unchanged": ("a",)}
        path.rename(made.corpus_dir / "b.md")
        assert done(index.sync(load_corpus(made.corpus_dir))) == {"added": ("b",), "removed": ("a",)}
        assert list(index.snapshot.articles) == ["b"]


def test_a_changed_title_alone_changes_the_article(settings: SettingsFactory) -> None:
    with opened(settings()) as index:
        index.sync(corpus_of(make_article(title="One")))
        assert done(index.sync(corpus_of(make_article(title="Two")))) == {"changed": ("one",)}
        assert [article.title for article in index.snapshot.articles.values()] == ["Two"]
        assert stored_passages(index) == 1


def test_an_article_that_turns_broken_keeps_its_indexed_version(settings: SettingsFactory) -> None:
    made = settings()
    path = write_article(made.corpus_dir, "a.md")
    write_article(made.corpus_dir, "b.md")
    good = path.read_bytes()
    with opened(made) as index:
        index.sync(load_corpus(made.corpus_dir))
        before = index.snapshot
        path.write_text("---\ntitle: [\n---\nText.\n")
        (made.corpus_dir / "c.md").write_text("broken from the start")
        report = index.sync(load_corpus(made.corpus_dir))
        assert done(report) == {"unchanged": ("b",)}
        assert report.problems.keys() == {"a", "c"}
        assert_same_snapshot(index.snapshot, before)
        path.write_bytes(good)
        assert done(index.sync(load_corpus(made.corpus_dir))) == {"unchanged": ("a", "b")}


def test_everything_removed(settings: SettingsFactory) -> None:
    with opened(settings()) as index:
        index.sync(OLD)
        assert done(index.sync(corpus_of())) == {"removed": ("a", "b", "c")}
        assert not index.snapshot.passages
        assert index.nearest(HashEmbeddings().embed_query("sky"), 5) == []
        assert stored_passages(index) == 0


def test_progress_counts_up_to_the_end(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 4)
    monkeypatch.setattr(module, "_WRITE", 8)
    seen: list[tuple[int, int]] = []
    total = count_passages(*OLD.articles)
    with opened(settings()) as index:
        index.sync(OLD, lambda done, of: seen.append((done, of)))
        assert seen[:2] == [(0, 0), (0, total)]
        assert seen[-1] == (total, total)
        assert [left for left, _ in seen[1:]] == sorted({left for left, _ in seen})
        seen.clear()
        index.sync(OLD, lambda done, of: seen.append((done, of)))
        assert not seen


def test_progress_counts_what_has_to_be_embedded(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a sync that goes on where one was stopped would promise an early end after its first passages."""
    monkeypatch.setattr(module, "_BATCH", 4)
    with opened(settings()) as index:
        index.sync(corpus_of(*OLD.articles[:2]))
        index.sync(corpus_of())
    (new,) = (article for article in NEW.articles if article.id == "d")
    seen: list[tuple[int, int]] = []
    with opened(settings()) as index:
        report = index.sync(corpus_of(*OLD.articles[:2], new), lambda done, of: seen.append((done, of)))
        assert report.passages_embedded == count_passages(new)
        assert seen[:2] == [(0, 0), (0, count_passages(new))]
        assert seen[-1] == (count_passages(new), count_passages(new))
        seen.clear()
        index.sync(OLD, lambda done, of: seen.append((done, of)))
        assert seen[-1] == (1, 1)
        index.sync(corpus_of())
        seen.clear()
        index.sync(OLD, lambda done, of: seen.append((done, of)))
        assert seen[-1] == (count_passages(*OLD.articles), count_passages(*OLD.articles)), "nothing to embed: all count"


def test_reading_and_deleting_by_pages(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 3)
    with opened(settings()) as index:
        index.sync(OLD)
        index.sync(NEW)
    assert_as_built_from_nothing(settings(), NEW, HashEmbeddings())


# -- what comes back ---------------------------------------------------------------------------------------------

STORY = (
    "# The deal\n\nMicrosoft put one billion dollars into OpenAI. It runs its work on Azure.\n",
    "# A cat\n\nThe cat slept on the warm roof all day. Nobody woke it.\n",
    "# Rain\n\nRain fell in the hills for a week. The river rose.\n",
)


def test_the_nearest_passage_is_the_obvious_one(settings: SettingsFactory, local_embeddings: LocalEmbeddings) -> None:
    articles = [make_article(name, text) for name, text in zip(("deal", "cat", "rain"), STORY, strict=True)]
    with opened(settings(), local_embeddings) as index:
        index.sync(corpus_of(*articles))
        for question, expected in (
            ("How much did Microsoft invest in OpenAI?", "deal"),
            ("Where did the animal sleep?", "cat"),
            ("Was there a flood?", "rain"),
        ):
            vector = local_embeddings.embed_query(question)
            found = index.nearest(vector, 2)
            assert index.snapshot.passages[found[0][0]].article.id == expected
            assert 1 >= found[0][1] > found[1][1]
            expected_vector, _ = local_embeddings.embed_passages([index.snapshot.passages[found[0][0]]])[0]
            assert found[0][1] == pytest.approx(float(np.dot(vector, expected_vector)), abs=0.02)
        assert len(index.nearest(vector, 100)) == 3
        exact = np.concatenate([rows for _, rows in local_embeddings.embed_passages(index.snapshot.passages)])
        assert np.allclose(index.snapshot.vectors(np.arange(len(exact))), exact, atol=0.02)
    assert_as_built_from_nothing(settings(), corpus_of(*articles), local_embeddings)


def test_a_snapshot_numbers_sentences_and_passages_alike(settings: SettingsFactory) -> None:
    headings = make_article("headings", "# Only a heading\n")
    with opened(settings()) as index:
        index.sync(corpus_of(*OLD.articles, headings))
        snapshot = index.snapshot
        assert [snapshot.row_of[passage.id] for passage in snapshot.passages] == list(range(len(snapshot.passages)))
        assert len(snapshot.owner) == snapshot.first_sentence[-1] == snapshot.lexical.size == len(snapshot.wordings)
        for row, passage in enumerate(snapshot.passages):
            first, end = snapshot.first_sentence[row], snapshot.first_sentence[row + 1]
            assert end - first == len(passage.sentences)
            assert set(snapshot.owner[first:end]) <= {row}
            assert list(snapshot.articles)[snapshot.article_of[row]] == passage.article.id
        assert snapshot.lexical_articles.size == len(snapshot.articles)
        best = int(np.argmax(snapshot.lexical.scores(["town", "59"])))
        row = snapshot.owner[best]
        span = snapshot.passages[row].sentences[best - snapshot.first_sentence[row]]
        assert "town 59 " in span.of(snapshot.passages[row].article.text)
        best = int(np.argmax(snapshot.lexical_articles.scores(["head"])))
        assert list(snapshot.articles)[best] == "headings"


@hypothesis_settings(max_examples=20)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3000), min_size=1, max_size=4))
@example(["\x00\ufeff\u2028 \U0010ffff\r\n👩‍👩‍👧‍👦 e\u0301", "word " * 1000, "中" * 3000, "a\n\n# b\n" * 200])
def test_text_comes_back_to_the_character(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp() / "unicode"
    made = Settings.load(corpus_dir=folder / "corpus", data_dir=folder / "data")
    for number in range(4):
        (made.corpus_dir / f"{number}.txt").unlink(missing_ok=True)
    for number, text in enumerate(texts):
        write_article(made.corpus_dir, f"{number}.txt", text)
    corpus = load_corpus(made.corpus_dir)
    with opened(made) as index:
        index.sync(Corpus(corpus.articles, {}))
        assert index.snapshot.articles == {article.id: article for article in corpus.articles}


def test_all_fields_come_back(settings: SettingsFactory) -> None:
    article = make_article(
        "2024/deal",
        title="A “deal”",
        outlet="The Paper",
        author="A. Writer",
        published="2024-03-01",
        as_of="2024-02-01",
        updated="2024-04-01",
        url="https://example.org",
        language="de",
        topics=["money", "clouds"],
        sources=["https://example.org/a"],
    )
    with opened(settings()) as index:
        index.sync(corpus_of(article))
        assert index.snapshot.articles == {"2024/deal": article}


def test_the_revision_follows_the_content(settings: SettingsFactory) -> None:
    with opened(settings()) as index:
        empty = index.snapshot.revision
        index.sync(OLD)
        old = index.snapshot.revision
        assert index.snapshot is index.snapshot
        index.sync(Corpus(OLD.articles[::-1], {}))
        assert index.snapshot.revision == old
        index.sync(NEW)
        new = index.snapshot.revision
        assert len({empty, old, new}) == 3
        index.sync(OLD)
        assert index.snapshot.revision == old


def test_a_snapshot_in_use_outlives_a_sync(settings: SettingsFactory) -> None:
    with opened(settings()) as index:
        index.sync(OLD)
        before = index.snapshot
        index.sync(NEW)
        assert before.articles == {article.id: article for article in OLD.articles}
        assert index.snapshot is not before


def test_an_index_that_was_never_synced_is_empty(settings: SettingsFactory) -> None:
    with opened(settings()) as index:
        assert not index.snapshot.passages
        assert len(index.snapshot.owner) == len(index.snapshot.wordings) == 0
        assert index.nearest([1.0] * 64, 3) == []
        assert index.snapshot.lexical.size == 0


def test_another_model_has_another_collection(settings: SettingsFactory) -> None:
    names = ("hash", "other:model/with a very long name, longer than any collection's name may be", "other-model")
    assert len({Index(settings(), HashEmbeddings(name)).collection_name for name in (*names, "other:model")}) == 4
    for name in names:
        with opened(settings(), HashEmbeddings(name, 32 if name == "hash" else 64)) as index:
            assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,510}[a-z0-9]", index.collection_name)
            assert not index.snapshot.passages
            assert index.sync(OLD).passages_embedded == count_passages(*OLD.articles)
    with opened(settings(), HashEmbeddings("hash", 32)) as index:
        assert done(index.sync(OLD)) == {"unchanged": ("a", "b", "c")}


@pytest.mark.parametrize("version", ["PASSAGE_VERSION", "RECORD_VERSION"])
def test_another_version_has_another_collection(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    with opened(settings()) as index:
        index.sync(OLD)
    with monkeypatch.context() as patch:
        patch.setattr(module, version, 99)
        with opened(settings()) as index:
            assert not index.snapshot.passages
            assert done(index.sync(NEW)) == {"added": ("a", "c", "d")}
    with opened(settings()) as index:
        assert index.snapshot.articles == {article.id: article for article in OLD.articles}


# -- text embedded once ------------------------------------------------------------------------------------------


def test_text_that_was_embedded_once_is_not_embedded_again(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renamed, dated otherwise, taken out and put in again, in another version of the index."""
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(settings(), counting) as index:
        index.sync(OLD)
        counting.passages = 0
        moved = [article.model_copy(update={"id": f"moved/{article.id}"}) for article in OLD.articles]
        assert len(index.sync(corpus_of(*moved)).added) == 3
        dated = [article.model_copy(update={"outlet": "The Paper", "url": "https://x.org"}) for article in moved]
        assert len(index.sync(corpus_of(*dated)).changed) == 3
        index.sync(corpus_of())
        assert index.sync(OLD).passages_embedded == 0
    monkeypatch.setattr(module, "RECORD_VERSION", 99)
    with opened(settings(), counting) as index:
        assert len(index.sync(OLD).added) == 3
    assert counting.passages == 0
    assert_as_built_from_nothing(settings(), OLD, HashEmbeddings())


def test_other_text_is_embedded(settings: SettingsFactory) -> None:
    """Another title, another sentence, sentences cut otherwise, another model: none has another one's vectors."""
    article = make_article(title="One", text="It rained. It poured.")
    with opened(settings()) as index:
        index.sync(corpus_of(article))
        for other in (
            article.model_copy(update={"title": "Two"}),
            article.model_copy(update={"text": "It rained. It snowed."}),
            article.model_copy(update={"text": "It rained, it poured."}),
        ):
            assert index.sync(corpus_of(other)).passages_embedded == 1
    with opened(settings(), HashEmbeddings("another")) as index:
        assert index.sync(corpus_of(article)).passages_embedded == 1


def test_one_article_changed_reads_and_embeds_that_one(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles = [make_article(f"{number:03}", f"Article {number} says this.") for number in range(100)]
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(settings(), counting) as index:
        index.sync(corpus_of(*articles))
        assert len(index.snapshot.passages) == 100
        counting.passages = 0
        read: list[str] = []
        get = index._store.get

        def counted(name: str, **what: object) -> object:
            found = get(name, **what)
            read.extend(found["ids"] if "documents" in str(what.get("include")) else [])
            return found

        monkeypatch.setattr(index._store, "get", counted)
        changed = make_article("050", "Article 50 says that.")
        assert index.sync(corpus_of(*articles[:50], changed, *articles[51:])).passages_embedded == 1
        assert counting.passages == 1
        assert read == [index.snapshot.passages[50].id]
        assert index.snapshot.articles["050"] == changed


# -- growth ------------------------------------------------------------------------------------------------------


def test_updates_do_not_let_the_index_grow(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """After enough deletions the passages are in a new collection, the old one is gone, and answers are the same."""
    monkeypatch.setattr(module, "_COMPACT", 20)
    with opened(settings()) as index:
        names = set()
        for number in range(30):
            corpus = corpus_of(*(make_article(f"{n}", f"Article {n}, version {number}.") for n in range(5)))
            index.sync(corpus)
            names.add(index.snapshot.origin.passages)
            assert stored_passages(index) == len(index.snapshot.passages) == 5
        assert len(names) > 3
        assert set(index._store.names()) == {index.collection_name, index.snapshot.origin.passages}
    assert_as_built_from_nothing(settings(), corpus, HashEmbeddings())


def test_what_an_answer_still_searches_is_there(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier snapshot finds all that is its own, and nothing else, until the time of grace is over."""
    monkeypatch.setattr(revisions, "GRACE", 3600.0)
    monkeypatch.setattr(module, "_COMPACT", 3)
    old, new = (
        corpus_of(*(make_article(f"{n:02}", f"The {word} sky over town {n} was clear.") for n in range(40)))
        for word in ("old", "new")
    )
    with opened(settings()) as index:
        index.sync(old)
        before = index.snapshot
        index.sync(new)
        after = index.snapshot
        vector = HashEmbeddings().embed_query("The new sky over town 7 was clear.")
        for snapshot, word in ((before, "old"), (after, "new")):
            found = index.nearest(vector, 40, snapshot)
            assert {row for row, _ in found} == set(range(40))
            assert all(word in snapshot.passages[row].text for row, _ in found)
        assert stored_passages(index) == 80
        monkeypatch.setattr(revisions, "GRACE", 0.0)
        assert done(index.sync(new)).keys() == {"unchanged"}
        assert stored_passages(index) == 40
        assert {row for row, _ in index.nearest(vector, 40)} == set(range(40))
