"""Conversations in the page: the drawer, edit, retry, export, and what a browser's storage can do."""

import json
from pathlib import Path

from browser import ask, box, ready, reload
from pages import HOSTILE, Chain
from playwright.sync_api import Browser, Page, expect


def new(page: Page) -> None:
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


def drawer(page: Page) -> None:
    page.get_by_role("button", name="Conversations", exact=True).click()
    expect(page.locator("#drawer .drawer")).to_be_visible()


def test_conversations_are_listed_renamed_switched_and_deleted(page: Page, own_server: tuple[str, Chain]) -> None:
    ask(ready(page, own_server[0]), "first sky?")
    new(page)
    ask(page, "second sky?")
    drawer(page)
    items = page.locator("#drawer li")
    expect(items).to_have_count(2)
    expect(items.nth(0).locator(".name")).to_contain_text("second sky?")
    items.nth(1).get_by_role("button", name="Rename").click()
    page.keyboard.type("My own name")
    page.keyboard.press("Enter")
    expect(items.nth(1).locator(".name")).to_contain_text("My own name")
    items.nth(1).locator(".name").click()
    expect(page.locator(".turn .question")).to_have_text("You asked: first sky?")
    expect(items.nth(0).locator(".name")).to_contain_text("My own name")
    # Markers and sources are there after the switch, and after a reload.
    reload(page)
    expect(page.locator(".turn .question")).to_have_text("You asked: first sky?")
    page.locator(".turn button.cite").click()
    expect(page.locator("#source mark")).to_have_text("The sky was clear.")
    drawer(page)
    items.nth(0).get_by_role("button", name="Delete").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(items).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(items).to_have_count(2)
    items.filter(has_text="second").get_by_role("button", name="Delete").click()
    expect(items).to_have_count(1)
    reload(page)
    drawer(page)
    expect(items).to_have_count(1)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_two_visitors_have_conversations_of_their_own(
    page: Page, browser: Browser, own_server: tuple[str, Chain]
) -> None:
    url, chain = own_server
    ask(ready(page, url), "my private sky?")
    other = browser.new_context()
    second = ready(other.new_page(), url)
    drawer(second)
    expect(second.locator("#drawer li")).to_have_count(0)
    ask(second, "sky?")
    assert chain.asked[-1]["history"] == []
    assert "private sky" not in second.content()
    reload(page)
    expect(page.locator(".turn .question")).to_have_text("You asked: my private sky?")
    other.close()


def test_an_edited_question_replaces_what_followed(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    ask(ready(page, url), "sky one?")
    ask(page, "sky two?")
    page.locator(".turn").nth(0).get_by_role("button", name="Edit").click()
    expect(box(page)).to_have_value("sky one?")
    expect(page.get_by_role("status").filter(has_text="What followed it will be replaced")).to_be_visible()
    page.get_by_role("button", name="Leave it as it was").click()
    expect(box(page)).to_have_value("")
    expect(page.locator(".turn")).to_have_count(2)
    page.locator(".turn").nth(0).get_by_role("button", name="Edit").click()
    expect(box(page)).to_have_value("sky one?")
    box(page).fill("sky three?")
    box(page).press("Enter")
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator(".turn .question")).to_have_text("You asked: sky three?")
    expect(page.locator(".turn button.cite")).to_have_count(1)
    assert chain.asked[-1]["history"] == []
    reload(page)
    expect(page.locator(".turn .question")).to_have_text("You asked: sky three?")


def test_the_last_answer_can_be_made_again(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    ask(ready(page, url), "sky one?")
    ask(page, "sky two?")
    before = len(chain.asked)
    expect(page.get_by_role("button", name="Retry")).to_have_count(1)
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".turn").nth(1).locator("footer.small")).to_be_visible()
    page.wait_for_timeout(300)
    assert [asked["question"] for asked in chain.asked[before:]] == ["sky two?"]
    assert [turn["question"] for turn in chain.asked[-1]["history"]] == ["sky one?"]
    expect(page.locator(".turn")).to_have_count(2)


def test_a_stopped_retry_leaves_the_answer_that_was_there(page: Page, own_server: tuple[str, Chain]) -> None:
    url, chain = own_server
    chain.go_on.set()
    ask(ready(page, url), "hold the sky?")
    chain.go_on.clear()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".waiting")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn button.cite")).to_have_count(1)
    chain.go_on.set()


def test_a_conversation_is_saved_as_markdown(page: Page, own_server: tuple[str, Chain], tmp_path: Path) -> None:
    ask(ready(page, own_server[0]), "Is the sky partly clear?")
    for _ in range(2):
        with page.expect_download() as saving:
            page.get_by_role("button", name="Export").click()
        assert saving.value.suggested_filename == "is-the-sky-partly-clear.md"
        saving.value.save_as(tmp_path / "saved.md")
        text = (tmp_path / "saved.md").read_text(encoding="utf-8")
        assert "The sky was clear.[^1]" in text
        assert "[^1]: One (The Paper, as of 1 July 2026): “The sky was clear.”" in text
        assert "> One sentence was withheld." in text


def test_what_was_unfolded_stays_so_while_an_answer_comes(page: Page, own_server: tuple[str, Chain]) -> None:
    ask(ready(page, own_server[0]), "sky?")
    page.locator(".sure summary").click()
    expect(page.locator(".sure-body").first).to_be_visible()
    ask(page, "and now?")
    expect(page.locator(".sure-body").first).to_be_visible()
    expect(page.locator(".sure-body").nth(1)).to_be_hidden()


def test_a_tampered_storage_runs_nothing(page: Page, own_server: tuple[str, Chain]) -> None:
    url, _ = own_server
    ask(ready(page, url), "sky?")
    reload(page)
    # The page's own bundle keeps and reads the storage; what it sends is changed on its way to the server.
    changed = 0

    def tamper(route: object) -> None:
        nonlocal changed
        request = route.request  # type: ignore[attr-defined]
        body = json.loads(request.post_data)

        def spoil(value: object) -> object:
            if isinstance(value, dict):
                return {
                    name: HOSTILE if name in ("question", "name", "text", "title") else spoil(inner)
                    for name, inner in value.items()
                }
            return [spoil(inner) for inner in value] if isinstance(value, list) else value

        changed += 1
        route.continue_(post_data=json.dumps(spoil(body)))  # type: ignore[attr-defined]

    page.route("**/gradio_api/queue/join**", tamper)
    page.route("**/gradio_api/run/**", tamper)
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator(".turn .question")).to_contain_text("<script>")
    drawer(page)
    expect(page.locator("#drawer .name")).to_contain_text("<script>")
    page.locator("#drawer").get_by_role("button", name="Delete").click()
    expect(page.locator("#drawer .undo")).to_contain_text("<script>")
    assert changed
    assert page.locator("#main img, #main a, #main script").count() == 0
    assert page.evaluate("window.owned") is None


def test_a_broken_storage_is_an_empty_one(browser: Browser, own_server: tuple[str, Chain]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "for (const key of ['conversation', 'conversations']) localStorage.setItem(`story-assistant.${key}.2`, 'xx')"
    )
    ask(ready(page, own_server[0]), "sky?")
    expect(page.locator(".turn button.cite")).to_have_count(1)
    context.close()


def test_a_browser_that_keeps_nothing_says_so_and_answers(browser: Browser, own_server: tuple[str, Chain]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }")
    ask(ready(page, own_server[0]), "sky?")
    ask(page, "and now?")
    expect(page.locator(".turn button.cite")).to_have_count(2)
    expect(page.locator("html")).to_have_attribute("data-forgets", "yes")
    context.close()
