"""Articles and their files: what is read, and what a file that cannot be read is told."""

import os
import re
import time
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import pytest
import samples
from helpers import make_article, write_article
from hypothesis import given
from hypothesis import strategies as st

from assistant import articles
from assistant import folder as folder_module
from assistant.articles import Article, ArticleError, load_article, load_corpus
from assistant.errors import CorpusError
from assistant.formats import Given, files

LINES = st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=40).filter(
    lambda line: bool(line.strip())
)


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ArticleError) as caught:
        load_article(path)
    return str(caught.value)


# -- what is read ------------------------------------------------------------------------------------------------


def test_all_fields_of_the_front_matter(tmp_path: Path) -> None:
    path = write_article(
        tmp_path,
        "2024/deal.md",
        "First line.\n",
        title="A deal: signed",
        outlet="The Paper",
        author="A. Writer",
        published=date(2024, 3, 1),
        as_of="2024-02",
        updated="2025",
        url="https://example.org/deal",
        language="de",
        topics=["money", "clouds"],
        sources=["https://example.org/a"],
    )
    article = load_article(path, tmp_path)
    assert article == Article(
        id="2024/deal",
        title="A deal: signed",
        outlet="The Paper",
        author="A. Writer",
        published=date(2024, 3, 1),
        as_of=date(2024, 2, 1),
        updated=date(2025, 1, 1),
        url="https://example.org/deal",
        language="de",
        topics=("money", "clouds"),
        sources=("https://example.org/a",),
        text="First line.\n",
    )
    assert article.held_on == date(2024, 2, 1)


@given(title=LINES, outlet=LINES, topics=st.lists(LINES, max_size=3), day=st.dates())
def test_front_matter_round_trip(
    tmp_path_factory: pytest.TempPathFactory, title: str, outlet: str, topics: list[str], day: date
) -> None:
    path = write_article(tmp_path_factory.getbasetemp(), "a.md", title=title, outlet=outlet, topics=topics, as_of=day)
    article = load_article(path)
    assert (article.title, article.outlet) == (title.strip(), outlet.strip())
    assert article.topics == tuple(topic.strip() for topic in topics)
    assert article.as_of == day


def test_an_article_holds_on_its_publication_date_unless_it_says_otherwise() -> None:
    assert make_article(published="2024-03-01").held_on == date(2024, 3, 1)
    assert make_article(published="2024-03-01", as_of="2023-01-01").held_on == date(2023, 1, 1)
    assert make_article().held_on is None


def test_a_field_without_a_value_means_the_default(tmp_path: Path) -> None:
    article = load_article(write(tmp_path / "a.md", "---\ntitle: A\ntopics:\nlanguage:\n---\nText.\n"))
    assert (article.topics, article.language) == ((), "en")


def test_plain_text_takes_its_title_from_its_name(tmp_path: Path) -> None:
    article = load_article(write(tmp_path / "the-great_deal.txt", "---\nNo front matter here.\n"), tmp_path)
    assert (article.id, article.title) == ("the-great_deal.txt", "the great deal")
    assert article.text == "---\nNo front matter here.\n"


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_a_byte_order_mark_and_windows_line_ends_do_not_count(tmp_path: Path, name: str) -> None:
    text = "One line.\nAnother — with “quotes”.\n"
    path = write_article(tmp_path, name, text)
    plain = load_article(path)
    raw = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert load_article(path) == plain
    path.write_bytes(raw.replace(b"\n", b"\r"))
    assert load_article(path) == plain
    assert plain.text == text


def test_control_characters_are_dropped_and_tabs_kept(tmp_path: Path) -> None:
    article = load_article(write_article(tmp_path, "a.txt", "A\x00b\x1b[31mc\x7f\td\x0ce.\n"))
    assert article.text == "Ab[31mc\tde.\n"


def test_a_rule_in_the_text_is_not_the_end_of_the_front_matter(tmp_path: Path) -> None:
    article = load_article(write(tmp_path / "a.md", "---\ntitle: A\n---\nBefore.\n\n---\n\nAfter.\n"))
    assert article.text == "Before.\n\n---\n\nAfter.\n"


# -- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("Just text.\n", 1, "no front matter; begin the file with a line ---"),
        ("\n---\ntitle: A\n---\nText.\n", 1, "no front matter"),
        ("---\ntitle: A\nText without an end.\n", 1, "the front matter is not closed"),
        ("---\ntitle: A\ntopics: [a, b\n---\nText.\n", 3, "broken YAML in the front matter"),
        ("---\ntitle: A\nauthor: B: C\n---\nText.\n", 3, "broken YAML in the front matter"),
        ("---\ntitle: A\n\tauthor: B\n---\nText.\n", 3, "broken YAML in the front matter"),
        ("---\ntitle: A\nauthor: *b\n---\nText.\n", 3, "broken YAML in the front matter"),
        ("---\ntitle: A\nauthor: !!python/name:os.system\n---\nText.\n", 3, "broken YAML in the front matter"),
        ("---\n- title\n---\nText.\n", 2, "must be lines of `name: value`"),
        ("---\n1: title\n---\nText.\n", 2, "must be lines of `name: value`"),
        ("---\n---\nText.\n", 2, "must be lines of `name: value`"),
        ("---\nauthor: A\n---\nText.\n", 1, "title: Field required"),
        ("---\ntitle: A\npublished: soon\n---\nText.\n", 3, "published: "),
        ("---\ntitle: A\npublished: 2024-13\n---\nText.\n", 3, "published: "),
        ("---\ntitle: A\npublished: 20240301\n---\nText.\n", 3, "published: Value error, give a day"),
        ("---\ntitle: A\npublished: 0\n---\nText.\n", 3, "published: Value error, give a day"),
        ("---\ntitle: A\noutlet: ' '\n---\nText.\n", 3, "outlet: "),
        ("---\ntitle: A\ntopics: money\n---\nText.\n", 3, "topics: "),
        ("---\ntitle: A\nauthor: [B]\n---\nText.\n", 3, "author: "),
        ('---\ntitle: A\nauthor: "\\ud800"\n---\nText.\n', 3, "author: "),
        ("---\ntitle: A\npublisched: 2024-01-01\n---\nText.\n", 3, "publisched: "),
        ("---\ntitle: A\nid: b\n---\nText.\n", 3, "id is not for the front matter"),
        ("---\ntext: b\ntitle: A\n---\nText.\n", 2, "text is not for the front matter"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, content: str, line: int, reason: str) -> None:
    path = write(tmp_path / "a.md", content)
    message = refusal(path)
    assert message.startswith(f"{path}:{line}: ")
    assert reason in message


def test_a_day_that_no_calendar_has(tmp_path: Path) -> None:
    message = refusal(write(tmp_path / "a.md", "---\ntitle: A\npublished: 2025-02-30\n---\nText.\n"))
    assert re.search(r"a\.md:\d+: .*day is out of range", message)


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
@pytest.mark.parametrize("text", ["", "\n \n", "\x00\x00"])
def test_an_article_without_text(tmp_path: Path, name: str, text: str) -> None:
    assert "the article has no text" in refusal(write_article(tmp_path, name, text))


def test_an_empty_file(tmp_path: Path) -> None:
    assert "no front matter" in refusal(write(tmp_path / "a.md", ""))
    assert "no text" in refusal(write(tmp_path / "a.txt", ""))


def test_text_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"Fine.\nFine.\nCaf\xe9.\n")
    assert refusal(path) == f"{path}:3: not UTF-8 text; save the file as UTF-8"


@pytest.mark.parametrize("topics", ["!!timestamp soon", "!!bool maybe", '!!int ""', "[" * 5000, "9" * 5000])
def test_no_value_gets_past_the_reader_as_another_error(tmp_path: Path, topics: str) -> None:
    write(tmp_path / "bad.md", f"---\ntitle: A\ntopics: {topics}\n---\nText.\n")
    write_article(tmp_path, "good.md")
    corpus = load_corpus(tmp_path)
    assert [article.id for article in corpus.articles] == ["good"]
    assert list(corpus.problems) == ["bad"]


# -- a folder of articles ----------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    write_article(tmp_path, "a.md")
    write(tmp_path / "b.md", "---\ntitle: [\n---\nText.\n")
    (tmp_path / "c.md").symlink_to(tmp_path / "nowhere")
    (tmp_path / "d.md").symlink_to(tmp_path / "d.md")
    write(tmp_path / "e.txt", b"\xff")
    write_article(tmp_path, "f.md")
    corpus = load_corpus(tmp_path)
    assert [article.id for article in corpus.articles] == ["a", "f"]
    assert corpus.problems.keys() == {"b", "c", "d", "e.txt"}
    assert f"{tmp_path / 'b.md'}:" in corpus.problems["b"]
    assert corpus.problems["c"] == f"{tmp_path / 'c.md'}: cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    write_article(tmp_path, "a.md").chmod(0)
    assert load_corpus(tmp_path).problems == {"a": f"{tmp_path / 'a.md'}: cannot be read: Permission denied"}


@pytest.mark.parametrize("forbidden", ["", "2024"])
def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forbidden: str
) -> None:
    """Were it taken for an empty one, the next sync would remove its articles from the index."""
    write_article(tmp_path, "2024/a.md")
    write_article(tmp_path, "b.md")
    scandir = os.scandir

    def guarded(path: Any) -> Any:
        if Path(path) == tmp_path / forbidden:
            deny(path)
        return scandir(path)

    def deny(path: Any) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(CorpusError, match="cannot be listed"):
        load_corpus(tmp_path)


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"does not exist.*ASSISTANT_CORPUS_DIR"):
        load_corpus(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="does not exist"):
        load_corpus(write_article(tmp_path, "a.md"))


def test_an_empty_folder_is_an_empty_corpus(tmp_path: Path) -> None:
    corpus = load_corpus(tmp_path)
    assert (corpus.articles, corpus.problems) == ((), {})


def test_what_is_not_an_article(tmp_path: Path) -> None:
    for name in (
        "README.md",
        "deep/readme.md",
        "LICENSE.txt",
        ".hidden.md",
        ".git/a.md",
        "a_files/b.html",
        "a.png",
        "b.md.orig",
    ):
        write_article(tmp_path, name)
    (tmp_path / "folder.md").mkdir()
    write_article(tmp_path, "folder.md/c.md")
    assert [article.id for article in load_corpus(tmp_path).articles] == ["folder.md/c"]
    assert load_corpus(tmp_path).problems == {}


def test_a_hidden_folder_above_the_corpus_hides_nothing(tmp_path: Path) -> None:
    write_article(tmp_path / ".cache" / "corpus", "a.md")
    assert len(load_corpus(tmp_path / ".cache" / "corpus").articles) == 1


@pytest.mark.parametrize("names", [("a.txt", "a.txt.md"), ("a.md", "a .md")])
def test_two_files_cannot_have_the_same_id(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        write_article(tmp_path, name)
    corpus = load_corpus(tmp_path)
    assert len(corpus.articles) == 1
    (message,) = corpus.problems.values()
    assert "another file already has the id a" in message


def test_articles_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.md", "a.md", "c.txt"):
        write_article(tmp_path, name)
    assert [article.id for article in load_corpus(tmp_path).articles] == ["a/z", "a", "b", "c.txt"]


# -- files of other formats, and what is kept of them ------------------------------------------------------------


def age(folder: Path) -> None:
    """Make all files an hour old: one that was only just written is read again, to be sure."""
    then = time.time() - 3600
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened, and of those that are parsed with `!` before."""
    seen: list[str] = []
    load, read, article = files.load, files.read, articles.read_article

    def counting_load(file: files.Local) -> Any:
        seen.append(file.path.name)
        return load(file)

    def counting_read(given: Given, *rest: Any) -> Any:
        seen.append(f"!{Path(given.name).name}")
        return read(given, *rest)

    def counting_article(raw: bytes, path: str, article_id: str) -> Any:
        seen.append(f"!{Path(path).name}")
        return article(raw, path, article_id)

    monkeypatch.setattr(files, "load", counting_load)
    monkeypatch.setattr(files, "read", counting_read)
    monkeypatch.setattr(folder_module, "read_article", counting_article)
    monkeypatch.setattr(folder_module, "_RACE", -(10**18))  # the time of a change of status cannot be set
    return seen


def test_dropping_a_file_of_any_format_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "quay.pdf", samples.pdf(samples.QUAY, title="The quay"))
    write(tmp_path / "quay.pdf.yaml", "outlet: The Gazette\npublished: 2026-03-14\n")
    write(tmp_path / "minutes.docx", samples.docx())
    write(tmp_path / "old.txt", (samples.FERRY + " Müßiggänger und Größen, Ärzte, Öfen. " * 3).encode("cp1252"))
    write(tmp_path / "export.jsonl", samples.jsonl(samples.record(id="a"), {"title": "no text"}))
    write(tmp_path / "more.zip", samples.packed({"in/letter.eml": samples.eml(), "bad.pdf": b"x"}))
    write(tmp_path / "lost.pdf.yaml", "outlet: x\n")
    write(tmp_path / "old.doc", b"x")
    write(tmp_path / "feed.html", samples.rss(samples.item("https://a.example/x")))
    corpus = load_corpus(tmp_path, tmp_path / "data" / "articles.db")
    found = {article.id: article for article in corpus.articles}
    key = next(key for key in found if key.startswith("export.jsonl/"))
    assert set(found) == {"quay.pdf", "minutes.docx", "old.txt", key, "more.zip/in/letter.eml"}
    assert (found["quay.pdf"].outlet, found["quay.pdf"].published) == ("The Gazette", date(2026, 3, 14))
    assert "Müßiggänger" in found["old.txt"].text
    assert set(corpus.problems) == {"export.jsonl:2", "more.zip/bad.pdf", "lost.pdf.yaml", "old.doc", "feed.html"}
    assert "no file lost.pdf beside it" in corpus.problems["lost.pdf.yaml"]


def test_an_unchanged_file_is_not_opened_and_a_touched_one_not_parsed(tmp_path: Path, counted: list[str]) -> None:
    kept = tmp_path / "data" / "articles.db"
    folder = tmp_path / "corpus"
    write_article(folder, "a.md")
    write(folder / "b.pdf", samples.pdf(samples.QUAY))
    age(folder)
    first = load_corpus(folder, kept)
    assert set(counted) == {"a.md", "!a.md", "b.pdf", "!b.pdf"}
    counted.clear()
    assert load_corpus(folder, kept) == first
    assert counted == []
    os.utime(folder / "b.pdf", (1, 1))
    assert load_corpus(folder, kept) == first
    assert counted == ["b.pdf"]
    counted.clear()
    write(folder / "b.pdf.yaml", "title: Mended\n")
    write_article(folder, "a.md", "Other words.\n")
    age(folder)
    assert [article.title for article in load_corpus(folder, kept).articles] == ["A", "Mended"]
    assert sorted(counted) == ["!a.md", "!b.pdf", "a.md", "b.pdf"]
    (folder / "b.pdf.yaml").unlink()
    (folder / "a.md").unlink()
    assert [article.id for article in load_corpus(folder, kept).articles] == ["b.pdf"]


def test_a_file_that_was_only_just_written_is_read_again(tmp_path: Path) -> None:
    """Written twice within one tick of the clock it has the same size and time, and other words."""
    folder, kept = tmp_path / "corpus", tmp_path / "articles.db"
    path = write_article(folder, "a.txt", "One words.")
    seen = path.stat()
    load_corpus(folder, kept)
    with path.open("r+b") as file:
        file.write(b"Two words.")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert load_corpus(folder, kept).articles[0].text == "Two words."


def test_what_is_kept_can_be_lost(tmp_path: Path) -> None:
    folder, kept = tmp_path / "corpus", tmp_path / "articles.db"
    write_article(folder, "a.md")
    first = load_corpus(folder, kept)
    kept.write_bytes(b"rubbish" * 1000)
    assert load_corpus(folder, kept) == first
    assert load_corpus(folder, kept) == first
    kept.unlink()
    assert load_corpus(folder, kept) == first


def test_a_broken_file_of_many_keeps_those_that_it_had(tmp_path: Path) -> None:
    folder, kept = tmp_path / "corpus", tmp_path / "articles.db"
    folder.mkdir()
    raw = samples.packed({"a.txt": "Some words.", "b.txt": "More words."})
    write(folder / "b.zip", raw)
    first = load_corpus(folder, kept)
    write(folder / "b.zip", raw[: len(raw) // 2])
    half = load_corpus(folder, kept)
    assert half.articles == first.articles
    assert "broken" in half.problems["b.zip"]
    write(folder / "b.zip", raw)
    assert load_corpus(folder, kept) == first


# -- the digest --------------------------------------------------------------------------------------------------


def test_the_digest_stays_when_only_the_file_changes(tmp_path: Path) -> None:
    path = write_article(tmp_path, "a.md", title="A", outlet="B")
    before = load_article(path)
    os.utime(path, (1, 1))
    assert load_article(path).digest == before.digest
    path.write_text("---\noutlet:   'B'\n# a remark\ntitle: A\n---\n\n\nThe sky was clear. Nobody saw it.")
    assert load_article(path).digest == before.digest


@pytest.mark.parametrize(
    "change",
    [
        {"text": "The sky was clear. Nobody saw it!\n"},
        {"text": "The sky was clear.  Nobody saw it.\n"},
        {"title": "Other"},
        {"outlet": "The Paper"},
        {"author": "The Paper"},
        {"published": "2024-03-01"},
        {"as_of": "2024-03-01"},
        {"updated": "2024-03-01"},
        {"url": "https://example.org"},
        {"language": "de"},
        {"topics": ["money"]},
        {"sources": ["money"]},
    ],
)
def test_the_digest_moves_with_everything_the_article_says(change: dict[str, Any]) -> None:
    article = make_article()
    other = Article.model_validate({**article.model_dump(), **change})
    assert article.digest != other.digest
    assert article.digest == make_article().digest


def test_an_article_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_article().text = "Else."  # type: ignore[misc]
