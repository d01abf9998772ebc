"""One writer at a time, by a lock on the directory or a lease on a Chroma server; everybody else is told who it is."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chroma import ChromaServer
from conftest import SettingsFactory
from filelock import ReadWriteLock
from helpers import (
    NEW,
    OLD,
    Child,
    HashEmbeddings,
    assert_as_built_from_nothing,
    assert_same_snapshot,
    done,
    opened,
)
from test_crash import SYNC_AND_STOP

from assistant import lock, revisions
from assistant.errors import AssistantError, IndexLockedError
from assistant.index import Index
from assistant.lock import Lease
from assistant.store import Store


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "GRACE", 0.0)


# -- the embedded store ------------------------------------------------------------------------------------------

READ_AND_SYNC = """
import sys
from pathlib import Path
import helpers
from assistant import revisions
from assistant.errors import IndexLockedError
from assistant.index import Index
from assistant.settings import Settings

revisions.GRACE = 0.0
index = Index(Settings.load(data_dir=Path(sys.argv[1])), helpers.HashEmbeddings())
print(len(index.snapshot.passages), flush=True)
while sys.stdin.readline():
    try:
        index.sync(helpers.OLD)
        print("nothing to do", flush=True)
        index.sync(helpers.NEW)
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
    with Child(SYNC_AND_STOP, made.data_dir, "before tidying") as child:
        assert child.hear() == "opened"
        assert child.hear() == "stopped"
        with pytest.raises(IndexLockedError) as caught:
            Index(made, HashEmbeddings())
        assert re.search(
            rf"is being written by another process \(process {child.pid}, .*, for \d+ s\)", str(caught.value)
        )
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


@pytest.mark.timeout(60)
def test_on_a_server_one_writes_others_are_told_and_readers_are_not_disturbed(
    settings: SettingsFactory, tmp_path: Path, chroma_server: ChromaServer
) -> None:
    here, there = (settings(chroma_url=chroma_server.url, data_dir=tmp_path / name) for name in ("here", "there"))
    with opened(here) as index:
        index.sync(OLD)
        with Child(SYNC_AND_STOP, there.data_dir, "before the switch", chroma_server.url) as child:
            assert child.hear() == "opened"
            assert child.hear() == "stopped"
            assert index.nearest(HashEmbeddings().embed_query("D"), 3)
            assert done(index.sync(OLD)).keys() == {"unchanged"}, "where there is nothing to do nobody is in the way"
            with pytest.raises(IndexLockedError) as caught:
                index.sync(NEW)
            told = str(caught.value)
            assert re.search(rf"is being written by another process \(process {child.pid}, .*, for \d+ s\)", told)
            assert "readers are not disturbed" in told
        assert done(index.sync(NEW))["added"] == ("d",), "the one who died keeps nobody out"
    assert_as_built_from_nothing(here, NEW, HashEmbeddings())


def test_a_lease_of_another_machine_is_taken_over_when_it_gives_no_sign_of_life(
    settings: SettingsFactory, chroma_server: ChromaServer
) -> None:
    made = settings(chroma_url=chroma_server.url)
    store = Store(made)
    theirs = {"pid": 1, "host": "elsewhere", "command": "assistant sync", "token": "x", "began": time.time() - 200}
    assert store.claim("it-writer", {**theirs, "beat": time.time()})
    assert not store.claim("it-writer", {**theirs, "beat": time.time()}), "of two only one can"
    lease = Lease(store, "it")
    with (
        pytest.raises(IndexLockedError, match=r"process 1 on elsewhere, assistant sync, for 3 min \d+ s"),
        lease.writing(),
    ):
        pass
    store.modify("it-writer", {**theirs, "beat": time.time() - 100})
    with lease.writing():
        lease.assure()
        # And now this one is taken for dead: it finds out before what it wrote becomes current.
        store.modify("it-writer", {**theirs, "beat": time.time()})
        with pytest.raises(IndexLockedError, match="took over"):
            lease.assure()
    assert store.metadata("it-writer") is not None, "what is another's is not let go of"
    store.close()


def test_a_lease_gives_signs_of_life(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, chroma_server: ChromaServer
) -> None:
    monkeypatch.setattr(lock, "_BEAT", 0.05)
    store = Store(settings(chroma_url=chroma_server.url))
    with Lease(store, "it").writing():
        first = (store.metadata("it-writer") or {})["beat"]
        for _ in range(200):
            if (store.metadata("it-writer") or {})["beat"] > first:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("no sign of life")
    assert store.metadata("it-writer") is None
    store.close()
