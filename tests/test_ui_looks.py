"""Looks: no serious finding by axe-core in any state, nothing jumps while an answer comes, the tabs and panel fit."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import ask, box, ready
from pages import Chain
from playwright.sync_api import Browser, Page, expect

SIZES = {"desktop": (1280, 800), "phone": (360, 740)}


BACKGROUNDS = {"light": "rgb(251, 250, 247)", "dark": "rgb(21, 22, 23)"}


def answered(page: Page) -> None:
    ask(page, "What ties OpenAI to Azure?")
    expect(page.locator("#next .further")).to_be_visible(timeout=60_000)


def source(page: Page) -> None:
    page.locator("button.cite").first.click()
    expect(page.locator("#source mark")).to_be_visible()


def unfolded(page: Page) -> None:
    page.locator("#source .close").click()
    expect(page.locator("#source mark")).to_have_count(0)
    page.locator(".sure summary").click()
    page.get_by_role("button", name="Not helpful").click()
    expect(page.locator("form.why")).to_be_visible()


def declined(page: Page) -> None:
    new(page)
    ask(page, "What is the boiling point of tungsten?")
    expect(page.locator("#next .further")).to_be_visible(timeout=60_000)


def drawer(page: Page) -> None:
    new(page)
    ask(page, "Is the partnership over?")
    page.get_by_role("button", name="Conversations", exact=True).click()
    page.locator("#drawer li").nth(1).get_by_role("button", name="Rename").click()


def new(page: Page) -> None:
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious(browser: Browser, server: str, size: str) -> None:
    """One visit that goes from state to state; each is looked at in both schemes."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = ready(context.new_page(), server)
    states: list[Callable[[Page], None]] = [answered, source, unfolded, declined, drawer]
    for state in states:
        state(page)
        for scheme in ("light", "dark"):
            look_at(page, state.__name__, scheme)
            scrolled = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
            assert scrolled <= width, (state.__name__, scheme)
    context.close()


def look_at(page: Page, state: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    expect(page.locator("body")).to_have_css("background-color", BACKGROUNDS[scheme])
    page.wait_for_timeout(300)  # until all colours have faded over
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"][:300])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == [], (state, scheme, serious)


_SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const nodes = entry.sources.map((source) => source.node?.id || source.node?.className || "");
    window.shifts.push([entry.value, nodes.join(", ")]);
  }
}).observe({ type: "layout-shift", buffered: false });"""


@pytest.mark.parametrize("size", SIZES)
def test_nothing_jumps_while_an_answer_comes(browser: Browser, own_server: tuple[str, Chain], size: str) -> None:
    url, chain = own_server
    chain.suggested = ["What was the sky like?", "Who saw it?"]
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = ready(context.new_page(), url)
    expect(page.locator("#next .first")).to_be_visible()
    ask(page, "sky?")
    expect(page.locator("#next .further")).to_be_visible()
    page.wait_for_timeout(700)
    page.evaluate(_SHIFTS)
    box(page).fill("slowly please")
    box(page).press("Enter")
    expect(page.locator(".streaming .sentence")).to_be_visible()
    page.evaluate("window.shifts = []")
    expect(page.locator(".turn").nth(1).locator("footer.small")).to_be_visible(timeout=20_000)
    expect(page.locator("#next .further")).to_be_visible()
    page.wait_for_timeout(700)
    shifts = page.evaluate("window.shifts")
    # Google calls 0.1 good for a whole visit.
    assert sum(value for value, _ in shifts) < 0.02, shifts
    chain.suggested = []
    context.close()
