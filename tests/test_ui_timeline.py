"""The timeline tab in a real browser: each point opens its sentence, by mouse and by keyboard, on any screen."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import ready, served
from conftest import SettingsFactory
from fastapi import FastAPI
from helpers import HashEmbeddings, make_article, write_article
from playwright.sync_api import Browser, Locator, Page, expect

from assistant.chain import AnswerChain
from assistant.index import Index
from assistant.passages import Span
from assistant.reading.scorer import Scorer
from assistant.timeline import Event, Moment, Told
from assistant.ui.page import mount_ui
from assistant.ui.timeline import Wanted, listed, plot

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script> [x](javascript:alert(1))'
#: What is markup as a whole is no statement, and no event.
STATED = 'On 3 May 2020 the ferry > the quay onerror=window.owned=1 and "came" <img src=x onerror=window.owned=1.'


@pytest.fixture(scope="module")
def server(story: AnswerChain) -> Iterator[str]:
    """The page over the articles that come with the project."""
    with served(mount_ui(FastAPI(), story)) as url:
        yield url


def opened(page: Page, url: str) -> Locator:
    ready(page, url)
    page.get_by_role("tab", name="Timeline").click()
    page.locator("#timeline .events li, #timeline .empty").first.wait_for()
    return page.locator("#timeline")


def test_a_point_opens_its_sentence(page: Page, server: str) -> None:
    view = opened(page, server)
    dot = view.locator(".dot.ended").last
    dot.hover()
    expect(view.locator(".preview")).to_contain_text("21 January 2025")
    quote = dot.get_attribute("data-quote")
    dot.click()
    mark = page.locator("#source mark")
    expect(mark).to_be_in_viewport(ratio=0.9)
    assert mark.evaluate("element => element.textContent") == quote


def test_the_list_has_every_event_and_what_ended_it(page: Page, server: str) -> None:
    view = opened(page, server)
    dots = {dot.get_attribute("data-quote") for dot in view.locator(".dot").all()}
    listed = {
        item.get_attribute("data-quote") for item in view.locator(".events section > ol > li > div > .open").all()
    }
    assert dots <= listed
    expect(view.get_by_role("listitem").filter(has=page.locator(".link.later"))).to_have_count(3)
    link = view.locator(".link.later .open").last
    expect(link).to_contain_text("right of first refusal over OpenAI's computing came to an end")
    link.click()
    expect(page.locator("#source mark")).to_contain_text("came to an end")


def test_the_plot_by_keyboard(page: Page, server: str) -> None:
    view = opened(page, server)
    expect(view.locator('.dot[tabindex="0"]')).to_have_count(1)
    view.locator(".dot").first.focus()
    page.keyboard.press("ArrowRight")
    second = view.locator(".dot").nth(1)
    expect(second).to_be_focused()
    expect(view.locator('.dot[tabindex="0"]')).to_have_count(1)
    page.keyboard.press("End")
    expect(view.locator(".dot").last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#source .source")).to_have_count(0)


def test_one_year_can_be_chosen(page: Page, server: str) -> None:
    view = opened(page, server)
    view.get_by_role("button", name="Only 2023").click()
    expect(view.locator("h3")).to_have_text(["2023"])
    expect(view.get_by_role("combobox", name="Year")).to_have_value("2023")
    view.get_by_role("combobox", name="Year").select_option("2024")
    expect(view.locator("h3")).to_have_text(["2024"])
    view.get_by_role("button", name="Only 2024").click()
    expect(view.locator("h3")).not_to_have_count(1)


def test_who_is_mentioned_when_is_a_table(page: Page, server: str) -> None:
    view = opened(page, server)
    row = view.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Sam Altman"))
    cells = [cell.inner_text() for cell in row.get_by_role("cell").all()]
    columns = view.locator("thead .sr-row th").all_inner_texts()
    assert len(cells) == len(columns)
    assert int(cells[columns.index("November 2023")]) >= 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_phone_never_scrolls_sideways(browser: Browser, server: str, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    phone = context.new_page()
    view = opened(phone, server)
    assert phone.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)") <= 360
    expect(view.locator(".plot")).to_be_hidden()
    expect(view.locator(".events .open").first).to_be_visible()
    context.close()


def test_hostile_articles_and_new_ones(page: Page, settings: SettingsFactory, scorer: Scorer) -> None:
    own = settings(corpus_dir=settings().corpus_dir)
    write_article(own.corpus_dir, "plain.md", "No day is named here.\n", published="2021-01-01")
    chain = AnswerChain(own, Index(own, HashEmbeddings()), scorer)
    chain.sync()
    with served(mount_ui(FastAPI(), chain)) as url:
        view = opened(page, url)
        expect(view.locator(".empty")).to_contain_text("There is nothing to put in order yet.")
        write_article(own.corpus_dir, "evil.md", f"{STATED}\n", title=HOSTILE, outlet=HOSTILE, published="2021-01-01")
        chain.sync()
        # It is made anew when somebody comes to look.
        page.get_by_role("tab", name="Chat").click()
        page.get_by_role("tab", name="Timeline").click()
        expect(view.locator(".events .open").first).to_contain_text("onerror=")
        view.locator(".dot").first.hover()
        expect(view.locator(".preview")).to_contain_text("onerror=")
        view.locator(".events .open").first.click()
        expect(page.locator("#source mark")).to_contain_text("onerror=")
        assert page.locator("#timeline img, #timeline a, #source img, #source a").count() == 0
        assert page.evaluate("window.owned") is None
    chain.index.close()


def made(count: int, years: int) -> list[Event]:
    article = make_article("one", "It happened. " * 3)
    return [Event(Moment(1900 + n * years // count, n % 12 + 1), Told(article, Span(0, 12), 0)) for n in range(count)]


@pytest.mark.parametrize(("count", "years"), [(1, 1), (30, 1), (5000, 10), (5000, 30), (2000, 120), (500, 500)])
def test_a_plot_of_any_size_stays_small(count: int, years: int) -> None:
    html = plot(made(count, years))
    columns = int(html.split("--columns:")[1].split('"')[0])
    assert 1 <= columns <= 160
    assert html.count('class="dot') <= 160 * 16
    assert html.count("data-year") <= columns


def test_a_long_list_is_paged() -> None:
    many = made(5000, 10)
    assert listed(many, Wanted()).count("<li ") == 200
    assert "Page 25 of 25" in listed(many, Wanted(page=999))
    assert "<h3>1903</h3>" in listed(many, Wanted(year=1903))
    assert listed(many, Wanted(year=7)).count("<li ") == 200  # no such year: all of them
