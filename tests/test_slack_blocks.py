"""Answers as Slack messages: Slack's limits hold for any answer, nothing formats or mentions, nothing is lost."""

import re
from datetime import date
from typing import Any

import pytest
from api import calling, events
from hypothesis import given
from hypothesis import strategies as st

from assistant.answer import Answer, AnswerSentence, Citation, Copy, Outcome, Verdict
from assistant.chain import AnswerChain
from assistant.slack.blocks import ANSWER_ID, MOST_BLOCKS, MOST_TEXT, SECTION_CHARS, button, message
from assistant.slack.mrkdwn import BREAK, clip, escape, link, plain, split, unescape

NASTY = ["<!channel>", "<@U123>", "<!subteam^S1|@all>", "@here", "*bold*", "_it_", "~no~", "`code`", "> quote",
         "&amp;", "<https://a.test|b>", ":tada:", "|", "\u202e", "\x00", " ", "\n", ". ", "[1]", "😀"]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=30)), max_size=60).map("".join)
long_texts = st.builds(lambda part, times: part * times, texts, st.integers(1, 400)).map(lambda text: text[:60_000])
urls = st.one_of(st.none(), st.just("https://example.org/a|b<c>?x=1&y=2"), st.text(max_size=60),
                 st.builds(lambda text: f"https://example.org/{text}", texts))  # fmt: skip


def cite(number: int = 1, **more: Any) -> Citation:
    fields: dict[str, Any] = {
        "number": number, "article_id": "quay", "title": "Board approves the quay", "outlet": "The Gazette",
        "url": None, "published": None, "as_of": date(2026, 3, 4), "quote": "The quay is 80 metres long.",
        "passage": "", **more,
    }  # fmt: skip
    return Citation(**{**fields, "start": 0, "end": len(fields["quote"])})


def answered(text: str = "The quay is 80 metres long. [1]", *citations: Citation, **more: Any) -> Answer:
    fields: dict[str, Any] = {"outcome": Outcome.ANSWERED, "standalone_question": "?", "reader": "extractive", **more}
    return Answer(answer=text, citations=citations, **fields)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    citations = [
        cite(
            number, title=draw(texts), outlet=draw(st.none() | texts), url=draw(urls), quote=draw(texts),
            as_of=draw(st.none() | st.dates()),
            copies=tuple(Copy(article_id="c", title=draw(texts), outlet=draw(texts), url=draw(urls), published=None)
                         for _ in range(draw(st.integers(0, 5)))),
        )
        for number in range(1, draw(st.sampled_from([0, 1, 3, 70])) + 1)
    ]  # fmt: skip
    numbers = tuple(citation.number for citation in citations)
    doubted = draw(st.integers(0, 6))
    return answered(
        draw(long_texts | texts),
        *citations,
        sentences=tuple(
            AnswerSentence(text=draw(texts), citations=numbers[:2], verdict=Verdict.MISATTRIBUTED)
            for _ in range(doubted)
        ),
        outcome=Outcome.PARTIAL,
        notice=draw(st.none() | texts),
        withheld=draw(st.integers(0, 3)),
    )


def mrkdwn(blocks: list[dict[str, Any]]) -> list[str]:
    """All mrkdwn of the blocks."""
    return [
        text["text"]
        for block in blocks
        for text in [*block.get("elements", []), block.get("text")]
        if text and text["type"] == "mrkdwn"
    ]


def said(blocks: list[dict[str, Any]]) -> str:
    return " ".join(block["text"]["text"] for block in blocks if block.get("block_id", "").startswith(ANSWER_ID))


def squeezed(text: str) -> str:
    return "".join(unescape(text).split())


@given(answers(), st.booleans())
def test_any_answer_is_a_message_that_slack_takes(answer: Answer, with_buttons: bool) -> None:
    own = [{"type": "actions", "elements": [button("Share", "share", "1", "Share")]}] if with_buttons else []
    made = message(answer, own)
    assert 1 <= len(made.blocks) <= MOST_BLOCKS
    assert made.blocks[-len(own) or len(made.blocks) :] == own
    assert 1 <= len(made.text) <= MOST_TEXT
    ids = [block["block_id"] for block in made.blocks if "block_id" in block]
    assert len(set(ids)) == len(ids)
    for block in made.blocks:
        assert len(block.get("elements", [])) <= 10
    for text in mrkdwn(made.blocks):
        assert 1 <= len(text) <= SECTION_CHARS
    for text in [*mrkdwn(made.blocks), made.text]:
        bare = re.sub(r"<https?://[^<>|\s]+\|[^<>|]+>", "", text)
        assert "<" not in bare, "only our own links have angle brackets"
        assert ">" not in bare
        assert not re.search(r"(?<!\w)@\w", bare)
        # An ampersand is always one of Slack's three escapes, and whole.
        assert not re.search(r"&(?!(?:amp|lt|gt);)", text)
        inside = re.sub(r"^\*\[\d+\]\*", "", bare)
        assert not re.search(rf"(?<!{BREAK})[*_~`]|[*_~`](?!{BREAK})", inside), "only the number of a source is bold"


@given(answers())
def test_every_word_and_marker_of_an_answer_is_there(answer: Answer) -> None:
    made = message(answer)
    expected = squeezed(escape(answer.answer))
    if expected and len(escape(answer.answer)) < 40 * 2_500:
        assert squeezed(said(made.blocks)) == expected


@given(long_texts, st.integers(50, 400))
def test_pieces_hold_the_text_and_cut_no_escape(text: str, limit: int) -> None:
    whole = escape(text)
    pieces = split(whole, limit)
    assert squeezed("".join(pieces)) == squeezed(whole)
    for piece in pieces:
        assert 0 < len(piece) <= limit
        assert not re.search(r"&(?!(?:amp|lt|gt);)", piece)


def test_sentences_stay_with_their_markers() -> None:
    sentence = "The quay & the pier cost 3.5 million. [1] [12] "
    pieces = split(escape(sentence * 300), 500)
    assert len(pieces) > 10
    for piece in pieces:
        assert piece.endswith("million. [1] [12]")
        assert piece.startswith("The quay")


@given(texts)
def test_what_is_escaped_comes_back(text: str) -> None:
    plain = unescape(escape(text))
    assert unescape(escape(plain)) == plain
    assert [char for char in plain if char.isalnum()] == [char for char in text if char.isalnum()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("R&D <b> a > b", "R&amp;D &lt;b&gt; a &gt; b"),
        ("<!channel> <@U1>", f"&lt;!channel&gt; &lt;@{BREAK}U1&gt;"),
        ("ask @here, not ann@example.org", f"ask @{BREAK}here, not ann@example.org"),
        ("*no*", f"{BREAK}*{BREAK}no{BREAK}*{BREAK}"),
        ("> no quotation", f"{BREAK}&gt; no quotation"),
        ("at 10:30 :tada:", f"at 10:30 :{BREAK}tada:"),
        ("tick\u202etock\x00", "ticktock"),
    ],
)
def test_escaping(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("R&amp;D  &lt;b&gt;\nnow", "R&D <b> now"),
        ("<https://a.test/x|the deal> or <https://a.test/y>", "the deal or https://a.test/y"),
        ("<@U1> and <@U2|ann> in <#C1|general>", "and @ann in #general"),
        ("<!here> <!subteam^S1|@desk> <!date^1^{date}|today>", "@here @desk today"),
        ("<mailto:ann@a.test|ann@a.test>", "ann@a.test"),
    ],
)
def test_what_somebody_writes_is_read_as_they_see_it(written: str, meant: str) -> None:
    assert plain(written) == meant


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a?b=1&c=2", "<https://example.org/a?b=1&amp;c=2|A ¦ B>"),
        ("https://example.org/a|b>c", "<https://example.org/a%7Cb%3Ec|A ¦ B>"),
        ("javascript:alert(1)", "A | B"),
        ("data:text/html,x", "A | B"),
        ("https://example.org/with space", "A | B"),
        ("https://", "A | B"),
        ("https://example.org/" + "x" * 2_000, "A | B"),
        (None, "A | B"),
    ],
)
def test_links_go_to_the_web_only(url: str | None, shown: str) -> None:
    assert link(url, "A | B") == shown


def test_clipping_says_that_it_clipped() -> None:
    assert clip("One two  three", 40) == "One two three"
    assert clip("One two three four", 12) == "One two…"
    assert clip("x" * 40, 12) == "x" * 11 + "…"


def test_a_message_in_full() -> None:
    copy = Copy(article_id="b", title="The same", outlet="The Echo", url="https://echo.test/a", published=None)
    one = cite(url="https://gazette.test/quay", copies=(copy,))
    made = message(answered("The quay is 80 metres long. [1]", one, notice="Fell back to quoting."))
    assert [block["type"] for block in made.blocks] == ["section", "context", "context"]
    assert mrkdwn(made.blocks) == [
        "The quay is 80 metres long. [1]",
        "Fell back to quoting.",
        "*[1]* The Gazette · <https://gazette.test/quay|Board approves the quay> · as of 4 March 2026\n"
        "“The quay is 80 metres long.”\nalso in: The Echo · <https://echo.test/a|The same>",
    ]
    assert made.text == (
        "The quay is 80 metres long. [1]\n\nFell back to quoting.\n\n"
        "[1] The Gazette, Board approves the quay, 4 March 2026"
    )


def test_sources_without_a_place_are_counted() -> None:
    made = message(answered("x", *[cite(number) for number in range(1, 61)]))
    assert len(made.blocks) == MOST_BLOCKS
    assert mrkdwn(made.blocks)[-1] == "12 more sources are not shown here."
    exactly = message(answered("x", *[cite(number) for number in range(1, 50)]))
    assert len(exactly.blocks) == MOST_BLOCKS
    assert "[49]" in mrkdwn(exactly.blocks)[-1]


def test_what_is_missing_or_doubtful_is_said() -> None:
    doubted = AnswerSentence(text="It is *green*.", citations=(), verdict=Verdict.UNSUPPORTED)
    shown = mrkdwn(message(answered("It is.", sentences=(doubted,), withheld=2)).blocks)
    assert shown[1] == "2 sentences were withheld, because the articles do not support what was said."
    assert shown[2].startswith("No passage of the articles was found to say this: “It is")


def test_the_endpoint_gives_the_message(story: AnswerChain) -> None:
    with calling(story) as client:
        for question in ("What ties OpenAI to Azure?", "What is the capital of Mongolia?"):
            asked = {"question": question, "format": "slack"}
            reply = client.post("/api/answer", json=asked).json()
            shown = message(Answer.model_validate({k: v for k, v in reply.items() if k not in ("text", "blocks")}))
            assert (reply["text"], reply["blocks"]) == (shown.text, shown.blocks)
            plain = client.post("/api/answer", json={"question": question}).json()
            assert "blocks" not in plain
            assert plain["answer"] == reply["answer"]
            last = events(client.post("/api/answer", json={**asked, "stream": True}).text)[-1]
            assert (last[0], last[1]["blocks"]) == ("done", reply["blocks"])
