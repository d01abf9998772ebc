"""The chat page in a real browser: once with the real server and its corpus, once with a chain made for the test."""

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from browser import ask, box, ready, real_server, served
from fastapi import FastAPI
from helpers import make_article
from playwright.sync_api import Browser, Page, expect

from assistant.answer import Answer, AnswerSentence, Citation, Outcome, Verdict
from assistant.errors import QuestionError
from assistant.settings import Settings
from assistant.ui.page import STARTERS, mount_ui

QUESTION = "what ties OpenAI to Azure?"
HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script> [link](javascript:alert(1)) [1]'


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with real_server(folder / "data", folder / "log.txt") as url:
        yield url


class Chain:
    """What the page uses of an `AnswerChain`; the question's words say how it answers."""

    def __init__(self) -> None:
        self.article = make_article(
            "one", "Before. " * 400 + "The sky was clear.\nNobody saw it.\n", outlet="The Paper", as_of="2026-07-01"
        )
        self.evil = make_article("evil", f"{HOSTILE}\n").model_copy(update={"title": HOSTILE, "outlet": HOSTILE})
        self.index = SimpleNamespace(snapshot=SimpleNamespace(articles={"one": self.article, "evil": self.evil}))
        self.settings = Settings(adding="off")
        self.asked: list[dict[str, Any]] = []
        self.go_on = threading.Event()

    def stream(self, request: dict[str, Any]) -> Iterator[Answer]:
        self.asked.append(request)
        question = request["question"]
        if "refuse" in question:
            raise QuestionError("The question is too long <b>by far</b>.")
        if "break" in question:
            raise ZeroDivisionError("/secret/path")
        if "hold" in question:
            self.go_on.wait(30)
        article = self.evil if "evil" in question else self.article
        quote = HOSTILE if "evil" in question else "The sky was clear."
        words = quote.split(" ")
        steps = range(1, len(words) + 1) if "slowly" in question else [len(words)]
        for step in steps:
            if "slowly" in question:
                time.sleep(0.3 if step < 3 else 2)
            yield self._answer(article, quote, " ".join(words[:step]), question)

    @staticmethod
    def _answer(article: Any, quote: str, text: str, question: str) -> Answer:
        start = article.text.index(quote)
        citation = Citation(
            number=1,
            article_id=article.id,
            title=article.title,
            outlet=article.outlet,
            url=article.url,
            published=None,
            as_of=article.as_of,
            quote=quote,
            start=start,
            end=start + len(quote),
            passage=quote,
        )
        return Answer(
            answer=f"{text} [1]",
            outcome=Outcome.ANSWERED,
            sentences=(AnswerSentence(text=text, citations=(1,), verdict=Verdict.SUPPORTED),),
            citations=(citation,),
            standalone_question=question,
            reader="test",
        )


@pytest.fixture(scope="module")
def own_server() -> Iterator[tuple[str, Chain]]:
    chain = Chain()
    with served(mount_ui(FastAPI(), chain)) as url:  # type: ignore[arg-type]
        yield url, chain


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor's page that must leave the console clean and call nobody but its own server."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    visited = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    visited.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    visited.on("pageerror", lambda error: complaints.append(str(error)))
    visited.on("request", lambda request: requests.append(request.url))
    yield visited
    own = visited.url
    origin = "/".join(own.split("/")[:3]) + "/"
    foreign = [url for url in requests if not url.startswith((origin, "data:", "blob:"))]
    context.close()
    assert requests
    assert foreign == []
    assert complaints == []


# -- the real server ---------------------------------------------------------------------------------------------------


def test_a_citation_opens_the_words_it_cites(page: Page, server: str) -> None:
    turn = ask(ready(page, server), QUESTION)
    marker = turn.locator("button.cite").first
    quote = marker.get_attribute("data-quote")
    marker.click()
    mark = page.locator("#source mark")
    expect(mark).to_be_in_viewport(ratio=1)
    assert mark.evaluate("element => element.textContent") == quote
    assert quote in page.locator("#source .article-text").evaluate("element => element.textContent")
    expect(turn.locator(".sources li")).to_have_count(turn.locator("button.cite").count())


def test_a_starter_asks_its_question(page: Page, server: str) -> None:
    ready(page, server).get_by_role("button", name=STARTERS[0]).click()
    expect(page.locator(".turn .sources li").first).to_be_visible(timeout=60_000)
    expect(page.locator(".turn .question")).to_contain_text(STARTERS[0])
    expect(page.locator("#starters")).to_be_hidden()


def test_a_declined_answer_looks_different(page: Page, server: str) -> None:
    turn = ask(ready(page, server), "What is the boiling point of tungsten?")
    expect(turn.locator(".declined")).to_be_visible()
    expect(turn.locator("button.cite, .sources")).to_have_count(0)


def test_two_visitors_do_not_see_each_other(page: Page, browser: Browser, server: str) -> None:
    ask(ready(page, server), QUESTION)
    other = browser.new_context()
    second = ready(other.new_page(), server)
    expect(second.get_by_role("button", name=STARTERS[0])).to_be_visible()
    ask(second, "Is the partnership over?")
    expect(second.locator(".turn")).to_have_count(1)
    expect(page.locator(".turn")).to_have_count(1)
    assert "partnership over" not in page.locator("#conversation").inner_text()
    other.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_phone_never_scrolls_sideways(browser: Browser, server: str, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True)
    phone = ready(context.new_page(), server)

    def width() -> int:
        return int(phone.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"))

    assert width() <= 360
    turn = ask(phone, QUESTION)
    assert width() <= 360
    turn.locator("button.cite").first.tap()
    expect(phone.locator("#source mark")).to_be_in_viewport(ratio=0.2)
    assert width() <= 360
    background = phone.evaluate("getComputedStyle(document.querySelector('.gradio-container')).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) < 200) == (scheme == "dark")
    context.close()


def test_the_conversation_outlives_a_reload(page: Page, server: str) -> None:
    ask(ready(page, server), QUESTION)
    page.reload()
    expect(page.locator(".turn .sources li").first).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name=STARTERS[0])).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


# -- a chain made for the test -----------------------------------------------------------------------------------------


def test_everything_works_by_keyboard(page: Page, own_server: tuple[str, Chain]) -> None:
    turn = ask(ready(page, own_server[0]), "sky?")
    turn.locator("button.cite").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(turn.locator("button.cite")).to_be_focused()
    expect(page.locator("#tip")).to_contain_text("The sky was clear.")
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#source .source")).to_have_count(0)
    expect(turn.locator("button.cite")).to_be_focused()


def test_the_same_citation_can_be_opened_again(page: Page, own_server: tuple[str, Chain]) -> None:
    turn = ask(ready(page, own_server[0]), "sky?")
    turn.locator("button.source-item").click()
    mark = page.locator("#source mark")
    expect(mark).to_be_in_viewport(ratio=1)
    page.locator("#source .source").evaluate("element => { element.scrollTop = 0; }")
    expect(mark).not_to_be_in_viewport()
    turn.locator("button.cite").click()
    expect(mark).to_be_in_viewport(ratio=1)


def test_hostile_articles_stay_text(page: Page, own_server: tuple[str, Chain]) -> None:
    turn = ask(ready(page, own_server[0]), f"evil {HOSTILE}")
    expect(turn.locator(".sentence")).to_contain_text("<script>")
    turn.locator("button.cite").first.hover()
    expect(page.locator("#tip")).to_contain_text("<script>")
    turn.locator("button.cite").first.click()
    mark = page.locator("#source mark")
    expect(mark).to_be_visible()
    assert mark.evaluate("element => element.textContent") == HOSTILE
    assert page.locator("#conversation img, #source img, #conversation a, #source a").count() == 0
    assert page.evaluate("window.owned") is None


def test_shift_enter_starts_a_line(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    ready(page, url)
    box(page).fill("first")
    box(page).press("Shift+Enter")
    box(page).press_sequentially("second")
    assert page.locator(".turn").count() == 0
    box(page).press("Enter")
    page.locator("footer.small").wait_for()
    assert chain.asked[-1]["question"] == "first\nsecond"
    expect(box(page)).to_have_value("")


def test_the_history_goes_with_the_next_question(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    ask(ready(page, url), "sky?")
    ask(page, "and now?")
    assert chain.asked[-1]["history"] == [{"question": "sky?", "answer": "The sky was clear. [1]"}]


def test_an_empty_question_gets_a_hint(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    before = len(chain.asked)
    ready(page, url)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Type a question")).to_be_visible()
    assert len(chain.asked) == before


def test_a_refused_question_is_not_lost(page: Page, own_server: tuple[str, Chain]) -> None:
    turn = ask(ready(page, own_server[0]), "refuse me")
    expect(turn.get_by_role("alert")).to_contain_text("The question is too long <b>by far</b>.")
    expect(box(page)).to_have_value("refuse me")
    box(page).fill("sky?")
    box(page).press("Enter")
    expect(page.locator(".turn .question")).to_have_text("You asked: sky?")
    expect(page.locator(".turn footer.small")).to_be_visible()
    expect(page.locator(".failed")).to_have_count(0)


def test_an_unforeseen_error_tells_nothing_and_loses_nothing(page: Page, own_server: tuple[str, Chain]) -> None:
    turn = ask(ready(page, own_server[0]), "break it")
    expect(turn.get_by_role("alert")).to_contain_text("Please ask again")
    expect(box(page)).to_have_value("break it")
    assert "/secret/path" not in page.content()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def test_stop_keeps_what_was_answered(page: Page, own_server: tuple[str, Chain]) -> None:
    ready(page, own_server[0])
    box(page).fill("slowly please")
    box(page).press("Enter")
    expect(page.locator(".streaming .sentence")).to_contain_text("The sky")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn .note")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    # The chain is still at work: nobody waits for it, and what it says then is not shown.
    ask(page, "sky?")
    page.wait_for_timeout(2500)
    assert "clear" not in page.locator(".turn .words").first.inner_text()
    page.reload()
    expect(page.locator(".turn .note")).to_contain_text("Stopped")
    expect(page.locator(".turn")).to_have_count(2)


def test_stop_before_the_first_word_gives_the_question_back(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    chain.go_on.clear()
    ready(page, url)
    box(page).fill("hold on")
    box(page).press("Enter")
    page.get_by_role("button", name="Stop").click()
    expect(box(page)).to_have_value("hold on")
    expect(page.locator(".turn")).to_have_count(0)
    chain.go_on.set()


def test_one_slow_answer_holds_up_nobody(page: Page, browser: Browser, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    chain.go_on.clear()
    other = browser.new_context()
    slow = ready(other.new_page(), url)
    box(slow).fill("hold on")
    box(slow).press("Enter")
    expect(slow.locator(".waiting")).to_be_visible()
    ask(ready(page, url), "sky?")
    expect(slow.locator(".waiting")).to_be_visible()
    chain.go_on.set()
    expect(slow.locator("footer.small")).to_be_visible()
    other.close()


def test_starters_hide_where_the_articles_are_about_something_else(page: Page, own_server: tuple[str, Chain]) -> None:
    ready(page, own_server[0])
    expect(page.get_by_role("heading", name="Ask the story")).to_be_visible()
    expect(page.locator("#starters")).to_have_count(0)


def test_the_page_offers_no_files_no_uploads_and_no_functions(own_server: tuple[str, Chain]) -> None:
    with httpx.Client(base_url=own_server[0]) as client:
        assert client.get("/gradio_api/info").json() == {"named_endpoints": {}, "unnamed_endpoints": {}}
        assert client.get("/gradio_api/file=/etc/passwd").status_code in (403, 404)
        upload = client.post("/gradio_api/upload", files={"files": ("a.txt", b"more than a byte")})
        assert upload.status_code in (400, 413)
        config = client.get("/config").json()
        assert config["analytics_enabled"] is False
        assert config["footer_links"] == []
