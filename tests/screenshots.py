"""Makes the README's pictures from the real server: `python -m tests.screenshots OUT_DIR`."""

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parent))

from browser import ask, chromium, ready, real_server
from playwright.sync_api import Page

QUESTION = "What ties OpenAI to Azure?"
NOT_TOLD = "What is the boiling point of tungsten?"


def chat(page: Page) -> None:
    """An answer with its sources."""
    ask(page, QUESTION)


def source(page: Page) -> None:
    """The quoted words in their article, beside the answer."""
    ask(page, QUESTION).locator("button.cite").first.click()
    page.locator("#source mark").wait_for()


def declined(page: Page) -> None:
    """What is not in the articles, and what is."""
    ask(page, NOT_TOLD)


def articles(page: Page) -> None:
    """The articles that there are."""
    page.get_by_role("tab", name="Articles").click()
    page.locator("#article-list button[data-article]").first.wait_for()


def timeline(page: Page) -> None:
    """The story by date."""
    page.get_by_role("tab", name="Timeline").click()
    page.locator("#timeline button[data-article]").first.wait_for(timeout=60_000)


@dataclass(frozen=True)
class Picture:
    """One picture: its name, what is done before it is taken, and on what kind of screen."""

    name: str
    steps: Callable[[Page], None]
    size: tuple[int, int] = (1280, 800)
    scheme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("chat", chat),
    Picture("source", source),
    Picture("declined", declined),
    Picture("phone", chat, (360, 740)),
    Picture("dark", source, scheme="dark"),
    Picture("articles", articles),
    Picture("timeline", timeline),
)


def main(folder: Path) -> None:
    """Take all pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(real_server(data / "data", data / "log.txt"))
        browser = stack.enter_context(chromium())
        for picture in PICTURES:
            width, height = picture.size
            context = browser.new_context(
                viewport={"width": width, "height": height}, device_scale_factor=1, color_scheme=picture.scheme
            )
            page = ready(context.new_page(), url)
            picture.steps(page)
            page.locator("#next .further, #next .first").first.wait_for(state="attached", timeout=60_000)
            page.mouse.move(1, 1)
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"{picture.name}.png")
            context.close()
            print(folder / f"{picture.name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
