"""The conversation: a question box, streamed answers, and the panel that shows a source."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import gradio as gr

from assistant.answer import Answer
from assistant.chain import AnswerChain
from assistant.errors import AssistantError
from assistant.ui import conversation, render, style
from assistant.ui.conversation import Exchange

_LOG = logging.getLogger(__name__)

#: Answers made at the same time; more wait their turn.
CONCURRENT_ANSWERS = 20
#: The newest answer is sent at most this often, in seconds, however fast the reader writes.
STREAM_EVERY = 0.05

_LOG_TEMPLATE = '<div role="log" aria-live="polite" aria-label="Conversation" tabindex="-1">${value}</div>'
_BROKEN = "The answer could not be made, through no fault of yours. Please ask again in a moment."
_EMPTY = "Type a question first, about anything that the articles tell."

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Draft:
    """What is being answered for one visitor at this moment."""

    question: str
    answer: Answer | None = None


class Chat:
    """The components of the conversation, and what happens on each event."""

    def __init__(self, chain: AnswerChain, masthead: Callable[[], str], starters: Sequence[str]) -> None:
        """Add the components to the `gr.Blocks` that is open; `masthead` gives what stands above, as HTML."""
        self._chain = chain
        self._masthead = masthead
        self._threads = anyio.CapacityLimiter(CONCURRENT_ANSWERS)
        # A new key for every format. What Gradio calls a secret stands in the page and hides nothing.
        self.stored = gr.BrowserState([], storage_key="story-assistant.conversation.1", secret="none")  # noqa: S106
        self.draft = gr.State(None)

        # Gradio marks the function, which it cannot do to a method.
        def open_source(request: dict[str, Any]) -> str:
            return self.open_source(request)

        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="chat"):
                self.head = gr.HTML(masthead(), elem_id="masthead", apply_default_css=False)
                self.log = gr.HTML(
                    "",
                    html_template=_LOG_TEMPLATE,
                    elem_id="conversation",
                    apply_default_css=False,
                    js_on_load=style.script("conversation"),
                )
                with gr.Column(elem_id="starters", visible=self.can_start()) as self.starters:
                    gr.HTML("<h2>Try one of these</h2>", apply_default_css=False)
                    buttons = [gr.Button(text, elem_classes="starter") for text in starters]
                with gr.Column(elem_id="composer"):
                    self.hint = gr.HTML(
                        "", html_template='<p role="status">${value}</p>', elem_id="hint", apply_default_css=False
                    )
                    with gr.Row(elem_id="ask"):
                        self.box = gr.Textbox(
                            label="Your question",
                            placeholder="Ask about the story",
                            lines=1,
                            max_lines=6,
                            autofocus=True,
                            container=False,
                            elem_id="question",
                            html_attributes=gr.InputHTMLAttributes(enterkeyhint="send"),
                        )
                        self.send = gr.Button("Ask", variant="primary", elem_id="send")
                        self.stop = gr.Button("Stop", variant="secondary", elem_id="stop", visible=False)
                    self.restart = gr.Button("New conversation", elem_id="restart")
            self.panel = gr.HTML(
                "",
                html_template='<div role="region" aria-label="Source" aria-live="off">${value}</div>',
                elem_id="source",
                apply_default_css=False,
                js_on_load=style.script("source"),
                server_functions=[open_source],
            )
        self._wire(buttons)

    def can_start(self) -> bool:
        """Whether the starter questions fit the articles."""
        return any("openai" in article.title.casefold() for article in self._chain.index.snapshot.articles.values())

    def restore(self, stored: object) -> Updates:
        """When the page loads: show what it can answer from now, and the conversation that the browser kept."""
        return {
            self.head: self._masthead(),
            self.starters: gr.update(visible=self.can_start()),
            self.log: _html(conversation.load(stored)),
        }

    def open_source(self, request: dict[str, Any]) -> str:
        """The panel for one citation, as HTML. Called from the page with `article`, `start`, `end` and `quote`."""
        quote = str(request["quote"])
        article = self._chain.index.snapshot.articles.get(str(request["article"]))
        if article is None:
            return render.missing_panel(quote)
        return render.article_panel(article, int(request["start"]), int(request["end"]), quote)

    async def ask(self, question: str, stored: object) -> AsyncIterator[Updates]:
        """Answer a question, showing more of the answer with every update."""
        question = (question or "").strip()
        if not question:
            yield {self.hint: _EMPTY}
            return
        exchanges = conversation.load(stored)
        before = _html(exchanges)
        yield {
            self.log: before + render.turn(question, render.waiting()),
            self.box: "",
            self.draft: Draft(question),
            **self._busy(True),
        }
        answer: Answer | None = None
        shown = time.monotonic()
        try:
            stream = self._chain.stream({"question": question, "history": conversation.history(exchanges)})
            async for answer in self._in_thread(stream):
                if time.monotonic() - shown >= STREAM_EVERY:
                    shown = time.monotonic()
                    yield {
                        self.log: before + render.turn(question, render.reply(question, answer, streaming=True)),
                        self.draft: Draft(question, answer),
                    }
        except AssistantError as error:
            yield self._failed(question, before, str(error))
            return
        except Exception:  # noqa: BLE001
            # Its text may hold what is nobody's business: it goes to the log, the visitor gets the question back.
            _LOG.exception("no answer could be made")
            yield self._failed(question, before, _BROKEN)
            return
        if answer is None:
            yield self._failed(question, before, _BROKEN)
            return
        exchanges = [*exchanges, Exchange(question=question, answer=answer)]
        yield {
            self.log: _html(exchanges),
            self.stored: conversation.dump(exchanges),
            self.draft: None,
            **self._busy(False),
        }

    def stop_now(self, stored: object, draft: Draft | None) -> Updates:
        """Keep what was answered so far; if that is nothing, give the question back."""
        exchanges = conversation.load(stored)
        updates: Updates = {self.draft: None, **self._busy(False)}
        if draft and draft.answer and draft.answer.answer.strip():
            exchanges = [*exchanges, Exchange(question=draft.question, answer=draft.answer, stopped=True)]
            updates[self.stored] = conversation.dump(exchanges)
        elif draft:
            updates[self.box] = draft.question
        return {self.log: _html(exchanges), **updates}

    def clear(self) -> Updates:
        """Forget the conversation."""
        return {self.log: "", self.stored: [], self.panel: "", self.box: "", self.draft: None, **self._busy(False)}

    async def _in_thread(self, answers: Iterator[Answer]) -> AsyncIterator[Answer]:
        """The answers, each waited for in a thread, which is left to itself if the visitor stops: that is immediate."""
        while True:
            answer = await anyio.to_thread.run_sync(next, answers, None, abandon_on_cancel=True, limiter=self._threads)
            if answer is None:
                return
            yield answer

    def _failed(self, question: str, before: str, message: str) -> Updates:
        return {
            self.log: before + render.turn(question, render.failure(message)),
            self.box: question,
            self.draft: None,
            **self._busy(False),
        }

    def _busy(self, busy: bool) -> Updates:
        return {self.hint: "", self.send: gr.update(visible=not busy), self.stop: gr.update(visible=busy)}

    def _wire(self, starters: Sequence[gr.Button]) -> None:
        changing = [self.log, self.box, self.hint, self.stored, self.draft, self.send, self.stop]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        answering = []
        for triggers, source in [([self.box.submit, self.send.click], self.box), *[([b.click], b) for b in starters]]:
            answering.append(gr.on(triggers, self.ask, inputs=[source, self.stored], outputs=changing, **quiet))
        self.stop.click(
            self.stop_now, inputs=[self.stored, self.draft], outputs=changing, cancels=answering, queue=False, **quiet
        )
        self.restart.click(
            self.clear, inputs=[], outputs=[*changing, self.panel], cancels=answering, queue=False, **quiet
        )


def _html(exchanges: Sequence[Exchange]) -> str:
    return "".join(exchange.html() for exchange in exchanges)
