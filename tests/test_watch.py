"""Watching: a folder with real files and feeds on a real server are kept in step, whatever fails meanwhile."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import samples
from conftest import SettingsFactory
from helpers import ROOT, HashEmbeddings, write_article
from test_cli import environment
from web import Send, Web, reply

from assistant.articles import load_corpus
from assistant.errors import AssistantError
from assistant.feeds import Feed, Feeds, load_feeds
from assistant.fetching import Fetcher
from assistant.index import Index
from assistant.settings import Settings
from assistant.watching import Watch

STORY = "<html><head><title>{0}</title></head><body><article><h1>{0}</h1><p>{1}</p><p>{2}</p></article></body></html>"
RSS = "application/rss+xml"


def story(title: str, text: str = samples.QUAY) -> Send:
    return reply(STORY.format(title, text, samples.FERRY))


@pytest.fixture
def web() -> Iterator[Web]:
    with Web({}) as started:
        yield started


class Watched:
    """A watch and what it said."""

    def __init__(self, settings: Settings, web: Web | None = None, **more: Any) -> None:
        self.said: list[str] = []
        self.settings = settings
        fetcher = Fetcher(resolve=web.resolve, network=web.network(), seconds=5) if web else None
        options = {"every": 3600.0, "pause": 0.0, "locked": 0.1, **more}
        self.watch = Watch(settings, HashEmbeddings(), self.said.append, fetcher=fetcher, **options)

    def titles(self) -> set[str]:
        """What is in the index."""
        index = Index(self.settings, HashEmbeddings())
        try:
            return {article.title for article in index.snapshot.articles.values()}
        finally:
            index.close()

    def due_again(self) -> None:
        """Let the time come at which the feeds are asked again."""
        import sqlite3

        with sqlite3.connect(self.settings.data_dir / "feeds.db") as database:
            database.execute("UPDATE feeds SET next = 0")
        database.close()


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


# -- the folder --------------------------------------------------------------------------------------------------------


def test_what_happens_in_the_folder_happens_in_the_index(settings: SettingsFactory) -> None:
    made = settings()
    write_article(made.corpus_dir, "a.md")
    watched = Watched(made)
    stop = threading.Event()
    thread = threading.Thread(target=watched.watch.run, args=(stop,))
    thread.start()
    try:
        until(lambda: "1 added" in "".join(watched.said))
        (made.corpus_dir / "quay.pdf").write_bytes(samples.pdf(samples.QUAY, title="The quay"))
        until(lambda: len(watched.said) == 2)
        (made.corpus_dir / "bad.docx").write_bytes(b"x")
        (made.corpus_dir / "a.md").unlink()
        until(lambda: any("1 removed" in line for line in watched.said))
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert watched.titles() == {"The quay"}
    (bad,) = [line for line in watched.said if "bad.docx" in line]
    assert bad.startswith("Left out: ")


def test_what_is_wrong_is_said_once_and_again_when_it_comes_back(settings: SettingsFactory) -> None:
    made = settings()
    write_article(made.corpus_dir, "a.md")
    bad = made.corpus_dir / "bad.md"
    watched = Watched(made)
    for content in ("---\n[", "---\n[", "---\ntitle: Good\n---\nWords.", "---\n["):
        bad.write_text(content)
        watched.watch.step(changed=True)
    assert [line.split(":")[0] for line in watched.said] == [
        "1 added, 0 changed, 0 removed, 0 unchanged.",
        "Left out",
        "1 added, 0 changed, 0 removed, 1 unchanged.",
        "Left out",
    ]


def test_an_index_in_use_is_waited_for(settings: SettingsFactory) -> None:
    made = settings()
    write_article(made.corpus_dir, "a.md")
    watched = Watched(made)
    watched.watch.step(changed=True)
    server = Index(made, HashEmbeddings())
    try:
        assert server.snapshot.articles
        write_article(made.corpus_dir, "b.md")
        watched.watch.step(changed=True)
        watched.watch.step(changed=True)
        (said,) = watched.said[1:]
        assert "in use by another process" in said
        assert "trying again every 0.1 seconds" in said
    finally:
        server.close()
    time.sleep(0.15)
    watched.watch.step(changed=False)
    assert watched.titles() == {"A", "B"}


def test_a_folder_that_is_not_there(settings: SettingsFactory, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="does not exist"):
        Watched(settings(corpus_dir=tmp_path / "nowhere")).watch.run(threading.Event())


# -- feeds -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def fed(settings: SettingsFactory, web: Web) -> Watched:
    made = settings()
    write_article(made.corpus_dir, "a.md")
    (made.corpus_dir / "feeds.yaml").write_text("- url: http://news.example/rss\n  topics: [harbour]\n")
    web.pages["/one"], web.pages["/two"] = story("One"), story("Two", "Other words of the second story. " * 9)
    web.pages["/rss"] = reply(samples.rss(samples.item("/one")), type=RSS, ETag='"1"')
    return Watched(made, web)


def test_new_pages_of_a_feed_come_in_once(fed: Watched, web: Web) -> None:
    fed.watch.step(changed=True)
    assert fed.titles() == {"A", "One"}
    fed.watch.step(changed=False)
    assert web.paths == ["/rss", "/one"], "it is not time to ask again"
    web.pages["/rss"] = reply(samples.rss(samples.item("/one"), samples.item("/two")), type=RSS, ETag='"2"')
    fed.due_again()
    fed.watch.step(changed=False)
    assert web.paths == ["/rss", "/one", "/rss", "/two"]
    assert fed.titles() == {"A", "One", "Two"}
    topics = {a.title: a.topics for a in load_corpus(fed.settings.corpus_dir).articles}
    assert topics["Two"] == ("harbour",)


def test_an_unchanged_feed_costs_its_server_nothing(fed: Watched, web: Web) -> None:
    fed.watch.step(changed=True)
    for _ in range(2):  # the second look has nothing new and keeps what came with the feed
        fed.due_again()
        fed.watch.step(changed=False)
    assert web.headers[-1]["if-none-match"] == '"1"'
    web.pages["/rss"] = reply(b"", 304, None)
    said = len(fed.said)
    fed.due_again()
    fed.watch.step(changed=False)
    assert len(fed.said) == said
    assert web.paths.count("/one") == 1


def test_a_page_that_its_feed_calls_changed_is_fetched_again(fed: Watched, web: Web) -> None:
    fed.watch.step(changed=True)
    web.pages["/one"] = story("One", "The words are others now. " * 9)
    later = samples.item("/one", date="Sun, 15 Mar 2026 10:00:00 -0500")
    web.pages["/rss"] = reply(samples.rss(later), type=RSS)
    fed.due_again()
    fed.watch.step(changed=False)
    assert "1 changed" in fed.said[-1]
    (history,) = (fed.settings.corpus_dir / "added" / ".history").rglob("*.md")
    assert "forty million" in history.read_text("utf-8")


def test_a_feed_that_fails_is_left_alone_for_longer_and_longer(fed: Watched, web: Web) -> None:
    web.pages["/rss"] = reply("busy", 503)
    fed.watch.step(changed=True)
    fed.due_again()
    fed.watch.step(changed=False)
    waits = [line for line in fed.said if line.startswith("Feed ")]
    assert "status 503" in waits[0]
    assert "Trying again in 7200 seconds." in waits[0]
    assert "Trying again in 14400 seconds." in waits[1]
    web.pages["/rss"] = reply("busy", 429, Retry_After="80000")
    fed.due_again()
    fed.watch.step(changed=False)
    assert "Trying again in 80000 seconds." in fed.said[-1]
    web.pages["/rss"] = reply("<html><body><p>No feed at all.</p></body></html>")
    fed.due_again()
    fed.watch.step(changed=False)
    assert fed.titles() == {"A"}


def test_a_page_that_fails_is_tried_again_but_not_for_ever(fed: Watched, web: Web) -> None:
    web.pages["/rss"] = reply(samples.rss(samples.item("/gone"), samples.item("/one")), type=RSS, ETag='"1"')
    for _ in range(5):
        fed.watch.step(changed=False)
        fed.due_again()
    assert (web.paths.count("/gone"), web.paths.count("/one")) == (3, 1)


def test_the_pages_of_a_feed_wait_for_the_index(fed: Watched) -> None:
    fed.watch.step(changed=True)
    server = Index(fed.settings, HashEmbeddings())
    try:
        assert server.snapshot.articles
        write_article(fed.settings.corpus_dir, "b.md")
        fed.due_again()
        fed.watch.step(changed=True)
    finally:
        server.close()
    fed.due_again()
    fed.watch.step(changed=True)
    assert fed.titles() == {"A", "B", "One"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("feeds: x\n", "feeds.yaml:1: there must be a list"),
        ("- https://a.example/rss\n- url: https://b.example\n  evry: 5\n", "feeds.yaml:2: evry: "),
        ("- https://a.example/rss\n- ftp://b.example\n", "feeds.yaml:2: Only pages at http"),
        ("- url: https://b.example\n  every: 1\n", "feeds.yaml:1: every: "),
        ("- [\n", "broken YAML"),
        ("- 5\n", "feeds.yaml:1: "),
    ],
)
def test_what_is_wrong_with_the_list_is_said_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "feeds.yaml").write_text(content)
    with pytest.raises(AssistantError) as caught:
        load_feeds(tmp_path)
    assert says in str(caught.value)


def test_a_list_of_feeds(tmp_path: Path) -> None:
    assert load_feeds(tmp_path) == ()
    (tmp_path / "feeds.yaml").write_text("")
    assert load_feeds(tmp_path) == ()
    (tmp_path / "feeds.yaml").write_text("- https://a.example/rss\n- {url: https://b.example/, every: 60, outlet: B}\n")
    one, two = load_feeds(tmp_path)
    assert (one, two.fields) == (Feed(url="https://a.example/rss"), {"outlet": "B"})
    feeds = Feeds(tmp_path / "data" / "feeds.db", Fetcher(), 900)
    assert feeds.due((one, two)) == [one, two]


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_command_watches_until_it_is_stopped(tmp_path: Path, web: Web, sign: signal.Signals) -> None:
    """Real processes, files, feeds and models; the feed is on a host of the own network, which is allowed by name."""
    corpus = tmp_path / "corpus"
    write_article(corpus, "a.md")
    (corpus / "feeds.yaml").write_text(f"- http://localhost:{web.port}/rss\n")
    web.pages["/rss"] = reply(samples.rss(samples.item("/one")), type=RSS)
    web.pages["/one"] = story("One")
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant.cli", "sync", "--watch"],
        stderr=log,
        env=environment(tmp_path, ASSISTANT_FETCH_HOSTS="localhost", PYTHONPATH=str(ROOT)),
        cwd=tmp_path,
    )
    try:
        until(lambda: "1 added." in (tmp_path / "log").read_text())
        (corpus / "b.eml").write_bytes(samples.eml())
        until(lambda: (tmp_path / "log").read_text().count("added, ") == 2)
        process.send_signal(sign)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        log.close()
    said = (tmp_path / "log").read_text()
    assert said.rstrip().endswith("Stopped.")
    assert "Traceback" not in said
    assert "1 added, 0 changed, 0 removed, 2 unchanged." in said
