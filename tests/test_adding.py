"""Articles from outside: what is made of files, pages and pasted text, where it is kept, and how it goes out again."""

import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import samples
from conftest import SettingsFactory
from helpers import HashEmbeddings, write_article
from hypothesis import given
from hypothesis import strategies as st
from web import Web, redirect, reply

from assistant import formats, incoming
from assistant.added import Added, versions
from assistant.adding import Adding, Address, File, Pasted, State, sources_of
from assistant.articles import Article, ArticleError, load_article, load_corpus
from assistant.errors import AssistantError
from assistant.fetching import Fetcher, Page
from assistant.formats import Given, encoding, html
from assistant.formats.parser import Parser
from assistant.index import Index

WORDS = "The board approved the new quay on 14 March 2026. It will cost “€40 million”, said Ada Brook &amp; Co."
PAGE = f"""<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>New quay | The Gazette</title>
<meta property="og:title" content="Board approves the new quay"><meta property="og:site_name" content="The Gazette">
<meta name="author" content="Ada Brook"><link rel="canonical" href="https://www.news.example/quay">
<meta property="article:published_time" content="2026-03-14T08:00:00+01:00">
<meta property="article:modified_time" content="2026-03-16T09:00:00+01:00"></head>
<body><nav><a href="/">Home</a> <a href="/s">Sport</a></nav><article><h1>Board approves the new quay</h1>
<p>{WORDS}</p><h2>What it costs</h2>
<p>The board had said in 2024 that the quay would never be built. It changed its mind after the storm of January, which
tore away forty metres of the old wall and left two ferries without a berth for weeks.</p>
<ul><li>First point</li><li>Second <a href="javascript:alert(1)">point</a></li></ul>
<script>alert("run")</script></article><footer>Cookies and terms</footer></body></html>"""


@pytest.fixture
def index(settings: SettingsFactory) -> Any:
    write_article(settings().corpus_dir, "own.md", "The pier is old.\n", url="https://pier.example/old")
    made = Index(settings(), HashEmbeddings())
    made.sync(load_corpus(settings().corpus_dir))
    yield made
    made.close()


@pytest.fixture
def adding(settings: SettingsFactory, index: Index) -> Adding:
    return Adding(settings(), index)


def article_of(page: Page) -> Article:
    with Parser() as parser:
        (part,) = incoming.from_page(page, parser).parts
    return part.article


def only(adding: Adding, *sources: Any) -> Any:
    (entry,) = adding.add(sources).entries
    return entry


def file(tmp_path: Path, name: str, content: str | bytes) -> File:
    path = tmp_path / "given" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return File(path, name)


# -- what is made of it ------------------------------------------------------------------------------------------------


def test_a_page_becomes_an_article() -> None:
    page = Page(
        "https://news.example/quay?from=feed", "text/html", "utf-8", PAGE.encode(), datetime(2026, 3, 20, tzinfo=UTC)
    )
    article = article_of(page)
    assert (article.title, article.outlet, article.author) == (
        "Board approves the new quay",
        "The Gazette",
        "Ada Brook",
    )
    assert (article.published, article.updated) == (date(2026, 3, 14), date(2026, 3, 16))
    assert article.fetched == date(2026, 3, 20)
    assert article.url == "https://www.news.example/quay"
    assert article.language == "en"
    assert article.text.startswith(
        "The board approved the new quay on 14 March 2026. It will cost “€40 million”, said Ada"
    )
    assert "Brook & Co.\n\n## What it costs\n\nThe board had said" in article.text
    assert "- First point\n- Second point" in article.text
    assert not {"Cookies", "Sport", "alert"} & set(article.text.replace("(", " ").split())


def test_a_page_cannot_claim_the_address_of_another_site() -> None:
    page = Page("https://evil.example/x", "text/html", "utf-8", PAGE.encode(), datetime(2026, 3, 20, tzinfo=UTC))
    assert article_of(page).url == "https://evil.example/x"


def test_a_date_that_a_page_does_not_declare_is_not_made_up() -> None:
    page = PAGE.replace("article:published_time", "x").replace("article:modified_time", "x")
    assert html.read(page, "page.html").published is None


@pytest.mark.parametrize(
    ("raw", "declared"),
    [
        ("Ärger über „Öl“ – 5 €".encode(), None),
        ("Ärger über „Öl“ – 5 €".encode("utf-8-sig"), "iso-8859-1"),
        ("Ärger über „Öl“ – 5 €".encode("cp1252"), "ISO-8859-1"),
        ("Ärger über „Öl“ – 5 €".encode("utf-16"), None),
        ("Ärger über „Öl“ – 5 €".encode(), "no-such-encoding"),
        ('<meta charset="windows-1252">Ärger über „Öl“ – 5 €'.encode("cp1252"), None),
    ],
)
def test_encodings(raw: bytes, declared: str | None) -> None:
    assert encoding.decode(raw, "page", declared, markup=True).endswith("Ärger über „Öl“ – 5 €")


@pytest.mark.parametrize(
    "raw", ["Café".encode("cp1252"), b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 20, b"GIF89a\x00\x00" * 30]
)
def test_what_is_no_text(raw: bytes) -> None:
    with pytest.raises(ArticleError, match="not text"):
        formats.read(Given("picture.txt", raw))


@given(st.text(), st.text(), st.text(max_size=40))
def test_pasted_text_is_kept_to_the_character(title: str, text: str, outlet: str) -> None:
    try:
        article = incoming.from_paste(title, text, outlet)
    except ArticleError:
        return
    kept = "".join(
        c for c in text.replace("\r\n", "\n").replace("\r", "\n") if (ord(c) >= 32 and c != "\x7f") or c in "\n\t"
    )
    assert article.text == kept.strip("\n") + "\n"
    assert article.title.isprintable()


# -- where it is kept --------------------------------------------------------------------------------------------------


def test_files_of_each_kind_go_in(adding: Adding, index: Index, tmp_path: Path) -> None:
    given = [
        file(
            tmp_path,
            "a.md",
            "---\ntitle: Quay\noutlet: Gazette\npublished: 2026-03\ntopics: [harbour]\n---\nThe quay opens.\n",
        ),
        file(tmp_path, "plain-text.txt", "Plain words.\r\nAnd more.\n"),
        file(tmp_path, "headed.md", "# A heading\n\nWords below it.\n"),
        file(tmp_path, "page.html", PAGE),
        file(tmp_path, "old.txt", "Café naïve".encode("utf-16")),
    ]
    seen: list[tuple[str, int, int]] = []
    report = adding.add(given, lambda what, done, total: seen.append((what, done, total)))
    assert [entry.state for entry in report.entries] == [State.ADDED] * 5
    assert [entry.title for entry in report.entries] == [
        "Quay",
        "plain text",
        "A heading",
        "Board approves the new quay",
        "old",
    ]
    articles = index.snapshot.articles
    assert set(articles) == {"own", *(entry.article_id for entry in report.entries)}
    quay = articles[report.entries[0].article_id]
    assert (quay.outlet, quay.published, quay.topics) == ("Gazette", date(2026, 3, 1), ("harbour",))
    assert articles[report.entries[1].article_id].text == "Plain words.\nAnd more.\n"
    assert articles[report.entries[4].article_id].text.startswith("Café naïve")
    assert seen[0] == ("Reading", 0, 5)
    assert ("Reading", 5, 5) in seen
    assert seen[-1][0] == "Indexing"
    assert seen[-1][1] == seen[-1][2]


def test_the_same_again_is_unchanged_and_another_text_is_another_article(adding: Adding, index: Index) -> None:
    first = only(adding, Pasted("Quay", "The quay opens.", "Gazette"))
    before = index.snapshot.revision
    assert only(adding, Pasted("Quay", "The quay opens.", "Gazette")).state is State.UNCHANGED
    assert index.snapshot.revision == before
    other = only(adding, Pasted("Quay", "The quay stays shut.", "Gazette"))
    assert other.state is State.ADDED
    assert other.article_id != first.article_id
    # What is known about it is put right in place.
    mended = only(adding, Pasted("Quay", "The quay opens.", "The Gazette", "2026-03-14"))
    assert (mended.state, mended.article_id) == (State.CHANGED, first.article_id)
    assert index.snapshot.articles[first.article_id].outlet == "The Gazette"
    assert only(adding, Pasted("Own", "The pier is old.")).state is State.UNCHANGED


def test_a_page_seen_again_with_another_text_is_the_same_article(settings: SettingsFactory, index: Index) -> None:
    with Web({"/quay": reply(PAGE), "/old": redirect("/quay")}) as web:
        adding = Adding(settings(), index, Fetcher(resolve=web.resolve, network=web.network(), seconds=5))
        first = only(adding, Address("http://news.example/quay"))
        assert first.state is State.ADDED
        assert only(adding, Address("http://www.news.example/old")).state is State.UNCHANGED
        web.pages["/quay"] = reply(
            PAGE.replace("40 million", "50 million").replace("Board approves", "Board still wants")
        )
        again = only(adding, Address("http://news.example/quay"))
        assert (again.state, again.article_id) == (State.CHANGED, first.article_id)
        assert "50 million" in index.snapshot.articles[first.article_id].text
        web.pages["/gone"] = reply("", 404)
        entry = only(adding, Address("http://news.example/gone"))
        assert (entry.state, "status 404" in entry.reason) == (State.REFUSED, True)
        assert (
            "http and https" in only(adding, Address("ftp://news.example/")).reason
            or "Only pages" in only(adding, Address("ftp://news.example/")).reason
        )


def test_an_earlier_version_is_kept_and_does_not_come_back(
    adding: Adding, settings: SettingsFactory, index: Index, tmp_path: Path
) -> None:
    def export(text: str, updated: str) -> Any:
        url = "https://gazette.example/quay"
        return only(
            adding,
            file(
                tmp_path, "e.json", samples.jsonl(samples.record(body=text, articleBody=None, url=url, updated=updated))
            ),
        )

    first = export("The quay opens.", "2026-03-14T10:00:00+01:00")
    again = export("The quay stays shut.", "2026-03-15T10:00:00+01:00")
    assert (first.state, again.state, again.article_id) == (State.ADDED, State.CHANGED, first.article_id)
    stale = export("The quay opens.", "2026-03-14T10:00:00+01:00")
    assert (stale.state, "later version" in stale.reason) == (State.UNCHANGED, True)
    article = index.snapshot.articles[first.article_id]
    before, now = versions(settings().corpus_dir, article)
    assert (before.article.text, now.article.text) == ("The quay opens.\n", "The quay stays shut.\n")
    assert before.until is not None
    assert now.until is None
    assert set(index.snapshot.articles) == {"own", first.article_id}, "history is not searched"
    own = index.snapshot.articles["own"]
    assert [version.article for version in versions(settings().corpus_dir, own)] == [own]
    adding.remove(first.article_id)
    assert not [path for path in (settings().corpus_dir / "added").rglob("*") if path.is_file()]


def test_what_two_outlets_print_is_two_articles_and_a_tracked_address_is_the_same_one(
    adding: Adding, tmp_path: Path
) -> None:
    def states(*urls: str) -> list[State]:
        raw = samples.jsonl(*(samples.record(id=at, url=url) for at, url in enumerate(urls)))
        return [entry.state for entry in adding.add([file(tmp_path, "e.jsonl", raw)]).entries]

    assert states("https://a.example/quay", "https://b.example/quay?id=1") == [State.ADDED] * 2
    assert states("https://a.example/quay?utm_medium=x&fbclid=1#top", "http://www.b.example/quay?id=1") == [
        State.UNCHANGED,
        State.CHANGED,  # its address is another now, the article is not
    ]
    assert states("https://b.example/quay?id=2") == [State.ADDED]


def test_a_feed_is_followed(settings: SettingsFactory, index: Index) -> None:
    feed = samples.rss(samples.item("/quay"), samples.item("/gone"), samples.item("/report.pdf"))
    bare = PAGE.replace("article:published_time", "x").replace("article:modified_time", "x").replace("www.news", "news")
    pages = {
        "/rss": reply(feed, type="application/rss+xml"),
        "/quay": reply(bare),
        "/report.pdf": reply(samples.pdf(samples.QUAY, title="The report"), type="application/octet-stream"),
    }
    with Web(pages) as web:
        adding = Adding(settings(), index, Fetcher(resolve=web.resolve, network=web.network(), seconds=5), pause=0)
        entries = adding.add([Address("http://news.example/rss", fields={"topics": ("harbour",)})]).entries
        assert [(entry.title, entry.state) for entry in entries] == [
            ("Board approves the new quay", State.ADDED),
            ("", State.REFUSED),
            ("The report", State.ADDED),
        ]
        quay, report = (index.snapshot.articles[entry.article_id] for entry in (entries[0], entries[2]))
        assert (quay.published, str(quay.published_at)) == (date(2026, 3, 14), "2026-03-14 23:30:00-05:00")
        assert quay.topics == ("harbour",)
        assert (report.outlet, report.url) == ("news.example", "http://news.example/report.pdf")
        assert quay.fetched_at is not None
        assert [path for path in web.paths if path != "/rss"] == ["/quay", "/gone", "/report.pdf"]


def test_what_is_piped_in(adding: Adding, index: Index) -> None:
    for raw, title in ((samples.eml(subject="By mail"), "By mail"), (b"# Headed\n\nWords.", "Headed")):
        (source,) = sources_of(["-"], lambda raw=raw: raw)  # type: ignore[misc]
        assert only(adding, source).title == title
    assert only(adding, *sources_of(["-"], lambda: b"")).state is State.REFUSED


def test_a_title_cannot_write_front_matter(adding: Adding, settings: SettingsFactory, index: Index) -> None:
    evil = 'Quay\n---\noutlet: Evil\n---\n"]}: !!python/object:os.system'
    entry = only(adding, Pasted(evil, "---\ntitle: Other\n---\nWords."))
    article = index.snapshot.articles[entry.article_id]
    assert article.title == " ".join(evil.split())
    assert article.outlet is None
    assert article.text == "---\ntitle: Other\n---\nWords.\n"


def test_one_of_several_in_a_file_cannot_be_removed_by_itself(
    adding: Adding, settings: SettingsFactory, index: Index
) -> None:
    folder = settings().corpus_dir / "added"
    folder.mkdir()
    (folder / "e.jsonl").write_bytes(samples.jsonl(samples.record(id=1), samples.record(id=2, url=None)))
    (folder / "letter.eml").write_bytes(samples.eml())
    index.sync(load_corpus(settings().corpus_dir))
    (one,) = (key for key in index.snapshot.articles if key.startswith("added/e.jsonl/1-"))
    (entry,) = adding.remove(one).entries
    assert (entry.state, "several articles in the file added/e.jsonl" in entry.reason) == (State.REFUSED, True)
    assert adding.remove("added/letter.eml").entries[0].state is State.REMOVED
    assert sorted(path.name for path in folder.iterdir()) == ["e.jsonl"]


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x/a.pdf", "x/b.pdf", "x/y/c.eml"):
        write_article(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    assert [source.name for source in sources_of(["x/*.pdf", "**/*.eml"])] == ["x/a.pdf", "x/b.pdf", "x/y/c.eml"]
    with pytest.raises(AssistantError, match="No file matches"):
        sources_of(["*.docx"])


def test_another_text_from_the_address_of_a_corpus_article_is_refused(adding: Adding, tmp_path: Path) -> None:
    entry = only(
        adding, file(tmp_path, "x.md", "---\ntitle: New\nurl: https://pier.example/old\n---\nThe pier is new.\n")
    )
    assert entry.state is State.REFUSED
    assert "own.md" in entry.reason


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.pdf", b"%PDF-1.7", "the PDF is broken"),
        ("a.gif", b"GIF89a", "cannot be read"),
        ("noending", b"words", "cannot be read"),
        ("empty.txt", b" \n ", "no text"),
        ("empty.html", b"<html><body></body></html>", "no article|no text"),
        ("broken.md", b"---\ntitle: [\n---\nWords.", "broken.md:.*YAML"),
        ("open.md", b"---\ntitle: x\nWords.", "not closed"),
        ("id.md", b"---\ntitle: x\nid: ../../evil\n---\nWords.", "id is not for"),
        ("long.txt", b"x" * 10_000_001, "longer than 10 MB"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_goes_in(
    adding: Adding, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    import re

    bad, good = adding.add([file(tmp_path, name, content), Pasted("Good", "Good words.")]).entries
    assert bad.state is State.REFUSED
    assert bad.name == name
    assert re.search(why, bad.reason)
    assert str(tmp_path) not in bad.reason
    assert good.state is State.ADDED


@pytest.mark.parametrize(
    ("title", "text", "published"),
    [("", "Words.", ""), ("\u202e \x00", "Words.", ""), ("Title", "  ", ""), ("Title", "Words.", "31 February")],
)
def test_pasted_text_that_is_refused(adding: Adding, title: str, text: str, published: str) -> None:
    entry = only(adding, Pasted(title, text, "", published))
    assert entry.state is State.REFUSED
    assert entry.reason


HOSTILE = ["../../../etc/passwd", "..\\..\\boot.ini", "/etc/cron.d/x", "a\x00b.md", "аррӏе", "\u202efdp.exe", "con",
           "." * 50, "x" * 5000, "новости", "新闻", "<img src=x onerror=alert(1)>", "added/own", "own"]  # fmt: skip


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_makes_a_file_anywhere_else(
    adding: Adding, settings: SettingsFactory, index: Index, tmp_path: Path, title: str
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "data" not in path.parts}
    entry = only(adding, Pasted(title, "Hostile words."))
    assert entry.state is State.ADDED
    made = [p for p in tmp_path.rglob("*") if p.is_file() and "data" not in p.parts and p not in before]
    (path,) = made
    assert path.parent == settings().corpus_dir / "added"
    assert path.name.removesuffix(".md").replace("-", "").isalnum()
    assert path.name.isascii()
    assert len(path.name) < 90
    assert {path: path.read_bytes() for path in before} == before
    assert index.snapshot.articles[entry.article_id].text == "Hostile words.\n"


@given(title=st.text(min_size=1), text=st.text(min_size=1), outlet=st.text(max_size=50))
def test_what_is_stored_reads_back_the_same(tmp_path_factory: Any, title: str, text: str, outlet: str) -> None:
    try:
        article = incoming.from_paste(title, text, outlet)
    except ArticleError:
        return
    path = tmp_path_factory.mktemp("stored") / "a.md"
    Added(path.parent).write(path, article)
    assert load_article(path).model_copy(update={"id": article.id}) == article
    assert list(path.parent.iterdir()) == [path]


def test_a_corpus_folder_that_cannot_be_written(adding: Adding, settings: SettingsFactory) -> None:
    (settings().corpus_dir / "added").write_text("not a folder")
    entry = only(adding, Pasted("Quay", "Words."))
    assert entry.state is State.REFUSED
    assert "cannot be stored" in entry.reason


def test_two_add_at_once(adding: Adding, index: Index) -> None:
    def add(number: int) -> None:
        adding.add([Pasted(f"Number {number}", f"Words {number}."), Pasted("Same", "The same words.")])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.title for a in index.snapshot.articles.values()} == {"Own", "Same", *(f"Number {n}" for n in range(6))}
    assert len(index.snapshot.articles) == 8


# -- and goes out again ------------------------------------------------------------------------------------------------


def test_an_added_article_can_be_removed_and_one_of_the_corpus_cannot(
    adding: Adding, index: Index, settings: SettingsFactory
) -> None:
    added = only(adding, Pasted("Quay", "The quay opens."))
    (entry,) = adding.remove(added.article_id).entries
    assert entry.state is State.REMOVED
    assert set(index.snapshot.articles) == {"own"}
    assert list((settings().corpus_dir / "added").iterdir()) == []
    (again,) = adding.remove(added.article_id).entries
    assert (again.state, "no such article" in again.reason) == (State.REFUSED, True)
    (own,) = adding.remove("own").entries
    assert own.state is State.REFUSED
    assert "own.md" in own.reason
    assert (settings().corpus_dir / "own.md").exists()


@pytest.mark.parametrize("article_id", ["added/../own", "../own", "added/", "", "/etc/passwd", "added/x/../../own"])
def test_nothing_else_can_be_removed(adding: Adding, settings: SettingsFactory, article_id: str) -> None:
    only(adding, Pasted("Quay", "The quay opens."))
    (entry,) = adding.remove(article_id).entries
    assert entry.state is State.REFUSED
    assert (settings().corpus_dir / "own.md").exists()


def test_the_last_article_stays(adding: Adding, settings: SettingsFactory, index: Index) -> None:
    added = only(adding, Pasted("Quay", "The quay opens."))
    (settings().corpus_dir / "own.md").unlink()
    index.sync(load_corpus(settings().corpus_dir))
    (entry,) = adding.remove(added.article_id).entries
    assert "only article" in entry.reason


def test_the_words_of_a_command(tmp_path: Path) -> None:
    write_article(tmp_path, "below/a.md")
    write_article(tmp_path, "below/b.txt")
    (tmp_path / "below" / "c.png").write_bytes(b"x")
    found = sources_of(["https://news.example/x", str(tmp_path / "below")])
    assert [type(source) for source in found] == [Address, File, File]
    with pytest.raises(AssistantError, match="no file"):
        sources_of([str(tmp_path / "missing.md")])


def test_an_article_knows_when_it_was_fetched_and_is_the_same_without() -> None:
    one = Article(id="a", title="A", text="Words.")
    assert one.model_copy(update={"fetched": date(2026, 1, 1)}).digest == one.digest
    assert one.model_copy(update={"updated": date(2026, 1, 1)}).digest != one.digest
