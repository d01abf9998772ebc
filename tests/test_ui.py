"""The chat page in a real browser: once with the real server and its corpus, once with a chain made for the test."""

from typing import Any

import httpx
import pytest
from browser import ask, box, ready, reload
from pages import HOSTILE, Chain
from playwright.sync_api import Browser, Page, expect

QUESTION = "what ties OpenAI to Azure?"


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


def test_suggested_questions_are_answered_one_after_the_other(page: Page, server: str) -> None:
    ready(page, server)
    for number in range(2):
        suggested = page.locator("#next .starter").first
        expect(suggested).to_be_visible(timeout=60_000)
        question = suggested.inner_text()
        suggested.click()
        turn = page.locator(".turn").nth(number)
        expect(turn.locator(".question")).to_contain_text(question, timeout=60_000)
        expect(turn.locator(".sources li").first).to_be_visible(timeout=60_000)
        expect(page.locator("#next").get_by_role("heading", name="Ask next")).to_be_visible(timeout=60_000)
        assert question not in page.locator("#next").inner_text()


def test_a_declined_answer_looks_different(page: Page, server: str) -> None:
    turn = ask(ready(page, server), "What is the boiling point of tungsten?")
    expect(turn.locator(".declined")).to_be_visible()
    expect(turn.locator("button.cite, .sources")).to_have_count(0)
    expect(page.get_by_role("heading", name="The articles do answer")).to_be_visible(timeout=60_000)
    page.locator("#next .starter").first.click()
    expect(page.locator(".turn").nth(1).locator(".sources li").first).to_be_visible(timeout=60_000)


def test_two_visitors_do_not_see_each_other(page: Page, browser: Browser, server: str) -> None:
    ask(ready(page, server), QUESTION)
    other = browser.new_context()
    second = ready(other.new_page(), server)
    expect(second.locator(".turn")).to_have_count(0)
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
    reload(page)
    expect(page.locator(".turn .sources li").first).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    reload(page)
    expect(page.get_by_role("heading", name="Try one of these")).to_be_visible(timeout=60_000)
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
    page.locator("#source .source-body").evaluate("element => { element.scrollTop = 0; }")
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
    # Gradio closes its stream some 100 ms after a cancellation; what is asked before that is lost, faster than a hand.
    page.wait_for_timeout(500)
    # The chain is still at work: nobody waits for it, and what it says then is not shown.
    ask(page, "sky?")
    page.wait_for_timeout(2500)
    assert "clear" not in page.locator(".turn .words").first.inner_text()
    reload(page)
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


def test_nothing_is_suggested_where_nothing_can_be_answered(page: Page, own_server: tuple[str, Chain]) -> None:
    ask(ready(page, own_server[0]), "sky?")
    expect(page.locator("#next section")).to_have_count(0)


def test_a_suggested_question_is_asked_as_it_stands(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    chain.suggested = [f"{HOSTILE} & more?"]
    ready(page, url)
    page.locator("#next .starter").click()
    expect(page.locator(".turn footer.small")).to_be_visible()
    assert chain.asked[-1]["question"] == f"{HOSTILE} & more?"
    chain.suggested = []
    assert page.evaluate("window.owned") is None


def test_the_page_offers_no_files_no_uploads_and_no_functions(own_server: tuple[str, Chain]) -> None:
    with httpx.Client(base_url=own_server[0]) as client:
        assert client.get("/gradio_api/info").json() == {"named_endpoints": {}, "unnamed_endpoints": {}}
        assert client.get("/gradio_api/file=/etc/passwd").status_code in (403, 404)
        upload = client.post("/gradio_api/upload", files={"files": ("a.txt", b"more than a byte")})
        assert upload.status_code in (400, 413)
        config = client.get("/config").json()
        assert config["analytics_enabled"] is False
        assert config["footer_links"] == []
