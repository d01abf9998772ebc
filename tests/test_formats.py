"""The formats: what is made of files by the programs that people make them with, and of files made to harm."""

import contextlib
import io
import json
import struct
import zipfile
import zlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from samples import FERRY, QUAY

from assistant import formats
from assistant.addresses import canonical
from assistant.articles import Article, ArticleError
from assistant.formats import FILE_TYPES, Given, archive, exports, feeds, files, sidecar
from assistant.formats.contents import Contents
from assistant.formats.dates import moment
from assistant.formats.encoding import decode
from assistant.formats.parser import Parser
from assistant.language import language_of

MIDNIGHT = datetime.fromisoformat("2026-03-14T23:30:00-05:00")


def only(name: str, raw: bytes) -> Article:
    (part,) = formats.read(Given(name, raw)).parts
    return part.article


def refusal(name: str, raw: bytes) -> str:
    with pytest.raises(ArticleError) as caught:
        formats.read(Given(name, raw))
    assert name in str(caught.value)
    return str(caught.value)


# -- PDF ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 2])
def test_a_pdf_is_read_in_its_order_without_its_furniture(columns: int) -> None:
    body = [QUAY, "# What it costs", FERRY] * 14
    article = only("quay.pdf", samples.pdf(*body, columns=columns, heading="Board approves the new quay"))
    assert article.title == "Board approves the new quay"
    blocks = article.text.strip().split("\n\n")
    assert [block for block in blocks if block in (QUAY, "What it costs", FERRY)] == [b.lstrip("# ") for b in body]
    assert "The Gazette" not in article.text
    assert "Page" not in article.text
    assert article.published is None, "the day on which the file was made is not that of publication"


def test_words_divided_at_the_end_of_a_line_are_put_together() -> None:
    lines = [
        "The har-",
        "bour board has a long-",
        "term plan for the quay, well-",
        "known since the win-",
        "ter of 2024.",
    ]
    article = only("a.pdf", samples.lines_pdf([*lines, "Its long-term aim is a new pier, said the board of the town."]))
    assert "The harbour board has a long-term plan for the quay, well-known since the winter of 2024." in article.text


def test_a_paragraph_goes_on_over_the_page() -> None:
    first = ["The Gazette", "The board approved the quay and said that it would", "1"]
    second = ["The Gazette", "be built within two years of the first stone being laid.", "2"]
    assert "it would be built within two years" in only("a.pdf", samples.lines_pdf(first, second)).text


def test_a_title_from_a_program_is_no_title() -> None:
    assert only("a.pdf", samples.pdf(QUAY, title="Microsoft Word - draft3.docx", heading="The new quay")).title == (
        "The new quay"
    )
    assert only("a.pdf", samples.pdf(QUAY, title="Quay approved")).title == "Quay approved"


def test_pdfs_that_cannot_be_read() -> None:
    good = samples.pdf(QUAY)
    assert "text recognition (OCR)" in refusal("scan.pdf", samples.scan())
    assert "locked with a password" in refusal("locked.pdf", _locked(good))
    for raw in (good[: len(good) // 2], b"%PDF-1.7\n", b"%PDF-1.4" + b"\xff" * 3000):
        assert "broken" in refusal("cut.pdf", raw) or "no text" in refusal("cut.pdf", raw)
    assert "is none" in refusal("words.pdf", b"Just words.")
    assert "is none" in refusal("empty.pdf", b"")


def _locked(raw: bytes) -> bytes:
    out = io.BytesIO()
    writer = PdfWriter(io.BytesIO(raw))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


# -- Word, e-mail ------------------------------------------------------------------------------------------------------


def test_a_word_document() -> None:
    article = only("quay.docx", samples.docx())
    assert (article.title, article.author, article.published) == ("Board approves the new quay", "Ada Brook", None)
    expected = [QUAY, "## What it costs", "- First point", "- Second point", "Year | Cost\n2026 | 40 million", FERRY]
    assert article.text.strip().split("\n\n") == expected


def test_word_documents_that_cannot_be_read() -> None:
    good = samples.docx()
    assert "broken" in refusal("cut.docx", good[: len(good) // 2])
    assert "unpacks to" in refusal("bomb.docx", samples.packed({"word/document.xml": b" " * 50_000_000}))
    assert "broken" in refusal("hollow.docx", samples.packed({"word/document.xml": b"<w/>"}))
    assert "save it as .docx" in refusal("old.doc", b"\xd0\xcf\x11\xe0" + b"\0" * 100)
    assert "save it as PDF or .docx" in refusal(
        "sheet.docx", samples.packed({"[Content_Types].xml": "", "xl/a.xml": ""})
    )


def test_an_external_entity_in_a_word_document_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    source = zipfile.ZipFile(io.BytesIO(samples.docx()))
    members = {name: source.read(name) for name in source.namelist()}
    evil = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'.encode()
    document = members["word/document.xml"].partition(b"?>")[2].replace(b"Second point", b"Second &x; point")
    try:
        text = only("evil.docx", samples.packed({**members, "word/document.xml": evil + document})).text
    except ArticleError:
        return
    assert "sesame" not in text


def test_a_newsletter() -> None:
    html = f"<html><body><h1>Quay</h1><p>{QUAY}</p><p>{FERRY}</p><script>alert(1)</script></body></html>"
    for raw in (samples.eml(html), samples.eml(html, text=""), samples.eml()):
        article = only("letter.eml", raw)
        assert (article.title, article.outlet) == ("Board approves the new quay", "The Gazette")
        assert (article.published, article.published_at) == (date(2026, 3, 14), MIDNIGHT)
        assert article.published_at is not None
        assert article.published_at.utcoffset() == timedelta(hours=-5)
        assert QUAY.split(". ")[0] in " ".join(article.text.split())
        assert "alert" not in article.text


def test_messages_that_cannot_be_read() -> None:
    assert "no e-mail message" in refusal("words.eml", b"Just words.\n")
    assert "no e-mail message" in refusal("empty.eml", b"")
    assert "no text" in refusal("hollow.eml", b"Subject: x\n\n")
    evil = (
        b"Subject: =?utf-8?q?x=0D=0ABcc:_y?= \xe2\x80\xae<script>\nFrom: \xff\nDate: someday\n\nWords of the message.\n"
    )
    article = only("evil.eml", evil)
    assert article.title.isprintable()
    assert article.published is None


# -- JSON --------------------------------------------------------------------------------------------------------------


def test_records_by_their_usual_names() -> None:
    article = only(
        "export.jsonl", samples.jsonl(samples.record(tags="harbour, money", lang="en-GB", byline=["A", "B"]))
    )
    assert (article.title, article.outlet, article.author) == ("Board approves the new quay", "The Gazette", "A, B")
    assert article.url == "https://gazette.example/quay"
    assert (article.topics, article.language, article.published_at) == (("harbour", "money"), "en", MIDNIGHT)
    assert article.text == QUAY + "\n"


@pytest.mark.parametrize(
    "whole",
    [
        [samples.record()],
        {"status": "ok", "articles": [samples.record()]},
        {"hits": {"hits": [{"_id": 1, "_source": samples.record()}]}},
        {"version": "https://jsonfeed.org/version/1.1", "items": [samples.record()]},
        {"@context": "https://schema.org", "@graph": [samples.record()]},
        samples.record(),
    ],
)
def test_records_where_exports_put_them(whole: object) -> None:
    assert only("export.json", json.dumps(whole).encode()).text == QUAY + "\n"


def test_the_line_of_what_cannot_be_read_is_named_and_the_rest_goes_in() -> None:
    raw = samples.jsonl(
        samples.record(id=1), samples.record(headline=""), [1], samples.record(id=2, date="3/4/26", publishedAt=None)
    )
    found = formats.read(Given("e.jsonl", raw + b"\n{broken\n\n" + samples.jsonl(samples.record(id=3))))
    assert [part.article.title for part in found.parts] == ["Board approves the new quay"] * 2
    assert list(found.problems.values()) == [
        "e.jsonl:2: no title; it may be called title, headline, name, subject",
        "e.jsonl:3: it is no record of names and values",
        "e.jsonl:4: published: '3/4/26' can be read in two ways; write it as 2026-03-14",
        "e.jsonl:5: not JSON: Expecting property name enclosed in double quotes",
    ]
    assert "e.json:3: not JSON" in refusal("e.json", b'[{"title": "A",\n"text": "B"},\n{]')
    assert "deeply" in refusal("e.json", b"[" * 100_000)
    assert "no records" in refusal("e.json", b"[]")


def test_a_record_keeps_its_key_when_others_come_before_it() -> None:
    one, two = samples.record(), samples.record(url="https://gazette.example/ferry", articleBody=FERRY)
    alone = formats.read(Given("e.jsonl", samples.jsonl(one))).parts[0].key
    assert [part.key for part in formats.read(Given("e.jsonl", samples.jsonl(two, one))).parts][1] == alone
    twice = formats.read(Given("e.jsonl", samples.jsonl(one, one)))
    assert (len(twice.parts), "already has this id" in next(iter(twice.problems.values()))) == (1, True)


def test_markup_in_titles_and_texts_is_no_markup_any_more() -> None:
    body = "<p>First &amp; last.</p><script>alert(1)</script><p onclick='x()'>Second<br>line.</p>"
    raw = samples.jsonl(
        samples.record(headline="A &lt;b&gt; <b>bold</b> <script>x()</script>quay\u202e", articleBody=body)
    )
    article = only("e.jsonl", raw)
    assert article.title == "A <b> bold quay"
    assert article.text == "First & last.\n\nSecond\n\nline.\n"


FIELDS = st.sampled_from([name for names in exports.NAMES.values() for name in names])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(JSON)
def test_no_json_breaks_the_reader(value: object) -> None:
    try:
        found = formats.read(Given("e.json", json.dumps(value).encode()))
    except ArticleError:
        return
    assert all(part.article.text.strip() for part in found.parts)


# -- feeds and sitemaps ------------------------------------------------------------------------------------------------


def test_a_feed_leads_to_its_articles_newest_first() -> None:
    old = samples.item("/old", date="Fri, 13 Mar 2026 10:00:00 +0900")
    raw = samples.rss(old, samples.item("https://gazette.example/new", title="A &amp;lt;b&amp;gt; &amp;amp; B"))
    found = feeds.read(raw, "feed", "https://gazette.example/rss")
    assert found.outlet == "The Gazette"
    assert [link.url for link in found.links] == ["https://gazette.example/new", "https://gazette.example/old"]
    assert (found.links[0].published, found.links[0].title) == (MIDNIGHT, "A <b> & B")
    moment = found.links[1].published
    assert isinstance(moment, datetime)
    assert moment.isoformat() == "2026-03-13T10:00:00+09:00", "the outlet's own time, not UTC"


def test_an_atom_feed() -> None:
    raw = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>G</title><entry><title>T</title><id>1</id>'
        b'<link href="/a"/><published>2026-03-14T23:30:00-05:00</published></entry></feed>'
    )
    (link,) = formats.read(Given("feed.xml", raw, "https://gazette.example/feed", "text/xml")).links
    assert (link.url, link.published) == ("https://gazette.example/a", MIDNIGHT)


def test_sitemaps() -> None:
    ns = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"'
    raw = (
        f'<?xml version="1.0"?><urlset {ns}><url><loc>https://g.example/a</loc><lastmod>2026-03-15</lastmod><n:news>'
        "<n:publication><n:name>G</n:name></n:publication><n:publication_date>2026-03-14T23:30:00-05:00"
        "</n:publication_date><n:title>T</n:title></n:news></url><url><loc>javascript:alert(1)</loc></url></urlset>"
    ).encode()
    (link,) = formats.read(Given("sitemap.xml", raw)).links
    assert (link.url, link.title, link.published, link.updated, link.more) == (
        "https://g.example/a", "T", MIDNIGHT, date(2026, 3, 15), False,
    )  # fmt: skip
    index = f"<sitemapindex {ns}><sitemap><loc>https://g.example/s1.xml</loc></sitemap></sitemapindex>".encode()
    assert formats.read(Given("sitemap.xml", index)).links[0].more


def test_feeds_made_to_harm(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    entity = f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    for root in ("<rss version='2.0'><channel><item><title>&x;</title><link>https://g.example/&x;</link></item></channel></rss>",
                 "<urlset><url><loc>https://g.example/&x;</loc></url></urlset>"):  # fmt: skip
        try:
            found = formats.read(Given("f.xml", f"<?xml version='1.0'?>{entity}{root}".encode()))
        except ArticleError:
            continue
        assert "sesame" not in found.model_dump_json()
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><urlset><url><loc>https://g.example/&l11;</loc></url></urlset>'
    (link,) = formats.read(Given("f.xml", bomb.encode())).links
    assert link.url == "https://g.example/"
    many = samples.rss(*(samples.item(f"https://g.example/{n}") for n in range(feeds.MOST_LINKS + 5)))
    found = feeds.read(many, "f.xml")
    assert len(found.links) == feeds.MOST_LINKS
    assert "5 older links are left out" in found.problems[": rest"]
    assert "no links" in refusal("f.xml", samples.rss())
    assert refusal("f.xml", b"<rss><chan")


# -- archives ----------------------------------------------------------------------------------------------------------


def unpacked(members: dict[str, bytes | str]) -> Contents:
    with Parser() as parser:
        return files.read(Given("b.zip", samples.packed(members)), parser)


def test_an_archive_of_all_kinds() -> None:
    found = unpacked(
        {
            "in/quay.pdf": samples.pdf(QUAY),
            "ferry.md": f"---\ntitle: Ferry\n---\n{FERRY}",
            "e.jsonl": samples.jsonl(samples.record(id="n1"), "x"),
            "bad.txt": b"\xff\xfe\xff",
            "picture.png": b"x",
            "__MACOSX/._ferry.md": "x",
            ".hidden.md": "x",
            "old.doc": b"\xd0\xcf\x11\xe0",
            "inner.zip": samples.packed({"a.txt": "x"}),
            "README.md": "about",
        }
    )
    keys = [part.key for part in found.parts]
    assert keys[:2] == ["in/quay.pdf", "ferry"]
    assert keys[2].startswith("e.jsonl/n1-")
    assert len(keys) == 3
    assert list(found.problems) == ["/e.jsonl:2", "/bad.txt", "/old.doc", "/inner.zip"]


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x.md", "/etc/x.md", "..\\x.md", "C:x.md", "a/../../x.md", "a\u202eb.md"]
)
def test_no_member_leads_out_of_an_archive(name: str) -> None:
    found = unpacked({"good.txt": "Good words.", name: "Evil words."})
    assert [part.key for part in found.parts] == ["good.txt"]
    (problem,) = found.problems.values()
    assert "leads out of the archive" in problem
    assert problem.isprintable()


def test_archives_made_to_harm() -> None:
    with pytest.raises(ArticleError, match="unpacks to"):
        list(archive.members(samples.packed({"bomb.txt": b"0" * 60_000_000}), "b.zip", 10**9))
    with pytest.raises(ArticleError, match="more than 20,000"):
        list(archive.members(samples.packed({f"{n}.txt": "" for n in range(20_001)}), "b.zip", 10**9))
    with pytest.raises(ArticleError, match="broken"):
        list(archive.members(samples.packed({"a.txt": "x"})[:-10], "b.zip", 10**9))
    with pytest.raises(ArticleError, match="broken"):
        list(archive.members(b"", "b.zip", 10**9))
    ((_, content),) = archive.members(_liar(), "b.zip", 10**9)
    assert isinstance(content, ArticleError)
    ((_, content),) = archive.members(samples.packed({"a.txt": "x" * 100}), "b.zip", 50)
    assert "longer than" in str(content)


def _liar() -> bytes:
    """An archive that says 10 bytes of a member that has a thousand."""
    raw = bytearray(samples.packed({"a.txt": b"word " * 200}))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = raw.index(mark) + at
        raw[place : place + 4] = struct.pack("<I", 10)
    return bytes(raw)


# -- the worker --------------------------------------------------------------------------------------------------------

HANG = f"{'<div>' * 200_000}{'<p>words</p>' * 200_000}"


def test_what_takes_too_long_is_given_up_and_the_next_file_is_read() -> None:
    with Parser(0.05) as parser, pytest.raises(ArticleError, match=r"longer than 0\.05 seconds"):
        parser.read(Given("slow.html", HANG.encode()))
    with Parser() as parser:
        assert parser.read(Given("a.txt", b"Words.")).parts[0].article.text == "Words.\n"
        process = parser._process
        assert process is not None
        process.kill()
        with pytest.raises(ArticleError, match="breaks down"):
            parser.read(Given("b.txt", b"Words."))
        assert parser.read(Given("c.txt", b"More words.")).parts[0].article.text == "More words.\n"


def test_memory_is_limited() -> None:
    stream = zlib.compress(b"0 " * 400_000_000, 9)
    bomb = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj "
    bomb += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj 4 0 obj<</Filter/FlateDecode"
    bomb += b"/Length %d>>stream\n%s\nendstream endobj\ntrailer<</Root 1 0 R>>" % (len(stream), stream)
    with Parser(60) as parser:
        with pytest.raises(ArticleError, match=r"bomb\.pdf: "):
            parser.read(Given("bomb.pdf", bomb))
        assert parser.read(Given("a.txt", b"Words.")).parts


@pytest.mark.parametrize("suffix", [kind for kind in FILE_TYPES if kind != ".zip"])
@pytest.mark.parametrize(
    "raw", [b"", b"\0" * 2000, b"\xff\xd8\xff\xe0 JFIF" * 50, b"%PDF-1.4 %%EOF", b"<" * 5000, b"---\n"]
)
def test_no_file_gets_past_the_readers_as_another_error(suffix: str, raw: bytes) -> None:
    with contextlib.suppress(ArticleError):
        assert all(part.article.text.strip() for part in formats.read(Given(f"x{suffix}", raw)).parts)


def test_the_worker_sees_no_key_and_imports_nothing_from_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.chdir(tmp_path)
    for name in ("json.py", "pypdf.py", "trafilatura.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with Parser() as parser:
        assert parser.read(Given("a.pdf", samples.pdf(QUAY))).parts
        assert parser._process is not None
        assert b"secret" not in Path(f"/proc/{parser._process.pid}/environ").read_bytes()
    assert not (tmp_path / "ran").exists()


# -- what an address tells ---------------------------------------------------------------------------------------------


def test_no_file_claims_the_address_of_another_site() -> None:
    def urls(raw: bytes, type: str) -> list[tuple[str | None, tuple[str, ...]]]:
        found = formats.read(Given("x", raw, "https://evil.example/x?utm_source=a", type))
        return [(part.article.url, part.article.sources) for part in found.parts]

    theirs, own = "https://bank.example/a", "https://evil.example/y"
    markdown = f"---\ntitle: A\nurl: {theirs}\n---\nWords."
    assert urls(markdown.encode(), "text/markdown") == [("https://evil.example/x", ())]
    several = samples.jsonl(
        samples.record(id=1, url=theirs), samples.record(id=2, url=own), samples.record(id=3, url="")
    )
    assert urls(several, "application/x-ndjson") == [(None, (theirs,)), (own, ()), (None, ())]


@pytest.mark.parametrize(
    ("claimed", "url", "known"),
    [
        ("https://www.a.example/story", "https://a.example/story?utm_source=x#top", "https://www.a.example/story"),
        ("https://a.example/", "https://a.example/story", "https://a.example/story"),
        ("https://b.example/story", "https://a.example/story", "https://a.example/story"),
        ("javascript:alert(1)", "https://a.example/story", "https://a.example/story"),
        (None, "HTTPS://A.example:443/s?id=1&gallery=2&fbclid=3", "https://a.example/s?id=1&gallery=2"),
        (None, "https://a.example/s?12345", "https://a.example/s?12345"),
        ("https://[broken", "https://a.example/s", "https://a.example/s"),
        (None, None, None),
    ],
)
def test_addresses(claimed: str | None, url: str | None, known: str | None) -> None:
    assert canonical(claimed, url) == known


# -- corrections -------------------------------------------------------------------------------------------------------


def test_a_sidecar_corrects() -> None:
    found = formats.read(Given("letter.eml", samples.eml()))
    yaml = "outlet: The Harbour Gazette\npublished: 2026-03-15\nauthor: Ada Brook\ntopics: [harbour]\n"
    article = sidecar.corrected(found, yaml.encode(), "letter.eml.yaml").parts[0].article
    assert (article.outlet, article.author, article.topics) == ("The Harbour Gazette", "Ada Brook", ("harbour",))
    assert (article.published, article.published_at) == (date(2026, 3, 15), None)
    gone = sidecar.corrected(found, b"outlet:\n", "x").parts[0].article
    assert gone.outlet is None
    assert sidecar.corrected(found, b"\n", "x") == found


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        (b"# mine\noutlte: x\n", "s.yaml:2: outlte: "),
        (b"outlet: x\npublished: soon\n", "s.yaml:2: published: "),
        (b"outlet: [\n", "s.yaml:2: broken YAML"),
        (b"- outlet\n", "s.yaml:1: there must be lines"),
        (b"text: x\n", "s.yaml:1: text is not for"),
        (b"\xff", "s.yaml:1: not UTF-8"),
        (b"title:\n", "title: Field required"),
    ],
)
def test_what_is_wrong_with_a_sidecar_is_said_with_its_line(yaml: bytes, says: str) -> None:
    with pytest.raises(ArticleError) as caught:
        sidecar.corrected(formats.read(Given("a.txt", b"Words.")), yaml, "s.yaml")
    assert says in str(caught.value)


def test_several_articles_cannot_get_one_title() -> None:
    found = formats.read(Given("e.jsonl", samples.jsonl(samples.record(id=1), samples.record(id=2))))
    with pytest.raises(ArticleError, match=r"s\.yaml:2: title cannot be the same for 2 articles"):
        sidecar.corrected(found, b"outlet: x\ntitle: One\n", "s.yaml")
    assert {part.article.outlet for part in sidecar.corrected(found, b"outlet: x\n", "s.yaml").parts} == {"x"}


# -- dates, letters, languages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-14T23:30:00-05:00", MIDNIGHT),
        ("Sat, 14 Mar 2026 23:30:00 -0500", MIDNIGHT),
        ("2026-03-15T04:30:00Z", MIDNIGHT),
        (1773549000, MIDNIGHT),
        (1773549000000, MIDNIGHT),
        ("2026-03", "2026-03"),
        ("14 mars 2026", date(2026, 3, 14)),
        ("March 14, 2026", date(2026, 3, 14)),
        ("", None),
        (None, None),
    ],
)
def test_dates(written: object, read: object) -> None:
    assert moment(written) == read


@pytest.mark.parametrize("written", ["03/04/2026", "3.4.26", "yesterday", "May 2026 or so", -5, "x" * 500, 1e300])
def test_dates_that_are_not_guessed(written: object) -> None:
    with pytest.raises(ValueError, match="2026-03-14"):
        moment(written)


def test_the_day_is_the_outlets_and_the_moment_is_kept() -> None:
    article = Article(id="a", title="A", text="Words.", published="2026-03-14T23:30:00-05:00")
    assert (article.published, article.published_at) == (date(2026, 3, 14), MIDNIGHT)
    assert article.digest != article.model_copy(update={"published_at": None}).digest
    assert article.digest == article.model_copy(update={"fetched_at": datetime.now(UTC)}).digest
    assert Article.model_validate_json(article.model_dump_json()) == article
    with pytest.raises(ValueError, match="published_at is not of the day"):
        Article(id="a", title="A", text="Words.", published=date(2026, 3, 15), published_at=MIDNIGHT)


GERMAN = "Für die Brücke über die Förde müssen Gäste künftig höhere Gebühren zahlen, erklärte die Behörde. " * 3
RUSSIAN = "Совет порта одобрил строительство нового причала, сообщила в пятницу пресс-служба города. " * 3
POLISH = "Rada portu zatwierdziła budowę nowego nabrzeża, którą mieszkańcy miasta krytykują od wielu miesięcy. " * 3
JAPANESE = "港湾委員会は金曜日に新しい岸壁の建設を承認した。費用は四千万ユーロになるという。" * 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (POLISH, "cp1250"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
    ],
)
def test_an_encoding_is_found_or_refused_and_never_wrong(text: str, encoding: str) -> None:
    try:
        assert decode(text.encode(encoding), "a.txt") == text
    except ArticleError:
        assert encoding != "cp1252"


@pytest.mark.parametrize(
    ("text", "language"),
    [(GERMAN, "de"), (RUSSIAN, "ru"), (POLISH, "pl"), (JAPANESE, "ja"), (QUAY, "en"), ("Ja.", "en")],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language
