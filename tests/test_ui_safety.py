"""Hostile articles, loaded from files and shown in a real browser, and a hostile model: nothing of them runs."""

from pathlib import Path

import pytest
from browser import ask, ready, served
from conftest import ChainFactory, SettingsFactory
from openai_server import OpenAIServer, Reply
from pages import write_corpus
from playwright.sync_api import Browser, Page, expect

from assistant.api.app import create_app

RUNS = "window.owned=1"
ARTICLES = {
    "script.md": f"---\ntitle: '<script>{RUNS}</script> Harbour'\noutlet: '<img src=x onerror={RUNS}>'\n"
    f"author: '\"><svg onload={RUNS}>'\nurl: 'javascript:{RUNS}'\ntopics: ['<b onmouseover={RUNS}>']\n---\n"
    f"The harbour of Tarn <script>{RUNS}</script> cost $5 million to build in 2019. <img src=x onerror={RUNS}>\n",
    "svg.md": f"---\ntitle: SVG\nurl: 'data:text/html,<script>{RUNS}</script>'\n---\n"
    f"The lighthouse <svg><animate onbegin={RUNS} attributeName=x dur=1s></svg> of Tarn is 40 metres high.\n",
    "markdown.md": f"---\ntitle: '[Market](javascript:{RUNS})'\n---\n"
    f"# [Head](javascript:{RUNS})\n\nThe market of Tarn [opens](javascript:{RUNS}) at 9 o'clock ![x](http://evil.test/x.png).\n",
    "css.md": "---\ntitle: '</style><style>body{display:none}</style>'\n---\n"
    "The bridge of Tarn </div><style>*{display:none!important}</style> was closed in 2021. {{value}} ${alert(1)} `x`\n",
    "templates.md": "---\ntitle: '${window.owned=1}{{#each value}}'\n---\n"
    "The tower of Tarn ${window.owned=1} {{constructor.constructor('window.owned=1')()}} is `${window.owned=1}` old.\n",
    "bidi\u202etxt.md": '---\ntitle: "Ferry \u202e gnihtemos"\n---\nThe ferry of Tarn \u202e\u2066 sails at noon.\n',
    "раураl<img src=x onerror=window.owned=1>.txt": "The bank of Tarn lends money to fishermen.\n",
    "line.txt": "The archive of Tarn holds many papers. " + "x" * 1_000_000 + "\n",
}
QUESTIONS = (
    "How much did the harbour of Tarn cost?",
    "How high is the lighthouse of Tarn?",
    "When does the market of Tarn open?",
    "When was the bridge of Tarn closed?",
    "How old is the tower of Tarn?",
    "When does the ferry of Tarn sail?",
    "What does the bank of Tarn lend?",
    "What does the archive of Tarn hold?",
)


def check_harmless(page: Page) -> None:
    assert page.evaluate("window.owned") is None
    where = "#conversation, #source, #next, #drawer, #masthead, #tip"
    for inside in ("script", "img", "svg animate", "style", "iframe", "object", "[onload], [onerror], [onmouseover]"):
        assert page.locator(where).locator(inside).count() == 0
    for link in page.locator(where).locator("a").all():
        assert (link.get_attribute("href") or "").startswith(("http://", "https://"))
        assert link.get_attribute("rel") == "noopener noreferrer"
    assert page.evaluate("getComputedStyle(document.body).display") != "none"


def watched(browser: Browser, url: str) -> tuple[Page, list[str]]:
    """A page, and what it asks other hosts for and opens as dialogs."""
    page = browser.new_context().new_page()
    seen: list[str] = []
    page.on("request", lambda one: seen.append(one.url) if not one.url.startswith((url, "data:", "blob:")) else None)
    page.on("dialog", lambda dialog: seen.append(dialog.message))
    page.on("popup", lambda popup: seen.append(popup.url))
    return ready(page, url), seen


def test_hostile_articles_run_nothing(browser: Browser, make_chain: ChainFactory, settings: SettingsFactory) -> None:
    write_corpus(settings().corpus_dir, ARTICLES)
    chain = make_chain()
    assert len(chain.index.snapshot.articles) == len(ARTICLES)
    with served(create_app(chain)) as url:
        page, seen = watched(browser, url)
        opened: set[str] = set()
        for question in QUESTIONS:
            turn = ask(page, question)
            for button in turn.locator("button[data-article]").all()[:8]:
                article = button.get_attribute("data-article") or ""
                if article in opened or not button.is_visible():
                    continue
                opened.add(article)
                button.hover()
                button.click()
                expect(page.locator("#source h2")).to_have_text(chain.index.snapshot.articles[article].title)
                check_harmless(page)
                page.locator("#source .close").click()
            turn.locator("summary").click()
            check_harmless(page)
        page.get_by_role("button", name="Conversations", exact=True).click()
        check_harmless(page)
        assert len(opened) >= len(ARTICLES) - 2, sorted(opened)
        assert seen == []
        page.context.close()


def test_a_hostile_model_runs_nothing(
    browser: Browser, make_chain: ChainFactory, settings: SettingsFactory, openai_server: OpenAIServer, tmp_path: Path
) -> None:
    write_corpus(settings().corpus_dir, {"one.txt": "The sky over Tarn was clear on Monday.\n"})
    openai_server.always = Reply(
        f"The sky over Tarn was clear. [1] <script>{RUNS}</script> <img src=x onerror={RUNS}> "
        f"[a](javascript:{RUNS}) [1]"
    )
    chain = make_chain(openai_api_key="x", openai_base_url=openai_server.url)
    with served(create_app(chain)) as url:
        page, seen = watched(browser, url)
        turn = ask(page, f"What was the sky like? <img src=x onerror={RUNS}>")
        expect(turn).to_contain_text("clear")
        turn.locator("summary").click()
        check_harmless(page)
        assert seen == []
        page.context.close()


@pytest.mark.parametrize("request_", [{}, {"article": 1}, {"article": "x" * 2000}, {"article": "one", "start": "x"}])
def test_a_source_is_only_opened_as_the_page_asks_for_it(
    request_: object, make_chain: ChainFactory, settings: SettingsFactory
) -> None:
    import httpx

    write_corpus(settings().corpus_dir, {"one.txt": "The sky over Tarn was clear on Monday.\n"})
    with served(create_app(make_chain())) as url, httpx.Client(base_url=url) as client:
        components = client.get("/config").json()["components"]
        panel = next(one["id"] for one in components if one["props"].get("elem_id") == "source")
        body = {"session_hash": "s", "component_id": panel, "fn_name": "open_source", "data": request_}
        answer = client.post("/gradio_api/component_server", json=body)
        assert answer.status_code in (400, 422, 500)
        assert "Traceback" not in answer.text
        assert "/" not in answer.text.replace("Internal Server Error", "")
