"""Conversations taken elsewhere: Markdown that stays text, with a footnote for every citation."""

import re

from hypothesis import given
from test_ui_render import HOSTILE, TEXT, answer, cite

from assistant.answer import Outcome
from assistant.ui import share
from assistant.ui.conversation import Conversation, Exchange

_PLAIN = re.compile(r"(?<!\\)(?:\\\\)*[`*_{}\[\]<>#!|~]")


def exported(*exchanges: Exchange) -> str:
    return share.markdown(Conversation(exchanges=exchanges))


def test_footnotes_are_numbered_through_the_conversation() -> None:
    first = Exchange(question="Sky?", answer=answer("Clear. [1]", [("Clear.", [1])], [cite(1, url="https://a.test/x")]))
    second = Exchange(question="Seen?", answer=answer("No. [1]", [("No.", [1])], [cite(1, "Nobody saw it.", start=19)]))
    text = exported(first, second)
    assert text.startswith("# Sky?\n\n## Sky?\n\nClear.[^1]\n\n## Seen?\n\nNo.[^2]\n\n")
    assert "[^1]: One (The Paper, as of 1 July 2026), <https://a.test/x>: “The sky was clear.”\n" in text
    assert text.endswith("[^2]: One (The Paper, as of 1 July 2026): “Nobody saw it.”\n")


def test_what_is_missing_is_exported_too() -> None:
    stopped = Exchange(question="q", answer=answer("Clear.", [], [], notice="One is gone.", outcome=Outcome.PARTIAL))
    assert "> One is gone." in exported(stopped)
    assert "Stopped before" in exported(stopped.model_copy(update={"stopped": True}))


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_nothing_in_an_export_becomes_markup(question: str, sentence: str, quote: str, title: str, url: str) -> None:
    given_answer = answer(f"{sentence} [1]", [(sentence, [1])], [cite(1, quote, title=title, outlet=title, url=url)])
    text = exported(Exchange(question=question, answer=given_answer))
    for line in text.splitlines():
        line = re.sub(r"^#{1,2} |\[\^1\]:?|<https?://[^<>\s]*>", "", line)
        assert not _PLAIN.search(line), line
        assert not re.match(r"(?:[-+=]|\d{1,3}[.)])", line)
        assert not re.search(r"(?<!\\)://", line)
    assert text.count("[^1]") == 2


def test_a_file_name_holds_nothing_but_letters_and_digits() -> None:
    for name in [*HOSTILE, "../../etc/passwd", "", "…", "a" * 500]:
        one = Conversation(exchanges=(Exchange(question=name or "x", answer=answer("Clear.", [], [])),))
        assert re.fullmatch(r"[a-z0-9-]{1,60}\.md", share.file_name(one))
