"""Looks: no serious finding by axe-core in any state, nothing jumps while an answer comes, the tabs and panel fit."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import ask, box, ready
from pages import Chain
from playwright.sync_api import Browser, Page, expect

SIZES = {"desktop": (1280, 800), "phone": (360, 740)}


def answered(page: Page) -> None:
    ask(page, "What ties OpenAI to Azure?")
    expect(page.locator("#next .further")).to_be_visible(timeout=60_000)


def source(page: Page) -> None:
    answered(page)
    page.locator("button.cite").first.click()
    expect(page.locator("#source mark")).to_be_visible()


def declined(page: Page) -> None:
    ask(page, "What is the boiling point of tungsten?")
    expect(page.locator("#next .further")).to_be_visible(timeout=60_000)


def drawer(page: Page) -> None:
    answered(page)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    ask(page, "Is the partnership over?")
    page.get_by_role("button", name="Conversations", exact=True).click()
    page.locator("#drawer li").nth(1).get_by_role("button", name="Rename").click()


def unfolded(page: Page) -> None:
    answered(page)
    page.locator(".sure summary").click()
    page.get_by_role("button", name="Not helpful").click()
    expect(page.locator("form.why")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious(browser: Browser, server: str, scheme: Any, size: str) -> None:
    width, height = SIZES[size]
    states: list[Callable[[Page], None]] = [answered, source, declined, drawer, unfolded]
    for state in states:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = ready(context.new_page(), server)
        state(page)
        found = Axe().run(page).response["violations"]
        serious = [
            (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"][:300])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], (state.__name__, serious)
        scrolled = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        assert scrolled <= width, state.__name__
        context.close()


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
