"""The articles tab in a real browser: find, read, add and remove articles, hostile ones too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from browser import ready, served
from fastapi import FastAPI
from helpers import HashEmbeddings, write_article
from playwright.sync_api import Browser, Locator, Page, expect
from web import Web, reply

from assistant.adding import Adding
from assistant.chain import AnswerChain
from assistant.fetching import Fetcher
from assistant.index import Index
from assistant.reading.scorer import Scorer
from assistant.settings import Settings
from assistant.ui.articles import ArticlesTab
from assistant.ui.page import mount_ui

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script> [link](javascript:alert(1)) \u202eevil'


def write_corpus(folder: Path) -> None:
    for number in range(30):
        write_article(
            folder,
            f"harbour-{number:02}.md",
            f"The harbour has {number} ships. " + "The wind was fair. " * 30 + "\n",
            outlet="The Gazette" if number % 2 else "Tarn Times",
            published=f"2025-{number % 12 + 1:02}-10",
            topics=["harbour", "even"] if number % 2 == 0 else ["harbour"],
        )
    write_article(folder, "tower.md", "## The height\n\nThe tower of Tarn is 80 metres high.\n", published="2026-05-01")
    write_article(
        folder, "evil.md", f"{HOSTILE}\n", title=HOSTILE, outlet=HOSTILE, topics=[HOSTILE], published="2020-01-01"
    )


class Site:
    """A served page over a corpus of its own."""

    def __init__(self, folder: Path, scorer: Scorer, **settings: Any) -> None:
        write_corpus(folder / "corpus")
        self.settings = Settings(corpus_dir=folder / "corpus", data_dir=folder / "data", **settings)
        self.chain = AnswerChain(self.settings, Index(self.settings, HashEmbeddings()), scorer)
        self.chain.sync()
        self.app = mount_ui(FastAPI(), self.chain)
        self.url = ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, scorer: Scorer) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), scorer, fetch_hosts=("127.0.0.1",))
    with served(made.app) as made.url:
        yield made
    made.chain.index.close()


def opened(page: Page, url: str) -> Locator:
    """Open the tab; gives its list."""
    ready(page, url)
    page.get_by_role("tab", name="Articles").click()
    page.locator("#article-list .count, #article-list .empty").first.wait_for()
    return page.locator("#article-list")


def titles(found: Locator) -> list[str]:
    return found.locator(".list .open").all_inner_texts()


def open_adding(page: Page, way: str) -> None:
    page.get_by_role("button", name="Add articles").click()
    page.get_by_role("tab", name=way).click()


# -- finding -----------------------------------------------------------------------------------------------------------


def test_articles_are_listed_newest_first_and_paged(page: Page, site: Site) -> None:
    found = opened(page, site.url)
    expect(found.locator(".count")).to_contain_text("articles, the newest first")
    expect(found.locator(".list > li")).to_have_count(20)
    assert titles(found)[0] == "Tower"
    first = found.locator(".list > li").nth(1)
    expect(first).to_contain_text("10 December 2025")
    expect(first).to_contain_text("The harbour has")
    found.get_by_role("button", name="Next").click()
    expect(found.locator(".pager")).to_contain_text("Page 2 of 2")
    expect(found.locator(".list .open").first).to_be_focused()
    assert found.locator(".list > li").count() >= 12


def test_words_outlet_topic_and_dates_narrow(page: Page, site: Site) -> None:
    found = opened(page, site.url)
    words = page.get_by_label("Words in title or text")
    words.press_sequentially("tow")  # still being typed
    expect(found.locator(".list .open")).to_have_text(["Tower"])
    words.fill("zebra")
    expect(found.locator(".empty")).to_contain_text("No article fits")
    found.get_by_role("button", name="Show all").click()
    expect(words).to_be_focused()
    expect(found.locator(".list > li")).to_have_count(20)
    found.get_by_role("combobox", name="Outlet").select_option("Tarn Times")
    expect(found.locator(".count")).to_contain_text("15 articles found")
    page.get_by_label("From", exact=True).fill("2025-06-01")
    page.get_by_label("To", exact=True).fill("2025-08-01")
    expect(found.locator(".count")).to_contain_text("2 articles found")
    page.get_by_label("To", exact=True).fill("2024-08-01")
    expect(found.locator(".empty")).to_contain_text("first day")
    found.locator("form").evaluate("form => form.reset()")
    found.get_by_label("Words").fill("height")
    found.get_by_label("Words").fill("harbour")
    found.get_by_role("button", name="Only the topic even").first.click()
    expect(found.locator(".count")).to_contain_text("15 articles found")


def test_an_article_opens_from_its_top(page: Page, site: Site) -> None:
    found = opened(page, site.url)
    found.get_by_role("button", name="Tower", exact=True).focus()
    page.keyboard.press("Enter")
    source = page.locator("#source")
    expect(source.get_by_role("heading", name="Tower")).to_be_visible()
    expect(source.locator(".article-text")).to_contain_text("The tower of Tarn is 80 metres high.")
    expect(source.locator("mark")).to_have_count(0)


def test_hostile_articles_stay_text(page: Page, site: Site) -> None:
    found = opened(page, site.url)
    page.get_by_label("Words in title or text").fill("onerror")
    button = found.locator(".list .open").first
    expect(button).to_contain_text('<img src=x onerror="window.owned=1">')
    button.click()
    expect(page.locator("#source .article-text")).to_contain_text("<script>")
    assert page.locator("#article-list img, #article-list a, #source img, #source a").count() == 0
    page.wait_for_timeout(200)
    assert page.evaluate("window.owned") is None


# -- adding and removing -----------------------------------------------------------------------------------------------


def test_files_go_in_with_a_report(page: Page, site: Site, tmp_path: Path) -> None:
    found = opened(page, site.url)
    good = write_article(tmp_path, "quay.md", "The quay of Lorn is open.\n", title="The quay", published="2026-07-01")
    (tmp_path / "empty.txt").write_text("  ")
    (tmp_path / "<b>bold.txt").write_text(HOSTILE)
    open_adding(page, "Files")
    page.locator("#add-files input[type=file]").set_input_files(
        [good, tmp_path / "empty.txt", tmp_path / "<b>bold.txt"]
    )
    expect(page.locator("#add-files")).to_contain_text("quay")
    page.get_by_role("button", name="Add the files").click()
    report = page.locator("#adding-report")
    expect(report.locator(".sum")).to_have_text("2 added, 1 refused.", timeout=30_000)
    expect(report.locator("li.refused")).to_contain_text("there is no text in it")
    expect(found.locator(".list .open").first).to_have_text("The quay")
    expect(page.locator("#masthead .scope")).to_contain_text("34 articles")
    report.get_by_role("button", name="The quay").click()
    expect(page.locator("#source .article-text")).to_contain_text("The quay of Lorn is open.")
    assert page.evaluate("window.owned") is None
    page.get_by_role("button", name="Add the files").click()
    expect(report.locator(".sum")).to_have_text("2 unchanged, 1 refused.", timeout=30_000)

    # It goes out again, after a question.
    page.locator("#source .close").click()
    remove = found.get_by_role("button", name="Remove The quay")
    remove.click()
    expect(found.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(remove).to_be_focused()
    remove.click()
    found.get_by_role("button", name="Yes, remove it").click()
    expect(report.locator(".sum")).to_have_text("1 removed.", timeout=30_000)
    expect(found.locator(".list .open").first).to_have_text("Tower")
    assert found.get_by_role("button", name="Remove Tower").count() == 0


def test_pasted_text_goes_in_and_what_is_missing_is_said(page: Page, site: Site) -> None:
    found = opened(page, site.url)
    open_adding(page, "Pasted text")
    page.get_by_role("button", name="Add the text").click()
    report = page.locator("#adding-report")
    expect(report).to_contain_text("Give a title and paste the text first.")
    page.get_by_label("Title", exact=True).fill("Bridge <i>closed</i>")
    page.get_by_label("Published").fill("soon")
    page.get_by_label("Text", exact=True).fill("The bridge is closed.")
    page.get_by_role("button", name="Add the text").click()
    expect(report.locator("li.refused")).to_contain_text("published")
    expect(page.get_by_label("Text", exact=True)).to_have_value("The bridge is closed.")
    page.get_by_label("Published").fill("2026-08-02")
    page.get_by_role("button", name="Add the text").click()
    expect(report.locator(".sum")).to_have_text("1 added.", timeout=30_000)
    expect(page.get_by_label("Text", exact=True)).to_have_value("")
    expect(found.locator(".list .open").first).to_have_text("Bridge <i>closed</i>")


def test_web_pages_go_in(page: Page, site: Site) -> None:
    opened(page, site.url)
    html = "<html><head><title>Ferry <b>news</b></title></head><body><article><p>" + "The ferry sails again. " * 20
    with Web({"/ferry": reply(html + f"</p><p>{HOSTILE}</p></article></body></html>")}) as web:
        open_adding(page, "Web pages")
        page.get_by_label("Addresses, one in a line").fill(
            f"http://127.0.0.1:{web.port}/ferry\nhttp://localhost:{web.port}/ferry\njavascript:alert(1)"
        )
        page.get_by_role("button", name="Fetch and add").click()
        report = page.locator("#adding-report")
        expect(report.locator(".sum")).to_have_text("1 added, 2 refused.", timeout=30_000)
        expect(report).to_contain_text("not on the public internet")
        expect(report).to_contain_text("Only pages at http:// and https://")
    assert page.evaluate("window.owned") is None


def test_two_visitors_add_at_once_and_each_gets_the_own_report(page: Page, browser: Browser, site: Site) -> None:
    opened(page, site.url)
    other = browser.new_context()
    second = other.new_page()
    opened(second, site.url)
    for visitor, name in ((page, "Mine"), (second, "Yours")):
        open_adding(visitor, "Pasted text")
        visitor.get_by_label("Title", exact=True).fill(name)
        visitor.get_by_label("Text", exact=True).fill(f"{name} is a text.")
    for visitor in (page, second):
        visitor.get_by_role("button", name="Add the text").click()
    for visitor, name, not_this in ((page, "Mine", "Yours"), (second, "Yours", "Mine")):
        report = visitor.locator("#adding-report")
        expect(report.locator(".sum")).to_have_text("1 added.", timeout=30_000)
        expect(report).to_contain_text(name)
        assert not_this not in report.inner_text()
    other.close()


# -- who may -----------------------------------------------------------------------------------------------------------


def test_adding_can_be_turned_off(page: Page, tmp_path: Path, scorer: Scorer) -> None:
    site = Site(tmp_path, scorer, adding="off")
    with served(site.app) as url:
        found = opened(page, url)
        expect(found.locator(".list > li")).to_have_count(20)
        expect(page.get_by_role("button", name="Add articles")).to_have_count(0)
        expect(found.locator(".remove")).to_have_count(0)
    site.chain.index.close()


@pytest.mark.parametrize(
    ("policy", "user", "allowed"),
    [("on", None, True), ("login", None, False), ("login", "ada", True), ("off", "ada", False)],
)
def test_every_handler_asks_who_it_is(
    tmp_path: Path, scorer: Scorer, policy: Any, user: str | None, allowed: bool
) -> None:
    site = Site(tmp_path, scorer, adding=policy)
    write_article(tmp_path / "corpus", "added/old-1.md", "An old text.\n")
    site.chain.sync()
    with gr.Blocks():
        tab = ArticlesTab(site.chain, Adding(site.settings, site.chain.index, Fetcher()))
        if policy == "off":  # the components are not there: a handler must refuse all the same
            tab.files = tab.addresses = tab.title = tab.outlet = tab.published = tab.text = gr.Textbox()  # type: ignore[assignment]
    request = gr.Request(username=user)
    given = tmp_path / "new.txt"
    given.write_text("New words.")
    before = dict(site.chain.index.snapshot.articles)
    for handled in (
        tab.add_files([str(given)], request),
        tab.add_address("http://127.0.0.1/", request),
        tab.add_paste("Title", "", "", "Pasted words.", request),
        tab.remove(gr.EventData(None, {"article": "added/old-1"}), request),
    ):
        last = list(handled)[-1][tab.report]
        assert ("Sign in" in last or "turned off" in last) is not allowed
    after = site.chain.index.snapshot.articles
    assert (dict(after) == before) is not allowed
    assert ("added/old-1" in after) is not allowed
    site.chain.index.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_phone_never_scrolls_sideways(browser: Browser, site: Site, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    phone = context.new_page()
    opened(phone, site.url)

    def width() -> int:
        return int(phone.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"))

    assert width() <= 360
    for way in ("Files", "Web pages", "Pasted text"):
        if way == "Files":
            open_adding(phone, way)
        else:
            phone.get_by_role("tab", name=way).click()
        assert width() <= 360
    phone.get_by_label("Words in title or text").fill("onerror")
    phone.locator("#article-list .count", has_text="found").wait_for()
    assert width() <= 360
    context.close()
