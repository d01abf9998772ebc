"""The page's HTML: what comes from articles, questions and models stays text, whatever it looks like."""

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from helpers import make_article
from hypothesis import given
from hypothesis import strategies as st

from assistant.answer import Answer, AnswerSentence, Citation, Copy, Found, Outcome, Usage, Verdict
from assistant.feedback import Reason
from assistant.ui import conversation, drawer, render, share, source, sure, votes

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "' autofocus onfocus=alert(1) x='",
    "javascript:alert(1)",
    "</mark></div><h1>owned",
    "&lt;b&gt; &amp;#x27; &copy",
    "[1] [2](javascript:alert(1)) ![x](http://evil.test/x.png)",
    "${alert(1)} {{value}} `",
    "<!-- <![CDATA[ ]]> -->",
    "\u202eevil\u2066",
    "line\r\nbreak\rhere",
]
TAGS = {
    *("article", "section", "header", "footer", "h1", "h2", "h3", "p", "div", "span", "ol", "li", "dl", "dt", "dd"),
    *("a", "button", "q", "blockquote", "bdi", "time", "mark", "svg", "path", "details", "summary", "h4", "strong"),
    *("form", "fieldset", "legend", "label", "input", "textarea", "nav", "ul"),
}
VOID = {"br", "img", "input", "link", "meta", "hr"}
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    # A NUL ends at the loader, and no UTF-8 holds a surrogate.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=80),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map(" ".join),
)


class Page(HTMLParser):
    """Reads HTML as a browser does: elements with their attributes, and the text inside those of a class or name."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[tuple[str, set[str]]] = []
        self.pieces: list[tuple[frozenset[str], str]] = []
        self.feed(source)
        self.close()
        assert not self.open, f"elements left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag not in VOID:
            self.open.append((tag, {tag, *found.get("class", "").split()}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append((frozenset().union(*(names for _, names in self.open)), data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def text(self, name: str) -> str:
        return "".join(data for names, data in self.pieces if name in names)


def check_harmless(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag in TAGS
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")]
        if "href" in attributes:
            assert attributes["href"].startswith(("http://", "https://"))
            assert attributes["rel"] == "noopener noreferrer"
            assert attributes["target"] == "_blank"


def cite(number: int = 1, quote: str = "The sky was clear.", **fields: Any) -> Citation:
    defaults: dict[str, Any] = {
        "article_id": "one",
        "title": "One",
        "outlet": "The Paper",
        "url": None,
        "published": date(2026, 7, 3),
        "as_of": date(2026, 7, 1),
        "passage": quote,
        "start": 0,
    }
    merged = {**defaults, **fields}
    return Citation(number=number, quote=quote, end=merged["start"] + len(quote), **merged)


def answer(text: str, sentences: list[tuple[str, list[int]]], citations: list[Citation], **fields: Any) -> Answer:
    defaults: dict[str, Any] = {
        "outcome": Outcome.ANSWERED,
        "standalone_question": "What was the sky like?",
        "reader": "extractive",
    }
    parts = tuple(AnswerSentence(text=s, citations=tuple(n), verdict=Verdict.SUPPORTED) for s, n in sentences)
    return Answer(answer=text, sentences=parts, citations=tuple(citations), **{**defaults, **fields})


@given(quote=TEXT, title=TEXT, outlet=TEXT, url=TEXT, question=TEXT, sentence=TEXT, notice=TEXT, reader=TEXT)
def test_nothing_in_an_answer_becomes_markup(
    quote: str, title: str, outlet: str, url: str, question: str, sentence: str, notice: str, reader: str
) -> None:
    citation = cite(quote=quote, title=title, outlet=outlet, url=url, article_id=title)
    given_answer = answer(
        f"{sentence} [1]",
        [(sentence, [1])],
        [citation],
        notice=notice,
        reader=reader,
        standalone_question=sentence,
    )
    kept = conversation.Exchange(
        question=question, answer=given_answer, vote=conversation.Vote(helpful=False, comment=notice)
    )
    page = Page(render.exchange(kept, rateable=True))
    check_harmless(page)
    assert page.text("question") == f"You asked: {question}"
    assert page.text("title") == title
    assert page.text("quote") == quote
    assert page.text("note") == notice
    targets = [a for _, a in page.elements if "data-article" in a]
    assert page.text("textarea") == notice
    assert {a["data-quote"] for a in targets} == {quote}
    assert {a["data-article"] for a in targets} == {title}


@given(before=TEXT, quote=TEXT, after=TEXT, title=TEXT, outlet=TEXT, author=TEXT, url=TEXT)
def test_the_panel_shows_the_whole_article_and_marks_the_quote(
    before: str, quote: str, after: str, title: str, outlet: str, author: str, url: str
) -> None:
    text = before + quote + after
    facts = {"title": title, "outlet": outlet, "author": author, "url": url}
    article = make_article(text=text).model_copy(update=facts)
    page = Page(source.article_panel(article, len(before), len(before) + len(quote), quote))
    check_harmless(page)
    assert page.text("article-text") == text
    assert page.text("mark") == quote
    assert page.text("h2") == title
    assert len([tag for tag, _ in page.elements if tag == "mark"]) == 1


@given(text=TEXT, start=st.integers(-5, 100), end=st.integers(-5, 100), quote=TEXT)
def test_only_the_quoted_words_are_ever_marked(text: str, start: int, end: int, quote: str) -> None:
    page = Page(source.article_panel(make_article(text=text), start, end, quote))
    assert page.text("article-text") == text
    if text[max(start, 0) : max(end, 0)] != quote:
        assert page.text("mark") == ""
        assert quote in page.text("blockquote")


@given(TEXT)
def test_any_message_and_any_missing_article_stay_text(message: str) -> None:
    for shown in (render.failure(message), source.missing_panel(message), render.masthead(message, {})):
        page = Page(shown.replace("<code>", "<span>").replace("</code>", "</span>"))
        check_harmless(page)
        assert message in "".join(data for _, data in page.pieces)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.test/x",
        "/local",
        "http://",
        "http://[bad",
        "https:\\\\evil.test",
        "https://exa\u202emple.test",
        "",
        None,
    ],
)
def test_only_web_addresses_become_links(url: str | None) -> None:
    article = make_article().model_copy(update={"url": url})
    assert "<a " not in source.article_panel(article, 0, 18, "The sky was clear.")


def test_a_web_address_becomes_a_link() -> None:
    article = make_article(url="https://example.test/a?b=1&c=2")
    page = Page(source.article_panel(article, 0, 18, "The sky was clear."))
    assert [a["href"] for tag, a in page.elements if tag == "a"] == ["https://example.test/a?b=1&c=2"]


def exchange(question: str = "q", **fields: Any) -> conversation.Exchange:
    return conversation.Exchange(question=question, answer=answer("Clear. [1]", [("Clear.", [1])], [cite(1)]), **fields)


def test_each_marker_opens_its_own_citation() -> None:
    given_answer = answer(
        "Clear. [1] Unseen. [2] [1]",
        [("Clear.", [1]), ("Unseen.", [2, 1])],
        [cite(1), cite(2, "Nobody saw it.", start=19)],
    )
    page = Page(render.reply("q", given_answer))
    markers = [a["data-quote"] for _, a in page.elements if a.get("class") == "cite"]
    assert markers == ["The sky was clear.", "Nobody saw it.", "The sky was clear."]
    assert page.text("cite") == "121"


def test_a_marker_inside_a_quoted_sentence_is_no_citation() -> None:
    sentence = "See note [1], [2] and [7]."
    given_answer = answer(f"{sentence} [1] Clear. [2]", [(sentence, [1]), ("Clear.", [2])], [cite(1), cite(2)])
    page = Page(render.reply("q", given_answer))
    assert page.text("cite") == "12"
    assert page.text("sentence") == "See note [1], [2] and [7].Clear."


def test_a_number_without_a_citation_stays_text() -> None:
    page = Page(render.reply("q", answer("Clear. [1] [9]", [("Clear.", [1])], [cite(1)])))
    assert page.text("cite") == "1"
    assert "[9]" in page.text("words")


def test_a_sentence_with_a_date_stands_apart() -> None:
    sentences = tuple(
        AnswerSentence(text=text, citations=(number,), verdict=Verdict.SUPPORTED, lead=lead)
        for text, number, lead in [("Clear.", 1, "As of 1 July 2026:"), ("Unseen.", 2, "As of 2 July 2026:")]
    )
    text = "As of 1 July 2026: Clear. [1] As of 2 July 2026: Unseen. [2]"
    base = answer(text, [], [cite(1), cite(2)])
    page = Page(render.reply("q", base.model_copy(update={"sentences": sentences})))
    assert page.text("lead") == "As of 1 July 2026:As of 2 July 2026:"
    assert [a["class"] for _, a in page.elements if a.get("class") == "dated"] == ["dated", "dated"]


def test_a_sentence_that_was_not_confirmed_says_so() -> None:
    doubted = AnswerSentence(text="Clear.", citations=(1,), verdict=Verdict.UNSUPPORTED)
    given_answer = answer("Clear. [1]", [], [cite(1)]).model_copy(update={"sentences": (doubted,)})
    assert Page(render.reply("q", given_answer)).text("tag") == "not confirmed"


def test_a_declined_answer_has_no_sources() -> None:
    declined = answer("The articles do not say.", [], [], outcome=Outcome.DECLINED)
    page = Page(render.reply("q", declined))
    assert any("declined" in a.get("class", "").split() for _, a in page.elements)
    assert not [a for tag, a in page.elements if tag == "button"]
    assert page.text("sources") == ""


def test_the_standalone_question_is_shown_only_where_it_differs() -> None:
    given_answer = answer("Clear. [1]", [("Clear.", [1])], [cite(1)])
    assert "Understood as" not in render.reply("what was the  sky like?", given_answer)
    assert "What was the sky like?" in Page(render.reply("and the sky?", given_answer)).text("standalone")


def test_sources_come_when_the_answer_is_complete() -> None:
    given_answer = answer("Clear. [1]", [("Clear.", [1])], [cite(1)])
    assert 'class="sources"' not in render.reply("q", given_answer, streaming=True)
    assert 'class="sources"' in render.reply("q", given_answer)
    assert "Stopped before" in render.reply("q", given_answer, stopped=True)


def copy_of(**fields: Any) -> Copy:
    return Copy(**{"article_id": "two", "title": "Two", "outlet": "Post", "url": None, "published": None, **fields})


def test_a_source_says_which_articles_print_the_quote_too() -> None:
    copies = (copy_of(url="https://example.org/a"), copy_of(outlet=None, title="Untold"), copy_of(url="javascript:x"))
    page = Page(render.sources([cite(copies=copies)]))
    assert page.text("copies") == "Also in: Post (opens a new tab), Untold, Post"
    assert [found["href"] for tag, found in page.elements if tag == "a"] == ["https://example.org/a"]
    assert "copies" not in render.sources([cite()])
    told = share.plain_text("How?", answer("Clear. [1]", [("Clear.", [1])], [cite(copies=copies)]))
    assert told.endswith(": “The sky was clear.” (also in: Post; Untold; Post)")


@given(TEXT, TEXT, TEXT)
def test_nothing_in_a_copy_becomes_markup(title: str, outlet: str, url: str) -> None:
    page = Page(render.sources([cite(copies=(copy_of(title=title, outlet=outlet, url=url),))]))
    check_harmless(page)
    assert page.text("copies").removesuffix(" (opens a new tab)") == f"Also in: {outlet}"


def test_the_masthead_says_what_can_be_answered() -> None:
    one = make_article("a", outlet="The Paper", as_of="2026-07-01")
    two = make_article("b", outlet="The Paper", published="2026-07-03")
    text = "".join(data for _, data in Page(render.masthead("T", {"a": one, "b": two})).pieces)
    assert text.startswith("TAnswers from 2 articles from The Paper, the latest of 3 July 2026.")
    many = {str(n): make_article(str(n), outlet=f"Outlet {n}") for n in range(3)}
    assert "3 articles from 3 outlets." in render.masthead("T", many)


def test_copied_text_carries_its_sources() -> None:
    text = share.plain_text("Sky?", answer("Clear. [1]", [("Clear.", [1])], [cite(1, url="https://example.test/")]))
    assert text == (
        "Sky?\n\nClear. [1]\n\nSources\n"
        "[1] One (The Paper, as of 1 July 2026, https://example.test/): “The sky was clear.”"
    )


@given(TEXT, TEXT, TEXT)
def test_nothing_in_the_drawer_becomes_markup(title: str, other: str, wanted: str) -> None:
    kept = [
        conversation.Conversation(id=wanted[:64], name=name[: conversation.MAX_TITLE], exchanges=(exchange(),))
        for name in (title, other)
    ]
    shelf = conversation.Shelf(conversations=(kept[1].model_copy(update={"id": "x"}),), deleted=kept[0])
    page = Page(drawer.listing(kept[0], shelf))
    check_harmless(page)
    assert page.text("name").startswith(kept[0].title)
    assert kept[0].title in page.text("undo")


@given(TEXT)
def test_nothing_in_a_suggested_question_becomes_markup(question: str) -> None:
    page = Page(render.suggestions([question], None))
    check_harmless(page)
    assert page.text("starter") == question


@given(TEXT, st.integers(-5, 5000), st.integers(-5, 5000))
def test_an_article_without_a_quote_is_shown_from_its_top(text: str, start: int, end: int) -> None:
    page = Page(source.article_panel(make_article(text=text), start, end, ""))
    assert page.text("article-text") == text
    assert page.text("note") == ""
    assert text[max(start, 0) : max(end, 0)] == page.text("mark") or page.text("mark") == ""


def test_how_sure_tells_what_the_answer_holds() -> None:
    found = tuple(
        Found(article_id="one", title=f"T{n}", start=0, end=9, score=1 - n / 10, read=n < 2) for n in range(3)
    )
    given_answer = answer("Clear. [1]", [("Clear.", [1])], [cite(1)], found=found, confidence=0.871, withheld=2)
    given_answer = given_answer.model_copy(
        update={
            "usage": Usage(input_tokens=1200, output_tokens=30),
            "timings_ms": {"retrieval": 12.4, "reading": 140.2},
        }
    )
    text = " ".join(data for _, data in Page(sure.details(given_answer)).pieces)
    for told in ("87% likely", "2 sentences", "1,200 tokens read, 30 written", "153 ms (searching 12, reading 140)"):
        assert told in text
    for told in ("supported", "3 passages found, 2 read", "T0", "0.80", "not read"):
        assert told in text


def test_a_partial_answer_says_that_something_is_missing() -> None:
    given_answer = answer(
        "Clear. [1]", [("Clear.", [1])], [cite(1)], outcome=Outcome.PARTIAL, notice="One is withheld."
    )
    assert Page(render.reply("q", given_answer)).text("missing") == "Not the whole answerOne is withheld."


def test_the_quoting_reader_is_called_so() -> None:
    assert "Reader: quoting" in "".join(data for _, data in Page(render.reply("q", answer("Clear.", [], []))).pieces)


def test_a_vote_shows_and_asks_for_a_reason_until_it_is_given() -> None:
    assert votes.form(0, None) == ""
    pressed = [
        a["aria-pressed"]
        for _, a in Page("".join(votes.thumbs(0, conversation.Vote(helpful=False)))).elements
        if "aria-pressed" in a
    ]
    assert pressed == ["false", "true"]
    assert "<form" in votes.form(0, conversation.Vote(helpful=False))
    done = votes.form(0, conversation.Vote(helpful=False, reason=Reason.WRONG_SOURCE, done=True))
    assert "<form" not in done
    assert "You said: the wrong source." in done


@pytest.mark.parametrize("text", [" " * 50_000, "[" * 50_000, "# " + " " * 50_000, "#" * 50_000, " [1" * 20_000])
@pytest.mark.timeout(5)
def test_no_text_takes_long_to_render(text: str) -> None:
    render.reply("q", answer(text, [], [cite(1)]))
    source.article_panel(make_article().model_copy(update={"text": text}), 0, 1, "x")
