"""The page as a Gradio app: masthead, tabs, one source panel; and how it is mounted into the server."""

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr
from fastapi import FastAPI
from gradio.routes import App
from starlette.routing import Mount

from assistant.chain import AnswerChain
from assistant.feedback import FeedbackStore
from assistant.incoming import MAX_FILE_BYTES
from assistant.ui import render, style
from assistant.ui.articles import ArticlesTab
from assistant.ui.chat import CONCURRENT_ANSWERS, Chat
from assistant.ui.source import SourcePanel
from assistant.ui.timeline import TimelineTab

Tab = TypeVar("Tab")

TITLE = "Ask the story"

#: Events that may wait; beyond, a visitor is told that the page is busy.
WAITING = 200


def build_ui(chain: AnswerChain, feedback: FeedbackStore | None = None, *, title: str = TITLE) -> gr.Blocks:
    """The page. What it looks like is given when it is mounted: use `mount_ui`."""

    def masthead() -> str:
        return render.masthead(title, chain.index.snapshot.articles)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    page = gr.Blocks(title=title, analytics_enabled=False, fill_width=True)
    with page:
        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="main"):
                head = gr.HTML(masthead(), elem_id="masthead", apply_default_css=False)
                with gr.Tabs(elem_id="tabs"):
                    chat = _tab("Chat", lambda: Chat(chain, feedback))
                    articles = _tab("Articles", lambda: ArticlesTab(chain))
                    _tab("Timeline", lambda: TimelineTab(chain))
            SourcePanel(chain)
        page.load(masthead, outputs=[head], queue=False, **quiet)
        for change in articles.changes:
            change.then(masthead, outputs=[head], queue=False, **quiet)
        page.load(chat.restore, inputs=[chat.stored], outputs=[chat.log], queue=False, **quiet)
        drawer = chat.drawer
        page.load(
            drawer.restore,
            inputs=[chat.stored, drawer.shelf],
            outputs=[drawer.list, drawer.shelf],
            queue=False,
            **quiet,
        )
        page.load(chat.suggest, inputs=[chat.stored], outputs=[chat.next], queue=False, **quiet)
    page.queue(api_open=False, max_size=WAITING, default_concurrency_limit=CONCURRENT_ANSWERS)
    return page


def _tab(name: str, build: Callable[[], Tab]) -> Tab:
    with gr.Tab(name, id=name.casefold()):
        return build()


def mount_ui(
    app: FastAPI,
    chain: AnswerChain,
    feedback: FeedbackStore | None = None,
    *,
    login: Callable[[str, str], bool] | None = None,
) -> FastAPI:
    """Mount the page at `/`. Call it after every other route has been added: it takes whatever is left.

    `feedback` keeps what visitors say of answers; without it they are not asked. `login` says whether a name and a
    password go together; without it the page is open to everybody who can reach it.
    """
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_ui(chain, feedback),
        path="/",
        auth=login,
        theme=style.theme(),
        # Not as `css`: Gradio would add it twice, once with selectors of its own, and only after the page is drawn.
        head=f"<style>{style.stylesheet()}</style>",
        footer_links=[],
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        # The page never shows the text of an unforeseen error: it may hold paths or keys.
        show_error=False,
        allowed_paths=[],
        # Gradio takes uploads even where no component wants one.
        max_file_size=1 if chain.settings.adding == "off" else MAX_FILE_BYTES,
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
    )
    return mounted


def end_heartbeats(app: FastAPI) -> None:
    """Let go of the connections that open pages keep all the time. What a page still waits for is lost with it."""
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, App):
            route.app.stop_event.set()
