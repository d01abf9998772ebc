"""A sync while others ask: replicas follow, no answer mixes revisions, and a server that restarts is waited for."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from chroma import ChromaServer
from conftest import SettingsFactory
from helpers import (
    NEW,
    OLD,
    Child,
    HashEmbeddings,
    assert_as_built_from_nothing,
    assert_same_snapshot,
    corpus_of,
    done,
    make_article,
    opened,
)

from assistant import index as module
from assistant import revisions, store
from assistant.answer import Answer
from assistant.articles import Corpus
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.errors import AssistantError
from assistant.filters import Filters
from assistant.index import Index
from assistant.reading.scorer import Scorer

CLIENTS = 20
TOWNS = "Tarn Velm Oss Brill Camber Dorn Elmet Farrow Gault Hythe Ister Jarrow".split()


def story(edition: str) -> Corpus:
    """Half of the articles are other ones in each edition, titles and figures included."""
    corpus = []
    for number, town in enumerate(TOWNS):
        changes = number % 2 == 0
        metres = 80 + number + (1000 if changes and edition == "second" else 0)
        title = f"The tower of {town}, {edition} edition" if changes else f"The tower of {town}"
        text = f"The tower of {town} is {metres} metres high. It was built of stone by the people of {town}.\n"
        corpus.append(make_article(town.lower(), text, title=title, outlet="The Paper"))
    return corpus_of(*corpus)


def edition_of(answer: Answer) -> str:
    """The one edition that everything in the answer comes from, to the character."""
    shown = {found.title for found in answer.found} | {citation.title for citation in answer.citations}
    editions = {title.split(", ")[1].split()[0] for title in shown if ", " in title}
    assert len(editions) <= 1, f"an answer of several revisions: {shown}"
    assert len(answer.found) == len(TOWNS), "the search came short"
    edition = min(editions)
    texts = {article.id: article.text for article in story(edition).articles}
    for citation in answer.citations:
        assert texts[citation.article_id][citation.start : citation.end] == citation.quote
    assert answer.citations
    return edition


SYNC_EDITIONS = """
import sys
from pathlib import Path
import test_sync
from assistant.embeddings import LocalEmbeddings
from assistant.index import Index
from assistant.settings import Settings

index = Index(Settings.load(data_dir=Path(sys.argv[1]), chroma_url=sys.argv[2]), LocalEmbeddings())
print("ready", flush=True)
for line in sys.stdin:
    index.sync(test_sync.story(line.strip()))
    print("synced", flush=True)
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("writer", ["embedded", "server", "server, another process"])
def test_half_of_the_articles_change_while_twenty_ask(
    settings: SettingsFactory,
    local_embeddings: LocalEmbeddings,
    scorer: Scorer,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    writer: str,
) -> None:
    """No error, and every answer is of exactly one revision; those asked after the switch are of the new one."""
    url = None if writer == "embedded" else request.getfixturevalue("chroma_server").url
    made = settings(chroma_url=url, chat_model="extractive")
    index = Index(made, local_embeddings)
    chain = AnswerChain(made, index, scorer)
    index.sync(story("first"))
    chain.warm()
    stop = threading.Event()
    seen: list[str] = []

    def ask(client: int) -> None:
        number = client
        while not stop.is_set():
            seen.append(edition_of(chain.invoke(f"How high is the tower of {TOWNS[number % len(TOWNS)]}?")))
            number += 1

    with writing(writer, index, tmp_path, url) as sync, ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(ask, client) for client in range(CLIENTS)]
        try:
            for edition in ("second", "first", "second"):
                sync(edition)
                until(lambda wanted=edition: index.snapshot.articles["tarn"].title.endswith(f"{wanted} edition"))  # type: ignore[misc]
                count = len(seen)
                until(lambda count=count: len(seen) > count + CLIENTS or any(one.done() for one in asking))  # type: ignore[misc]
        finally:
            stop.set()
    for one in asking:
        one.result()
    assert edition_of(chain.invoke("How high is the tower of Tarn?")) == "second"
    assert {"first", "second"} <= set(seen)
    index.close()
    print(f"{writer}: {len(seen)} answers")


@contextmanager
def writing(writer: str, index: Index, folder: Path, url: str | None) -> Iterator[Callable[[str], object]]:
    """A way to bring in an edition. Another process is waited for, as clients that ask would hold up its start."""
    if writer != "server, another process":
        yield lambda edition: index.sync(story(edition))
        return
    with Child(SYNC_EDITIONS, folder / "writer", url) as child:
        assert child.hear() == "ready"

        def elsewhere(edition: str) -> None:
            child.tell(edition)
            assert child.hear() == "synced"

        yield elsewhere


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


# -- replicas ----------------------------------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_a_replica_sees_what_another_wrote_to_the_server_without_being_asked(
    settings: SettingsFactory, tmp_path: Path, chroma_server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POLL", 0.1)
    here, there = (settings(chroma_url=chroma_server.url, data_dir=tmp_path / name) for name in ("here", "there"))
    with opened(here) as reader, opened(there) as writer:
        assert not reader.snapshot.passages
        writer.sync(OLD)
        until(lambda: reader.snapshot.articles.keys() == {"a", "b", "c"})
        held = reader.snapshot
        writer.sync(NEW)
        until(lambda: reader.snapshot is not held)
        assert_same_snapshot(reader.snapshot, writer.snapshot)
        vector = HashEmbeddings().embed_query(held.passages[0].text)
        assert len(reader.nearest(vector, 3, held)) == 3
    assert not (here.data_dir / "chroma").exists()


# -- a server that restarts --------------------------------------------------------------------------------------


@pytest.fixture
def own_chroma(tmp_path: Path) -> Iterator[ChromaServer]:
    """A server that nobody else needs, to be killed or stopped."""
    (tmp_path / "server").mkdir()
    with ChromaServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer is waited for for a second."""
    monkeypatch.setattr(store, "_PATIENCE", 1.0)
    monkeypatch.setattr(store, "_PATIENCE_ASKING", 1.0)


@pytest.mark.timeout(120)
def test_a_sync_goes_on_through_a_restart_of_the_server(
    settings: SettingsFactory, own_chroma: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "GRACE", 0.0)
    made = settings(chroma_url=own_chroma.url)
    restarts = iter(["restart"])

    class Restarting(HashEmbeddings):
        def embed_passages(self, passages):  # type: ignore[no-untyped-def]
            if next(restarts, None):
                own_chroma.kill()
                threading.Timer(2.0, own_chroma.start).start()
            return super().embed_passages(passages)

    with opened(made) as index:
        index.sync(OLD)
    with opened(made, Restarting()) as index:
        assert done(index.sync(NEW))["added"] == ("d",)
    assert_as_built_from_nothing(made, NEW, HashEmbeddings())


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("impatient")
def test_a_server_that_stays_away_is_told_and_the_next_sync_goes_on(
    settings: SettingsFactory, own_chroma: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "GRACE", 0.0)
    made = settings(chroma_url=own_chroma.url)

    class Ending(HashEmbeddings):
        def embed_passages(self, passages):  # type: ignore[no-untyped-def]
            own_chroma.kill()
            return super().embed_passages(passages)

    with opened(made) as index:
        index.sync(OLD)
    with opened(made, Ending()) as index, pytest.raises(AssistantError, match="does not answer") as caught:
        index.sync(NEW)
    assert own_chroma.url in str(caught.value)
    own_chroma.start()
    with opened(made) as index:
        assert done(index.sync(NEW))["added"] == ("d",)
    assert_as_built_from_nothing(made, NEW, HashEmbeddings())


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_keeps_nobody_waiting_for_ever(
    settings: SettingsFactory, own_chroma: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LONGEST", 0.5)
    made = settings(chroma_url=own_chroma.url)
    vector = HashEmbeddings().embed_query("sky")
    with opened(made) as index:
        index.sync(OLD)
        found = index.nearest(vector, 3)
        with own_chroma.frozen():
            with pytest.raises(AssistantError, match="does not answer"):
                index.nearest(vector, 3)
            with opened(made) as another, pytest.raises(AssistantError, match="does not answer"):
                another.sync(OLD)
        assert index.nearest(vector, 3) == found


# -- a server's address ------------------------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_a_server_filters_too(settings: SettingsFactory, chroma_server: ChromaServer) -> None:
    one = make_article("one", outlet="Oss Post", as_of="2024-05-01", topics=["law", "money"])
    two = make_article("two", outlet="Tarn Times", as_of="2025-05-01", topics=["Money"])
    with opened(settings(chroma_url=chroma_server.url), HashEmbeddings("filters")) as index:
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


def test_a_chroma_server_that_does_not_answer(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PATIENCE", 0.5)
    monkeypatch.setattr(store, "_PATIENCE_ASKING", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with opened(settings(chroma_url=url)) as index, pytest.raises(AssistantError, match="does not answer"):
            index.sync(OLD)
