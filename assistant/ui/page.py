"""The chat page as a Gradio app, and how it is mounted into the server."""

from collections.abc import Sequence
from importlib.resources import files

import gradio as gr
from fastapi import FastAPI

from assistant.chain import AnswerChain
from assistant.incoming import MAX_FILE_BYTES
from assistant.ui import render, style
from assistant.ui.articles import ArticlesTab
from assistant.ui.chat import CONCURRENT_ANSWERS, Chat
from assistant.ui.timeline import TimelineTab

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


#: Until there is one source panel for the whole page: lets buttons in other tabs open an article.
_TRIAL = """<script>
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-article]");
  if (!button || button.closest("#conversation, #source")) return;
  const panel = document.querySelector("#source");
  document.querySelector(".gradio-container main").append(panel);
  const twin = button.cloneNode();
  panel.append(twin);
  twin.click();
  twin.remove();
});
</script><style>
#tabs ~ #source:has(.source), main > #source:has(.source) {
  display: block; position: fixed; right: 1rem; top: 1rem; width: min(34rem, calc(100vw - 2rem)); z-index: 60;
}
main > #source .source { max-height: calc(100dvh - 2rem); overflow-y: auto; box-shadow: var(--shadow); }
#tabs { max-width: 46rem; margin: 0 auto; width: 100%; }
#tabs .tabitem { padding: 0; border: 0; background: none; }
#tabs .tab-container button { color: var(--soft); }
#tabs .tab-container button.selected { color: var(--accent); }
</style>"""


def _tabs_css() -> str:
    return "".join((files("assistant.ui") / f"{name}.css").read_text("utf-8") for name in ("articles", "timeline"))


def build_ui(chain: AnswerChain, *, title: str = TITLE, starters: Sequence[str] = STARTERS) -> gr.Blocks:
    """The page. What it looks like is given when it is mounted: use `mount_ui`."""

    def masthead() -> str:
        return render.masthead(title, chain.index.snapshot.articles)

    page = gr.Blocks(title=title, analytics_enabled=False, fill_width=True)
    with page:
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Chat", id="chat"):
                chat = Chat(chain, masthead, starters)
            with gr.Tab("Articles", id="articles"):
                articles = ArticlesTab(chain)
            with gr.Tab("Timeline", id="timeline"):
                TimelineTab(chain)
        for change in articles.changes:
            change.then(masthead, outputs=[chat.head], queue=False, show_progress="hidden", api_visibility="private")
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
        head=f"<style>{style.stylesheet()}{_tabs_css()}</style>{_TRIAL}",
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
