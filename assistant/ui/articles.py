"""The articles tab: browse and search them, open one in the source panel, add and remove some."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.adding import FOLDER, Adding, Address, Entry, File, Pasted, Report, Source, State
from assistant.chain import AnswerChain
from assistant.errors import AssistantError
from assistant.incoming import FILE_TYPES
from assistant.ui import browse, style
from assistant.ui.markup import escape, opens

_LOG = logging.getLogger(__name__)

#: Files and addresses taken at a time.
MOST = 200
#: Visitors for whom something is read or fetched at the same time; it is stored one after the other.
CONCURRENT = 4

_BROKEN = "This did not work, through no fault of yours. Please try again in a moment."
_NOT_ALLOWED = {
    "off": "Adding and removing articles is turned off on this server.",
    "login": "Sign in to add or remove articles.",
}
_SIGNS = {
    State.ADDED: "Added",
    State.CHANGED: "Changed",
    State.UNCHANGED: "Unchanged",
    State.REFUSED: "Refused",
    State.REMOVED: "Removed",
}


class ArticlesTab:
    """The components of the tab, and what happens on each event.

    `changes` are the events after which the articles may be others.
    """

    def __init__(self, chain: AnswerChain, adding: Adding | None = None) -> None:
        """Add the components to the `gr.Tab` that is open. Without `adding`, articles are added as the settings say."""
        self._chain = chain
        self._policy = chain.settings.adding
        self._adding = adding or Adding(chain.settings, chain.index)
        self.changes: list[Any] = []

        # Gradio marks the function, which it cannot do to a method.
        def list_articles(request: dict[str, Any]) -> dict[str, str]:
            return self.list_articles(request)

        with gr.Column(elem_id="articles"):
            if self._policy != "off":
                self._build_adding()
            self.report = gr.HTML(
                "",
                html_template='<div role="status">${value}</div>',
                elem_id="adding-report",
                apply_default_css=False,
            )
            self.list = gr.HTML(
                browse.form(chain.index.snapshot),
                elem_id="article-list",
                apply_default_css=False,
                js_on_load=style.script("articles"),
                server_functions=[list_articles],
            )
        self._wire()

    def list_articles(self, request: dict[str, Any]) -> dict[str, str]:
        """What is found, as HTML, with the outlets and topics to choose from; called from the page.

        Raises:
            ValidationError: the request is none that the page makes.
        """
        return browse.listing(request, self._chain.index.snapshot, removable=self._policy != "off", added=f"{FOLDER}/")

    def add_files(self, files: Sequence[str] | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Add the uploaded files."""
        given = [File(Path(path), Path(path).name) for path in files or ()]
        yield from self._add(given, request, "Choose one or more files first.", {self.files: None})

    def add_address(self, addresses: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Fetch and add the pages at some addresses, one in a line."""
        given = [Address(line.strip()) for line in (addresses or "").splitlines() if line.strip()]
        yield from self._add(given, request, "Give the address of a page first.", {self.addresses: ""})

    def add_paste(
        self, title: str, outlet: str, published: str, text: str, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        """Add what was typed or pasted."""
        given = [Pasted(title or "", text or "", outlet or "", published or "")] if title or text else []
        cleared = dict.fromkeys((self.title, self.outlet, self.published, self.text), "")
        yield from self._add(given, request, "Give a title and paste the text first.", cleared)

    def remove(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Remove the article that the page names."""
        article_id = str((event._data or {}).get("article", ""))[:1000]
        yield from self._run(lambda progress: self._adding.remove(article_id, progress), request, {})

    def _add(
        self, given: Sequence[Source], request: gr.Request, hint: str, cleared: dict[Any, Any]
    ) -> Iterator[dict[Any, Any]]:
        if not given:
            yield {self.report: _note(hint)}
        elif len(given) > MOST:
            yield {self.report: _note(f"At most {MOST} at a time; these are {len(given):,}.")}
        else:
            yield from self._run(lambda progress: self._adding.add(given, progress), request, cleared)

    def _run(
        self, work: Callable[[Callable[[str, int, int], None]], Report], request: gr.Request, cleared: dict[Any, Any]
    ) -> Iterator[dict[Any, Any]]:
        """Do the work in a thread, with a progress bar meanwhile and a report at the end."""
        if (refusal := self._refusal(request)) is not None:
            yield {self.report: _note(refusal)}
            return
        steps: queue.Queue[tuple[str, int, int] | Report | Exception] = queue.Queue()

        def go() -> None:
            try:
                steps.put(work(lambda what, done, total: steps.put((what, done, total))))
            except Exception as error:  # noqa: BLE001  it is raised or shown below
                steps.put(error)

        threading.Thread(target=go, daemon=True).start()
        yield {self.report: _progress("Reading", 0, 0)}
        while True:
            step = steps.get()
            while isinstance(step, tuple) and not steps.empty():
                step = steps.get()  # only the newest is worth showing
            if isinstance(step, tuple):
                yield {self.report: _progress(*step)}
                continue
            break
        if isinstance(step, AssistantError):
            yield {self.report: _note(str(step))}
        elif isinstance(step, Exception):
            # Its text may hold what is nobody's business.
            _LOG.error("articles could not be added or removed", exc_info=step)
            yield {self.report: _note(_BROKEN)}
        else:
            refused = any(entry.state is State.REFUSED for entry in step.entries)
            yield {self.report: _report(step), **({} if refused else cleared)}

    def _refusal(self, request: gr.Request) -> str | None:
        """Why this visitor may not add or remove, asked with every request: a page can be made to send anything."""
        if self._policy == "on" or (self._policy == "login" and getattr(request, "username", None)):
            return None
        return _NOT_ALLOWED[self._policy]

    def _build_adding(self) -> None:
        with gr.Accordion("Add articles", open=False, elem_id="adding"), gr.Tabs(elem_id="adding-ways"):
            with gr.Tab("Files"):
                self.files = gr.File(
                    label=f"Files: {' '.join(FILE_TYPES)}",
                    file_count="multiple",
                    file_types=list(FILE_TYPES),
                    height=150,
                    elem_id="add-files",
                )
                self.send_files = gr.Button("Add the files", elem_classes="add")
            with gr.Tab("Web pages"):
                self.addresses = gr.Textbox(
                    label="Addresses, one in a line",
                    placeholder="https://…",
                    lines=2,
                    max_lines=8,
                    elem_id="add-addresses",
                )
                self.send_addresses = gr.Button("Fetch and add", elem_classes="add")
            with gr.Tab("Pasted text"):
                self.title = gr.Textbox(label="Title", max_length=300, elem_id="add-title")
                with gr.Row(elem_classes="pair"):
                    self.outlet = gr.Textbox(label="Outlet", max_length=300, min_width=120)
                    self.published = gr.Textbox(
                        label="Published", placeholder="2026-03-14", max_length=10, min_width=120
                    )
                self.text = gr.Textbox(label="Text", lines=6, max_lines=16, max_length=2_000_000, elem_id="add-text")
                self.send_text = gr.Button("Add the text", elem_classes="add")

    def _wire(self) -> None:
        if self._policy == "off":
            return
        quiet: dict[str, Any] = {
            "show_progress": "hidden",
            "api_visibility": "private",
            "concurrency_limit": CONCURRENT,
        }
        pasted = [self.title, self.outlet, self.published, self.text]
        self.changes += [
            self.send_files.click(self.add_files, [self.files], [self.report, self.files], **quiet),
            self.send_addresses.click(self.add_address, [self.addresses], [self.report, self.addresses], **quiet),
            self.send_text.click(self.add_paste, pasted, [self.report, *pasted], **quiet),
            self.list.submit(self.remove, None, [self.report], **quiet),
        ]


def _progress(what: str, done: int, total: int) -> str:
    bar = f'<progress max="{total}" value="{done}"></progress>' if total else "<progress></progress>"
    amount = f" {done:,} of {total:,}" if total > 1 else ""
    unit = " passages" if what == "Indexing" and total > 1 else ""
    return f'<div class="progress"><label>{escape(what)}{amount}{unit} …{bar}</label></div>'


def _note(message: str) -> str:
    return f'<div class="outcome problem"><p dir="auto">{escape(message)}</p></div>'


def _report(report: Report) -> str:
    counts = [f"{report.count(state)} {state}" for state in State if report.count(state)]
    problem = f'<p class="problem" dir="auto">{escape(report.problem)}</p>' if report.problem else ""
    # The script shows the list anew when it sees `data-done`.
    return (
        f'<div class="outcome" data-done><p class="sum">{", ".join(counts)}.</p>{problem}'
        f"<ul>{''.join(map(_entry, report.entries))}</ul></div>"
    )


def _entry(entry: Entry) -> str:
    name = escape(entry.title or entry.name)
    if entry.article_id and entry.state not in (State.REMOVED, State.REFUSED):
        name = (
            f'<button type="button" class="open" {opens(entry.article_id)} data-about="{name}" dir="auto">'
            f"{name}</button>"
        )
    else:
        name = f'<bdi class="name">{name}</bdi>'
    reason = f'<span class="reason" dir="auto">{escape(entry.reason)}</span>' if entry.reason else ""
    return (
        f'<li class="{entry.state}"><span class="state">{_SIGNS[entry.state]}</span> <span>{name} {reason}</span></li>'
    )
