"""What a crash, a full disk or a damaged file leaves: nothing that the next sync does not put right."""

import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SettingsFactory
from helpers import (
    NEW,
    OLD,
    Child,
    CountingEmbeddings,
    HashEmbeddings,
    PowerCut,
    assert_as_built_from_nothing,
    corpus_of,
    count_passages,
    done,
    make_article,
    opened,
    write_article,
)

from assistant import index as module
from assistant import revisions, vector_cache
from assistant.articles import Corpus
from assistant.chain import sync
from assistant.errors import AssistantError
from assistant.feedback import FEEDBACK_FILE
from assistant.revisions import Head
from assistant.settings import Settings
from assistant.store import DamagedError


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "GRACE", 0.0)


# -- cut short ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 3])
def test_a_sync_that_fails_leaves_the_old_revision_and_the_next_one_finishes(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    monkeypatch.setattr(module, "_WRITE", 3)
    with opened(settings()) as index:
        index.sync(OLD)
    with opened(settings(), CountingEmbeddings(HashEmbeddings(), limit)) as index:
        with pytest.raises(PowerCut):
            index.sync(NEW)
        assert index.snapshot.articles == {article.id: article for article in OLD.articles}
    check_after_a_crash(settings())


def test_a_first_sync_that_fails(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    monkeypatch.setattr(module, "_WRITE", 3)
    with opened(settings(), CountingEmbeddings(HashEmbeddings(), 4)) as index:
        with pytest.raises(PowerCut):
            index.sync(NEW)
        assert index.snapshot.articles == {}
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(settings(), counting) as index:
        assert done(index.sync(NEW)) == {"added": ("a", "c", "d")}
    assert counting.passages == count_passages(*NEW.articles) - 3, "what was embedded was kept"
    assert_as_built_from_nothing(settings(), NEW, HashEmbeddings())


def check_after_a_crash(made: Settings) -> None:
    """What is there is the old revision or the new one; the next sync finishes."""
    with opened(made) as index:
        found = index.snapshot.articles
        assert found in ({article.id: article for article in corpus.articles} for corpus in (OLD, NEW))
        index.sync(NEW)
        assert not index.sync(NEW).passages_embedded
    assert_as_built_from_nothing(made, NEW, HashEmbeddings())


SYNC_AND_STOP = """
import sys
from pathlib import Path
import helpers
from assistant import index as module
from assistant import revisions
from assistant.settings import Settings

module._BATCH = module._WRITE = 3
revisions.GRACE = 0.0
stage = sys.argv[2]

def stop(*_):
    print("stopped", flush=True)
    sys.stdin.readline()

class Stopping(helpers.CountingEmbeddings):
    def embed_passages(self, passages):
        if stage == "embedding" and self.passages >= 3:
            stop()
        return super().embed_passages(passages)

if stage == "before the switch":
    revisions.Head.switch = stop
if stage == "before tidying":
    module.Index._tidied = stop
given = {"data_dir": Path(sys.argv[1]), "chroma_url": sys.argv[3] if len(sys.argv) > 3 else None}
index = module.Index(Settings.load(**given), Stopping(helpers.HashEmbeddings()))
print("opened", flush=True)
index.sync(helpers.NEW)
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stage", ["embedding", "before the switch", "before tidying"])
def test_a_process_killed_in_a_sync(settings: SettingsFactory, stage: str) -> None:
    made = settings()
    with opened(made) as index:
        index.sync(OLD)
    with Child(SYNC_AND_STOP, made.data_dir, stage) as child:
        assert child.hear() == "opened"
        assert child.hear() == "stopped"
    check_after_a_crash(made)


@pytest.mark.parametrize("stage", ["switch", "note"])
def test_a_crash_while_the_index_moves_to_a_new_collection(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Before the switch the new collection is left over, after it the old one; the current one is never deleted."""
    monkeypatch.setattr(module, "_COMPACT", 2)
    made, small = settings(), corpus_of(make_article("c"))  # so that more is deleted than stays
    moving: list[int] = []
    works = getattr(Head, stage)

    def cut_short(head: Head, given: object) -> None:
        numbers = [given.number] if isinstance(given, revisions.Revision) else []
        moving.extend(numbers)
        # The second switch of the sync is the one to the new collection; what is noted behind it is its end.
        if len(moving) > 1 or (stage == "note" and head.read().passages.endswith("-3")):
            raise PowerCut
        works(head, given)

    with opened(made) as index:
        index.sync(OLD)
    with monkeypatch.context() as patch:
        patch.setattr(Head, stage, cut_short)
        with opened(made) as index, pytest.raises(PowerCut):
            index.sync(small)
    with opened(made) as index:
        assert index.snapshot.articles.keys() == {"c"}
    for corpus in (small, OLD, small):
        with opened(made) as index:
            index.sync(corpus)
    with opened(made) as index:
        assert set(index._store.names()) == {index.collection_name, index.snapshot.origin.passages}
    assert_as_built_from_nothing(made, small, HashEmbeddings())


#: For each line heard, a process of its own syncs what the line says; this one only makes them, which takes no time.
SYNC_IN_A_FORK = """
import os, sys
from pathlib import Path
import chromadb, helpers, test_crash
from assistant import index as module
from assistant import revisions
from assistant.index import Index
from assistant.settings import Settings

module._BATCH, module._WRITE, module._COMPACT, revisions.GRACE = 8, 16, 40, 0.0
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        index = Index(Settings.load(data_dir=Path(sys.argv[1])), helpers.HashEmbeddings())
        print(os.getpid(), flush=True)
        index.sync(test_crash.some_corpus(int(line)))
        index.close()
        os._exit(0)
    os.waitpid(pid, 0)
    print("gone", flush=True)
"""


def some_corpus(seed: int) -> Corpus:
    """A story at some time: each article may be there, in one of a few versions."""
    rng = random.Random(seed)
    articles = []
    for number in range(24):
        if rng.random() < 0.8:
            sentences = [f"In version {rng.randrange(3)} the {word} of town {number} was shut. " for word in "abcdefgh"]
            articles.append(make_article(f"article-{number}", "\n\n".join(s * 6 for s in sentences)))
    return corpus_of(*articles)


@pytest.mark.timeout(0)
def test_killed_at_random_moments(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """`--crashes 200` for a stress run. After each crash and one sync, all is as built from nothing, to the byte."""
    monkeypatch.setattr(module, "_COMPACT", 40)
    made = settings()
    crashes = request.config.getoption("--crashes")
    rng = random.Random(crashes)
    killed, seed, takes = 0, 0, float("inf")
    with Child(SYNC_IN_A_FORK, made.data_dir) as child:
        for first in (-2, -1, 0):
            child.tell(str(first))
            assert child.hear().isdigit()
            start = time.monotonic()
            assert child.hear() == "gone"
            takes = min(takes, time.monotonic() - start)
        while killed < crashes:
            seed += 1
            assert seed <= 2 * crashes, "most syncs are over before they are killed"
            child.tell(str(seed))
            pid = int(child.hear())
            time.sleep(rng.uniform(0, takes))
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
            assert child.hear() == "gone"
            with opened(made) as index:
                before = index.snapshot.articles
                known = [some_corpus(seed - 1), some_corpus(seed)]
                assert before in ({article.id: article for article in corpus.articles} for corpus in known)
                report = index.sync(known[1])
                assert not report.notice
            assert_as_built_from_nothing(made, known[1], HashEmbeddings())
    print(f"{killed} of {seed} syncs killed, each within {takes:.1f} s of its start")


# -- damage ------------------------------------------------------------------------------------------------------

MANY = corpus_of(
    *(make_article(f"{n:04}", f"The sky over town {n} was clear and {n * 7} saw it.") for n in range(1200))
)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose HNSW files are on the disk, which Chroma writes from 1,000 passages on."""
    folder = tmp_path_factory.mktemp("intact")
    with opened(Settings.load(data_dir=folder)) as index:
        index.sync(MANY)
    assert list(folder.glob("chroma/*/data_level0.bin"))
    return folder


def vectors(folder: Path) -> Path:
    """The folder of the passages' HNSW files; the head's, which nobody searches, has no such list."""
    (found,) = folder.glob("*/index_metadata.pickle")
    return found.parent


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def garbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(4096 * 2, len(content), 4096 * 2):
        content[at : at + 512] = os.urandom(512)
    path.write_bytes(content)


def garbage(path: Path) -> None:
    path.write_text("nothing of the kind " * 999)


HARMS: dict[str, Callable[[Path], None]] = {
    "database truncated": lambda folder: half(folder / "chroma.sqlite3"),
    "database garbled": lambda folder: garbled(folder / "chroma.sqlite3"),
    "database is something else": lambda folder: garbage(folder / "chroma.sqlite3"),
    **{
        f"{name} truncated": lambda folder, name=name: half(vectors(folder) / name)  # type: ignore[misc]
        for name in ("data_level0.bin", "header.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")
    },
    "vectors gone": lambda folder: shutil.rmtree(vectors(folder)),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_index_is_moved_aside_and_built_anew_from_the_articles(
    settings: SettingsFactory, intact: Path, harm: str
) -> None:
    made = settings()
    shutil.copytree(intact, made.data_dir)
    (made.data_dir / FEEDBACK_FILE).write_bytes(b"what readers said")
    HARMS[harm](made.data_dir / "chroma")
    counting = CountingEmbeddings(HashEmbeddings())
    with opened(made, counting) as index:
        report = index.sync(MANY)
        assert len(report.added) == len(MANY.articles)
        assert "The index was damaged: it was built anew from the articles" in report.notice
        assert counting.passages == 0, "what was embedded was kept"
        assert len(index.nearest(HashEmbeddings().embed_query("The sky over town 77"), 50)) == 50
    (aside,) = made.data_dir.glob("chroma.damaged-*")
    assert any(aside.iterdir())
    assert (made.data_dir / FEEDBACK_FILE).read_bytes() == b"what readers said"
    with opened(made) as index:
        assert not index.sync(MANY).notice
    assert_as_built_from_nothing(made, MANY, HashEmbeddings())


def test_vectors_of_another_length_are_no_damage(settings: SettingsFactory) -> None:
    """As where a provider puts another model behind the same name: nothing is moved or built anew."""
    made = settings()
    with opened(made) as index:
        index.sync(OLD)
    with opened(made, HashEmbeddings("hash", 32)) as index, pytest.raises(AssistantError, match="refuses") as caught:
        index.sync(NEW)
    assert not isinstance(caught.value, DamagedError)
    assert not list(made.data_dir.glob("chroma.damaged*"))
    with opened(made) as index:
        assert index.snapshot.articles == {article.id: article for article in OLD.articles}


def test_a_reader_of_a_damaged_index_is_told_what_to_do(settings: SettingsFactory, intact: Path) -> None:
    made = settings()
    shutil.copytree(intact, made.data_dir)
    half(made.data_dir / "chroma" / "chroma.sqlite3")
    with opened(made) as index, pytest.raises(DamagedError) as caught:
        index.snapshot  # noqa: B018  reading it is the test
    assert "\n" not in str(caught.value)
    assert "is damaged" in str(caught.value)
    assert "Run `assistant sync`" in str(caught.value)


def test_a_damaged_file_of_vectors_is_only_a_loss_of_time(settings: SettingsFactory) -> None:
    made = settings()
    with opened(made) as index:
        index.sync(OLD)
    garbage(made.data_dir / vector_cache.FILE)
    with opened(made) as index:
        assert index.sync(NEW).passages_embedded == count_passages(NEW.articles[0], NEW.articles[2])
    assert (made.data_dir / f"{vector_cache.FILE}.damaged").exists()
    assert_as_built_from_nothing(made, NEW, HashEmbeddings())


def test_vectors_that_nobody_needed_for_long_give_way(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "LIMIT", 50_000)
    made = settings()
    kept = make_article("kept", "This stays.")
    with opened(made) as index:
        for number in range(60):
            index.sync(corpus_of(kept, make_article("other", f"Version {number} of it. " * 9)))
        assert index.sync(corpus_of(kept, make_article("other", "Version 59 of it. " * 9))).passages_embedded == 0
        assert index.sync(corpus_of(kept, make_article("other", "Version 58 of it. " * 9))).passages_embedded == 0
        assert index.sync(corpus_of(kept, make_article("other", "Version 0 of it. " * 9))).passages_embedded == 1
    assert (made.data_dir / vector_cache.FILE).stat().st_size < 80_000


# -- no room -----------------------------------------------------------------------------------------------------

SYNC_WITHIN_LIMITS = """
import os, resource, signal, sys, tempfile
from pathlib import Path
import chromadb, helpers, test_crash
from assistant.errors import AssistantError
from assistant.index import Index
from assistant.settings import Settings

with tempfile.TemporaryDirectory() as folder:  # what is imported late cannot always be read by whoever has no rights
    first = Index(Settings.load(data_dir=Path(folder)), helpers.HashEmbeddings())
    first.sync(test_crash.OLD)
    first.close()
if sys.argv[2] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
elif os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    index = Index(Settings.load(data_dir=Path(sys.argv[1])), helpers.HashEmbeddings())
    index.sync(test_crash.MANY)
    print("synced", flush=True)
except AssistantError as error:
    print("told:", error, flush=True)
os._exit(0)
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("limit", [40_000, 400_000, 1_000_000])
def test_a_full_disk_is_told_and_once_there_is_room_the_sync_goes_on(settings: SettingsFactory, limit: int) -> None:
    made = settings()
    with opened(made) as index:
        index.sync(OLD)
    with Child(SYNC_WITHIN_LIMITS, made.data_dir, "full", limit) as child:
        told = child.hear()
    assert told.startswith("told:"), told
    assert "cannot be" in told
    with opened(made) as index:
        assert index.snapshot.articles == {article.id: article for article in OLD.articles}
        assert not index.sync(MANY).notice, "nothing was damaged"
    assert_as_built_from_nothing(made, MANY, HashEmbeddings())


def test_a_directory_that_cannot_be_written(settings: SettingsFactory) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = settings(data_dir=Path(folder) / "data")
        with opened(made) as index:
            index.sync(OLD)
        paths = [made.data_dir, *made.data_dir.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with Child(SYNC_WITHIN_LIMITS, made.data_dir, "read-only") as child:
            told = child.hear()
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)
        assert told.startswith("told:"), told
        assert "cannot be" in told
        assert not list(made.data_dir.glob("*damaged*"))
        with opened(made) as index:
            assert done(index.sync(OLD)).keys() == {"unchanged"}


def test_articles_and_other_files_are_never_written(settings: SettingsFactory) -> None:
    made = settings()
    paths = [write_article(made.corpus_dir, f"{name}.md") for name in "abc"]
    database = made.data_dir / FEEDBACK_FILE
    database.parent.mkdir()
    with sqlite3.connect(database) as opened_database:
        opened_database.execute("CREATE TABLE said (words TEXT)")
    opened_database.close()
    watched = [*paths, made.corpus_dir, database]
    before = [(path.stat().st_mtime_ns, path.stat().st_size) for path in watched]
    with opened(made) as index:
        sync(made, index)
    half(made.data_dir / "chroma" / "chroma.sqlite3")
    with opened(made) as index:
        assert sync(made, index).notice
    assert [(path.stat().st_mtime_ns, path.stat().st_size) for path in watched] == before
