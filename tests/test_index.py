"""The index: kept in step with the articles, whole after a crash, and shared between processes."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SettingsFactory
from filelock import ReadWriteLock
from helpers import (
    Child,
    CountingEmbeddings,
    HashEmbeddings,
    PowerCut,
    assert_same_snapshot,
    count_passages,
    make_article,
    write_article,
)
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assistant import index as module
from assistant import lock
from assistant.articles import Article, Corpus, load_corpus
from assistant.embeddings import LocalEmbeddings, PassageEmbeddings
from assistant.errors import AssistantError, IndexLockedError
from assistant.filters import Filters
from assistant.index import Index, SyncReport
from assistant.settings import Settings


@contextmanager
def opened(settings: Settings, embeddings: PassageEmbeddings | None = None) -> Iterator[Index]:
    index = Index(settings, embeddings or HashEmbeddings())
    try:
        yield index
    finally:
        index.close()


def corpus_of(*articles: Article, **problems: str) -> Corpus:
    return Corpus(articles, problems)


def done(report: SyncReport) -> dict[str, tuple[str, ...]]:
    """What a sync did, without what it did not do."""
    kinds = {"added": report.added, "changed": report.changed, "removed": report.removed, "unchanged": report.unchanged}
    return {kind: keys for kind, keys in kinds.items() if keys}


def stored_passages(index: Index) -> int:
    """How many passages the collection really holds, those included that no snapshot shows."""
    return int(index._collection().count())


def assert_as_built_from_nothing(settings: Settings, corpus: Corpus, embeddings: PassageEmbeddings) -> None:
    """The index on disk is what a fresh one of the same articles would be."""
    with tempfile.TemporaryDirectory() as folder:
        fresh_settings = settings.model_copy(update={"data_dir": Path(folder)})
        with opened(settings, embeddings) as index, opened(fresh_settings, embeddings) as fresh:
            fresh.sync(corpus)
            assert_same_snapshot(index.snapshot, fresh.snapshot)
            assert stored_passages(index) == len(index.snapshot.passages)
            for passage in index.snapshot.passages:
                vector = embeddings.embed_query(passage.text)
                mine, theirs = dict(index.nearest(vector, 5)), dict(fresh.nearest(vector, 5))
                assert all(abs(mine[row] - theirs[row]) < 0.02 for row in mine.keys() & theirs.keys())
                assert mine.keys(), "passages of an earlier revision were found instead"
                assert abs(max(mine.values()) - max(theirs.values())) < 0.02


LONG = "".join(f"The sky over town {number} was clear and nobody saw it at all. " for number in range(60))
OLD = corpus_of(make_article("a", "A." + LONG), make_article("b", "B." + LONG), make_article("c"))
NEW = corpus_of(make_article("a", "A again." + LONG), make_article("c"), make_article("d", "D." + LONG))


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
        assert report.passages_embedded == counting.passages == count_passages(NEW.articles[0], NEW.articles[2])
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
        assert seen[0] == (0, total)
        assert seen[-1] == (total, total)
        assert [left for left, _ in seen] == sorted({left for left, _ in seen})
        seen.clear()
        index.sync(OLD, lambda done, of: seen.append((done, of)))
        assert not seen


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
            assert index.sync(NEW).passages_embedded == count_passages(*NEW.articles)
    with opened(settings()) as index:
        assert index.snapshot.articles == {article.id: article for article in OLD.articles}


# -- cut short ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 3, 6])
def test_a_sync_that_fails_leaves_whole_articles_and_the_next_one_finishes(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    monkeypatch.setattr(module, "_WRITE", 3)
    with opened(settings()) as index:
        index.sync(OLD)
    with opened(settings(), CountingEmbeddings(HashEmbeddings(), limit)) as index:
        with pytest.raises(PowerCut):
            index.sync(NEW)
        assert index.snapshot.passages
    check_after_a_crash(settings())


def test_a_first_sync_that_fails(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    monkeypatch.setattr(module, "_WRITE", 3)
    with opened(settings(), CountingEmbeddings(HashEmbeddings(), 4)) as index:
        with pytest.raises(PowerCut):
            index.sync(NEW)
        assert index.snapshot.articles == {}
    with opened(settings()) as index:
        assert done(index.sync(NEW))["added"] or done(index.sync(NEW))["changed"]
    assert_as_built_from_nothing(settings(), NEW, HashEmbeddings())


def check_after_a_crash(made: Settings) -> None:
    """What is there is whole; an article that has not changed is not embedded again; the next sync finishes."""
    versions = [article for corpus in (OLD, NEW) for article in corpus.articles]
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(made, counting) as index:
        found = index.snapshot.articles
        assert {"a", "c"} <= found.keys()
        assert all(article in versions for article in found.values())
        index.sync(NEW)
        assert counting.passages <= count_passages(NEW.articles[0], NEW.articles[2])
        assert not index.sync(NEW).passages_embedded
    assert_as_built_from_nothing(made, NEW, HashEmbeddings())


SYNC_AND_STOP = """
import sys
from pathlib import Path
import helpers, test_index
from assistant import index as module
from assistant import lock
from assistant.settings import Settings

module._BATCH = module._WRITE = 3
stage = sys.argv[2]

def stop(*_):
    print("stopped", flush=True)
    sys.stdin.readline()

class Stopping(helpers.CountingEmbeddings):
    def embed_passages(self, passages):
        if stage == "embedding" and self.passages >= 6:
            stop()
        return super().embed_passages(passages)

if stage == "before deleting":
    module.Index._delete = stop
if stage == "before the revision":
    module.revision = stop
index = module.Index(Settings.load(data_dir=Path(sys.argv[1])), Stopping(helpers.HashEmbeddings()))
print("opened", flush=True)
index.sync(test_index.NEW)
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stage", ["embedding", "before deleting", "before the revision"])
def test_a_process_killed_in_a_sync(settings: SettingsFactory, stage: str) -> None:
    made = settings()
    with opened(made) as index:
        index.sync(OLD)
    with Child(SYNC_AND_STOP, made.data_dir, stage) as child:
        assert child.hear() == "opened"
        assert child.hear() == "stopped"
    check_after_a_crash(made)


def test_the_revision_on_record_is_right_after_a_crash(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it stays behind, processes that watch it never hear of the new articles."""

    def fail(_: object) -> str:
        raise PowerCut

    with opened(settings()) as index:
        index.sync(OLD)
        assert index._collection().metadata == {"revision": index.snapshot.revision}
        with monkeypatch.context() as patch:
            patch.setattr(module, "revision", fail)
            with pytest.raises(PowerCut):
                index.sync(NEW)
    with opened(settings()) as index:
        index.sync(NEW)
        assert index._collection().metadata == {"revision": index.snapshot.revision}


# -- several processes -------------------------------------------------------------------------------------------

READ_AND_SYNC = """
import sys
from pathlib import Path
import helpers, test_index
from assistant.errors import IndexLockedError
from assistant.index import Index
from assistant.settings import Settings

index = Index(Settings.load(data_dir=Path(sys.argv[1])), helpers.HashEmbeddings())
print(len(index.snapshot.passages), flush=True)
while sys.stdin.readline():
    try:
        index.sync(test_index.OLD)
        print("nothing to do", flush=True)
        index.sync(test_index.NEW)
        print("synced", flush=True)
    except IndexLockedError as error:
        print(error, flush=True)
"""


@pytest.mark.timeout(60)
def test_others_may_read_while_one_reads_and_sync_once_it_has_closed(settings: SettingsFactory) -> None:
    made = settings()
    vector = HashEmbeddings().embed_query("D")
    with opened(made) as index:
        index.sync(OLD)
        before = index.snapshot
        index.nearest(vector, 3)
        with Child(READ_AND_SYNC, made.data_dir) as child:
            assert child.hear() == str(len(before.passages))
            child.tell("sync")
            assert child.hear() == "nothing to do"
            message = child.hear()
            assert f"The data directory {made.data_dir} is in use by another process" in message
            assert "ASSISTANT_DATA_DIR" in message
            assert index.nearest(vector, 3)
            with pytest.raises(IndexLockedError):
                index.sync(NEW)
            assert_same_snapshot(index.snapshot, before)

            index.close()
            child.tell("sync")
            assert child.hear() == "nothing to do"
            assert child.hear() == "synced"
    assert_as_built_from_nothing(made, NEW, HashEmbeddings())
    with opened(made) as index:
        (new,) = [passage for passage in index.snapshot.passages if passage.article.id == "d" and passage.start == 0]
        vector = HashEmbeddings().embed_query(new.text)
        ((row, similarity),) = index.nearest(vector, 1)
        assert row == index.snapshot.row_of[new.id]
        assert similarity == pytest.approx(1, abs=1e-3)


@pytest.mark.timeout(60)
def test_while_one_writes_another_is_told_who(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(ReadWriteLock):
        def acquire_read(self, timeout: float | None = None, *, blocking: bool | None = None) -> Any:
            return super().acquire_read(0.1, blocking=blocking)

    monkeypatch.setattr(lock, "ReadWriteLock", Impatient)
    made = settings()
    with Child(SYNC_AND_STOP, made.data_dir, "before deleting") as child:
        assert child.hear() == "opened"
        assert child.hear() == "stopped"
        with pytest.raises(IndexLockedError) as caught:
            Index(made, HashEmbeddings())
        assert f"is being written by another process (process {child.pid}, " in str(caught.value)
    with opened(made) as index:
        assert index.snapshot.articles == {article.id: article for article in NEW.articles}


def test_one_process_may_have_several_readers(settings: SettingsFactory) -> None:
    with opened(settings()) as one:
        one.sync(OLD)
        with opened(settings()) as other:
            assert_same_snapshot(one.snapshot, other.snapshot)
            with pytest.raises(IndexLockedError, match="in use"):
                one.sync(NEW)
        assert done(one.sync(NEW))["removed"] == ("b",)


def run_in_a_thread(job: Callable[[], Any]) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(job).result()


def test_any_thread_may_read_sync_and_close(settings: SettingsFactory) -> None:
    """A server opens the index in one thread and works in others."""
    index = Index(settings(), HashEmbeddings())
    run_in_a_thread(lambda: index.sync(OLD))
    assert run_in_a_thread(lambda: index.snapshot).articles.keys() == {"a", "b", "c"}
    index.sync(NEW)
    assert run_in_a_thread(lambda: index.nearest([1.0] * 64, 2))
    run_in_a_thread(index.close)
    with opened(settings()) as other:
        other.sync(OLD)


def test_a_data_directory_that_is_a_file(settings: SettingsFactory, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AssistantError, match="cannot be used"):
        Index(settings(data_dir=tmp_path / "file"), HashEmbeddings())


# -- a Chroma server ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chroma server; tests keep apart by the names of their embeddings."""
    folder = tmp_path_factory.mktemp("chroma-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--path", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    heard: list[str] = []
    listening = threading.Event()

    def listen() -> None:  # to the end: a server that cannot write its log stops answering
        assert process.stdout is not None
        for line in process.stdout:
            heard.append(line)
            if "listening" in line:
                listening.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert listening.wait(30), "".join(heard)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        listener.join()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.timeout(60)
def test_the_same_through_a_chroma_server(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chroma_server: str
) -> None:
    monkeypatch.setenv("ASSISTANT_CHROMA_URL", chroma_server)
    assert settings().chroma_url == chroma_server
    with opened(settings()) as index:
        assert not index.snapshot.passages
        assert done(index.sync(OLD)) == {"added": ("a", "b", "c")}
        report = index.sync(NEW)
        assert done(report) == {"added": ("d",), "changed": ("a",), "removed": ("b",), "unchanged": ("c",)}
        through_server = index.snapshot
        row, similarity = index.nearest(HashEmbeddings().embed_query(index.snapshot.passages[0].text), 1)[0]
        assert row == 0
        assert similarity == pytest.approx(1, abs=1e-3)
    with opened(settings(data_dir=tmp_path / "another")) as index:
        assert_same_snapshot(index.snapshot, through_server)
    assert not (settings().data_dir / "chroma").exists()
    monkeypatch.delenv("ASSISTANT_CHROMA_URL")
    with opened(settings(data_dir=tmp_path / "embedded")) as embedded:
        embedded.sync(NEW)
        assert_same_snapshot(embedded.snapshot, through_server)


@pytest.mark.timeout(60)
def test_a_replica_sees_what_another_wrote_to_the_server(
    settings: SettingsFactory, tmp_path: Path, chroma_server: str
) -> None:
    embeddings = HashEmbeddings("replicas")
    here, there = (settings(chroma_url=chroma_server, data_dir=tmp_path / name) for name in ("here", "there"))
    with opened(here, embeddings) as reader, opened(there, embeddings) as writer:
        writer.sync(OLD)
        assert reader.snapshot.articles.keys() == {"a", "b", "c"}
        writer.sync(NEW)
        assert_same_snapshot(reader.snapshot, writer.snapshot)


@pytest.mark.timeout(60)
def test_a_server_filters_too(settings: SettingsFactory, chroma_server: str) -> None:
    one = make_article("one", outlet="Oss Post", as_of="2024-05-01", topics=["law", "money"])
    two = make_article("two", outlet="Tarn Times", as_of="2025-05-01", topics=["Money"])
    with opened(settings(chroma_url=chroma_server), HashEmbeddings("filters")) as index:
        index.sync(corpus_of(one, two))
        vector = HashEmbeddings().embed_query("sky")
        for filters, passing in (
            (Filters(outlets=("oss post",)), {"one"}),
            (Filters(topics=("LAW", "none")), {"one"}),
            (Filters(topics=("money",), since=date(2025, 1, 1)), {"two"}),
            (Filters(until=date(2024, 1, 1)), set()),
        ):
            rows = [row for row, _ in index.nearest(vector, 5, filters=filters)]
            assert {index.snapshot.passages[row].article.id for row in rows} == passing


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host:1", "http://"])
def test_a_chroma_url_that_is_none(settings: SettingsFactory, url: str) -> None:
    with opened(settings(chroma_url=url)) as index, pytest.raises(AssistantError, match="give http://host:port"):
        index.sync(OLD)


def test_a_chroma_server_that_does_not_answer(settings: SettingsFactory) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with opened(settings(chroma_url=url)) as index, pytest.raises(AssistantError, match="does not answer"):
            index.sync(OLD)
