"""Makes the README's screenshot from the real server: `python -m tests.screenshots OUT_DIR`."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from browser import ask, chromium, ready, real_server

QUESTION = "What ties OpenAI to Azure?"


def main(folder: Path) -> Path:
    """Ask one question, open its first source, and save `chat.png`, 1280 by 800, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "chat.png"
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(real_server(data / "data", data / "log.txt"))
        browser = stack.enter_context(chromium())
        size = {"width": 1280, "height": 800}
        context = browser.new_context(viewport=size, device_scale_factor=1, color_scheme="light")  # type: ignore[arg-type]
        page = ready(context.new_page(), url)
        ask(page, QUESTION).locator("button.cite").first.click()
        page.locator("#source mark").wait_for()
        page.mouse.move(1, 1)
        page.wait_for_timeout(500)
        page.screenshot(path=target)
    return target


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
