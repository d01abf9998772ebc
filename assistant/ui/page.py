"""The chat page as a Gradio app, and how it is mounted into the server."""

from collections.abc import Sequence

import gradio as gr
from fastapi import FastAPI

from assistant.chain import AnswerChain
from assistant.ui import render, style
from assistant.ui.chat import CONCURRENT_ANSWERS, Chat

TITLE = "Ask the story"

#: Shown only while the articles are about OpenAI.
STARTERS = (
    "What ties OpenAI to Azure?",
    "Why did OpenAI's board remove Sam Altman?",
    "How much of OpenAI does Microsoft own?",
    "Is the partnership over?",
)

#: Questions that may wait; beyond, a visitor is told that the page is busy.
WAITING_QUESTIONS = 200


def build_ui(chain: AnswerChain, *, title: str = TITLE, starters: Sequence[str] = STARTERS) -> gr.Blocks:
    """The page. What it looks like is given when it is mounted: use `mount_ui`."""

    def masthead() -> str:
        return render.masthead(title, chain.index.snapshot.articles)

    page = gr.Blocks(title=title, analytics_enabled=False, fill_width=True)
    with page:
        chat = Chat(chain, masthead, starters)
        page.load(
            chat.restore,
            inputs=[chat.stored],
            outputs=[chat.head, chat.log, chat.starters],
            show_progress="hidden",
            api_visibility="private",
        )
    page.queue(api_open=False, max_size=WAITING_QUESTIONS, default_concurrency_limit=CONCURRENT_ANSWERS)
    return page


def mount_ui(app: FastAPI, chain: AnswerChain, *, users: Sequence[tuple[str, str]] = ()) -> FastAPI:
    """Mount the page at `/`. Call it after every other route has been added: it takes whatever is left.

    `users` are (name, password) pairs; with none, the page is open to everybody who can reach it.
    """
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_ui(chain),
        path="/",
        auth=list(users) or None,
        theme=style.theme(),
        # Not as `css`: Gradio would add it twice, once with selectors of its own, and only after the page is drawn.
        head=f"<style>{style.stylesheet()}</style>",
        footer_links=[],
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        # The page never shows the text of an unforeseen error: it may hold paths or keys.
        show_error=False,
        allowed_paths=[],
        # Gradio takes uploads even where no component wants one.
        max_file_size=1,
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
    )
    return mounted
