"""The Chat tab: a question box, streamed answers, and what can be done with them."""

import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import gradio as gr

from assistant.answer import Answer
from assistant.chain import AnswerChain
from assistant.errors import AssistantError
from assistant.feedback import FeedbackStore
from assistant.telemetry.watching import Surface, asked_on
from assistant.ui import conversation, render, style
from assistant.ui.conversation import Conversation, Exchange
from assistant.ui.drawer import Drawer
from assistant.ui.markup import escape
from assistant.ui.votes import RefusedVoteError, Votes

_LOG = logging.getLogger(__name__)

#: Answers made at the same time; more wait their turn.
CONCURRENT_ANSWERS = 20
#: Visitors for whom suggested questions are looked for at the same time. They are checked one after the other anyway.
CONCURRENT_SUGGESTIONS = 4
#: The newest answer is sent at most this often, in seconds, however fast the reader writes.
STREAM_EVERY = 0.05
STARTERS, FURTHER = 4, 3

_LOG_TEMPLATE = '<div role="log" aria-live="polite" aria-label="Conversation" tabindex="-1">${value}</div>'
_BROKEN = "The answer could not be made, through no fault of yours. Please ask again in a moment."
_EMPTY = "Type a question first, about anything that the articles tell."
_EDITING = "You are changing an earlier question. What followed it will be replaced."

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Draft:
    """What is being answered for one visitor at this moment, in the place of exchange `at` and all behind it."""

    question: str
    at: int
    answer: Answer | None = None


class Chat:
    """The components of the conversation, and what happens on each event."""

    def __init__(self, chain: AnswerChain, store: FeedbackStore | None = None) -> None:
        """Add the components to the `gr.Tab` that is open; without a `store` nobody is asked what they think."""
        self._chain = chain
        self._votes = Votes(chain, store) if store else None
        self._threads = anyio.CapacityLimiter(CONCURRENT_ANSWERS)
        self._suggesting = anyio.CapacityLimiter(CONCURRENT_SUGGESTIONS)
        # What Gradio calls a secret stands in the page and hides nothing.
        key = f"story-assistant.conversation.{conversation.FORMAT}"
        self.stored = gr.BrowserState(conversation.dump(Conversation()), storage_key=key, secret="none")  # noqa: S106
        self.draft = gr.State(None)
        self.editing = gr.State(None)
        with gr.Row(elem_id="desk"):
            self.drawer = Drawer(self.stored)
            with gr.Column(elem_id="chat"):
                self.drawer.add_bar()
                self.log = gr.HTML(
                    "",
                    html_template=_LOG_TEMPLATE,
                    elem_id="conversation",
                    apply_default_css=False,
                    js_on_load=style.script("conversation"),
                )
                self.next = gr.HTML("", elem_id="next", apply_default_css=False, js_on_load=style.script("next"))
                self._add_composer()
        self._wire()

    def _add_composer(self) -> None:
        with gr.Column(elem_id="composer"):
            with gr.Row(elem_id="hints"):
                self.hint = gr.HTML(
                    "", html_template='<p role="status">${value}</p>', elem_id="hint", apply_default_css=False
                )
                self.keep = gr.Button("Leave it as it was", elem_id="keep", visible=False)
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

    def restore(self, stored: object) -> Updates:
        """When the page loads: show the conversation that the browser kept."""
        kept = conversation.load(stored)
        # Nothing to show must not wipe away what a quick visitor has asked in the meantime.
        return {self.log: self._html(kept)} if kept.exchanges else {self.log: gr.skip()}

    async def suggest(self, stored: object) -> str:
        """Questions that can be answered, as HTML: to start with, or to go on with."""
        kept = conversation.load(stored)
        answer = kept.exchanges[-1].answer if kept.exchanges else None
        asked = [exchange.question for exchange in kept.exchanges]

        def find() -> Sequence[str]:
            return self._chain.suggestions(answer, FURTHER if answer else STARTERS, asked)

        questions = await anyio.to_thread.run_sync(find, abandon_on_cancel=True, limiter=self._suggesting)
        return render.suggestions(questions, answer)

    async def ask(self, question: str, stored: object, editing: int | None) -> AsyncIterator[Updates]:
        """Answer what stands in the box, as a new question or in the place of an earlier one."""
        async for updates in self._answer(question, conversation.load(stored), editing):
            yield updates

    async def suggested(self, stored: object, event: gr.EventData) -> AsyncIterator[Updates]:
        """Answer a suggested question."""
        async for updates in self._answer(str(event._data.get("question", "")), conversation.load(stored), None):
            yield updates

    async def retry(self, stored: object, event: gr.EventData) -> AsyncIterator[Updates]:
        """Answer an earlier question again."""
        kept = conversation.load(stored)
        at = _place(event, kept)
        if at is not None:
            async for updates in self._answer(kept.exchanges[at].question, kept, at):
                yield updates

    async def _answer(self, question: str, kept: Conversation, editing: int | None) -> AsyncIterator[Updates]:
        """Answer a question, showing more of the answer with every update."""
        question = (question or "").strip()
        if not question:
            yield {self.hint: _EMPTY}
            return
        at = len(kept.exchanges) if editing is None else min(editing, len(kept.exchanges))
        before = self._html(kept.with_exchanges(kept.exchanges[:at]), going_on=True)
        yield {
            self.log: before + render.turn(question, render.waiting()),
            self.box: "",
            self.draft: Draft(question, at),
            **self._busy(True),
        }
        answer: Answer | None = None
        shown = 0.0
        try:
            stream = self._chain.stream({"question": question, "history": kept.history(at)}, asked_on(Surface.PAGE))
            async for answer in self._in_thread(stream):
                if time.monotonic() - shown >= STREAM_EVERY:
                    shown = time.monotonic()
                    yield {
                        self.log: before + render.turn(question, render.reply(question, answer, streaming=True)),
                        self.draft: Draft(question, at, answer),
                    }
        except AssistantError as error:
            yield self._failed(question, before, str(error), editing)
            return
        except Exception:  # noqa: BLE001
            # Its text may hold what is nobody's business: it goes to the log, the visitor gets the question back.
            _LOG.exception("no answer could be made")
            yield self._failed(question, before, _BROKEN, editing)
            return
        if answer is None:
            yield self._failed(question, before, _BROKEN, editing)
            return
        yield {**self._kept(kept, at, Exchange(question=question, answer=answer)), **self._busy(False)}

    def stop_now(self, stored: object, draft: Draft | None) -> Updates:
        """Keep what was answered so far; if that is nothing, give the question back."""
        kept = conversation.load(stored)
        if draft and draft.answer and draft.answer.answer.strip():
            stopped = Exchange(question=draft.question, answer=draft.answer, stopped=True)
            return {**self._kept(kept, draft.at, stopped), **self._busy(False)}
        updates: Updates = {self.log: self._html(kept), self.draft: None, **self._busy(False)}
        if draft:
            editing = draft.at if draft.at < len(kept.exchanges) else None
            updates |= {self.box: draft.question, **self._edit_mode(editing)}
        return updates

    def edit(self, stored: object, event: gr.EventData) -> Updates:
        """Put an earlier question into the box, to be asked again in its place."""
        kept = conversation.load(stored)
        at = _place(event, kept)
        if at is None:
            return {self.hint: ""}
        return {self.box: kept.exchanges[at].question, **self._edit_mode(at)}

    def keep_as_it_was(self) -> Updates:
        """Leave an earlier question alone after all."""
        return {self.box: "", **self._edit_mode(None)}

    def vote(self, stored: object, event: gr.EventData) -> Updates:
        """Keep what the visitor says of an answer."""
        kept = conversation.load(stored)
        try:
            assert self._votes, "there is no store to keep a vote in"
            kept = self._votes.cast(kept, event._data)
        except RefusedVoteError as refused:
            return {self.hint: escape(str(refused))}
        except AssistantError:
            _LOG.exception("a vote could not be kept")
            return {self.hint: "That could not be kept, through no fault of yours. Please try again later."}
        return {self.hint: "", self.log: self._html(kept), self.stored: conversation.dump(kept)}

    def show(self, kept: Conversation) -> Updates:
        """Show another conversation, whatever was being asked."""
        return {
            self.log: self._html(kept),
            self.next: "",
            self.box: "",
            self.stored: conversation.dump(kept),
            self.draft: None,
            **self._busy(False),
        }

    def _kept(self, kept: Conversation, at: int, exchange: Exchange) -> Updates:
        kept = kept.with_exchanges([*kept.exchanges[:at], exchange])
        return {self.log: self._html(kept), self.next: "", self.stored: conversation.dump(kept), self.draft: None}

    def _html(self, kept: Conversation, *, going_on: bool = False) -> str:
        return render.conversation(kept, rateable=self._votes is not None, going_on=going_on)

    async def _in_thread(self, answers: Iterator[Answer]) -> AsyncIterator[Answer]:
        """The answers, each waited for in a thread, which is left to itself if the visitor stops: that is immediate."""
        while True:
            answer = await anyio.to_thread.run_sync(next, answers, None, abandon_on_cancel=True, limiter=self._threads)
            if answer is None:
                return
            yield answer

    def _failed(self, question: str, before: str, message: str, editing: int | None) -> Updates:
        return {
            self.log: before + render.turn(question, render.failure(message)),
            self.draft: None,
            **self._busy(False),
            self.box: question,
            **self._edit_mode(editing),
        }

    def _busy(self, busy: bool) -> Updates:
        buttons = {self.send: gr.update(visible=not busy), self.stop: gr.update(visible=busy)}
        return {**buttons, **self._edit_mode(None)}

    def _edit_mode(self, at: int | None) -> Updates:
        editing = at is not None
        return {self.editing: at, self.hint: _EDITING if editing else "", self.keep: gr.update(visible=editing)}

    def _wire(self) -> None:
        outputs = [
            *(self.log, self.next, self.box, self.hint, self.keep, self.stored),
            *(self.draft, self.editing, self.send, self.stop),
        ]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        many: dict[str, Any] = {"concurrency_limit": CONCURRENT_ANSWERS, "concurrency_id": "answers", **quiet}
        # What takes no time does not queue behind what does.
        now: dict[str, Any] = {"queue": False, **quiet}
        typed = [self.box.submit, self.send.click]
        answering = [
            gr.on(typed, self.ask, inputs=[self.box, self.stored, self.editing], outputs=outputs, **many),
            self.next.submit(self.suggested, inputs=[self.stored], outputs=outputs, **many),
            self.log.retry(self.retry, inputs=[self.stored], outputs=outputs, **many),
        ]
        stopping = self.stop.click(
            self.stop_now, inputs=[self.stored, self.draft], outputs=outputs, cancels=answering, **now
        )
        self.log.edit(self.edit, inputs=[self.stored], outputs=[self.box, self.hint, self.keep, self.editing], **now)
        self.keep.click(self.keep_as_it_was, outputs=[self.box, self.hint, self.keep, self.editing], **now)
        if self._votes:
            self.log.like(self.vote, inputs=[self.stored], outputs=[self.hint, self.log, self.stored], **now)
        self.drawer.wire(self.show, outputs, cancels=answering)
        # Not queued: what joins the queue while Gradio cancels an answer is lost with it. `_suggesting` is the limit.
        for then in (self.stored.change, stopping.then):
            then(self.suggest, inputs=[self.stored], outputs=[self.next], trigger_mode="always_last", **now)


def _place(event: gr.EventData, kept: Conversation) -> int | None:
    """Which exchange an event is about, if there is such a one."""
    at = event._data.get("at")
    return at if isinstance(at, int) and 0 <= at < len(kept.exchanges) else None
