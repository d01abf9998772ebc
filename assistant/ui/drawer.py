"""The drawer: the visitor's conversations, to be opened, renamed, deleted and exported."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import gradio as gr

from assistant.ui import conversation, share, style
from assistant.ui.conversation import Conversation, Shelf
from assistant.ui.markup import escape

_BAR = (
    '<div class="bar"><button type="button" class="toggle" aria-expanded="false" aria-controls="drawer">'
    '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M4 6h16M4 12h16M4 18h10"/></svg>'
    'Conversations</button><button type="button" class="asked-only" data-do="export">Export</button>'
    '<button type="button" class="asked-only" data-do="new">New conversation</button></div>'
)

Show = Callable[[Conversation], dict[Any, Any]]


class Drawer:
    """The list beside the chat, and the bar above it that opens it."""

    def __init__(self, stored: gr.BrowserState) -> None:
        """Add the list to the `gr.Row` that is open; `stored` is the open conversation."""
        self.stored = stored
        key = f"story-assistant.conversations.{conversation.FORMAT}"
        self.shelf = gr.BrowserState(conversation.dump(Shelf()), storage_key=key, secret="none")  # noqa: S106
        self.list = gr.HTML("", elem_id="drawer", apply_default_css=False, js_on_load=style.script("drawer"))
        self.file = gr.HTML(
            "", html_template="<span hidden></span>", elem_id="export", js_on_load=style.script("export")
        )

    def add_bar(self) -> None:
        """Add the bar to the column that is open."""
        gr.HTML(_BAR, elem_id="bar", apply_default_css=False)

    def restore(self, stored: object, shelf: object) -> dict[Any, Any]:
        """When the page loads: the list. What was deleted before cannot be brought back any more."""
        kept = conversation.load_shelf(shelf).model_copy(update={"deleted": None})
        return {self.list: listing(conversation.load(stored), kept), self.shelf: conversation.dump(kept)}

    def wire(self, show: Show, outputs: Sequence[Any], cancels: list[Any]) -> None:
        """Hang the events on the list; `show` gives what opening a conversation changes in the chat."""

        def turn_to(stored: object, shelf: object, event: gr.EventData) -> dict[Any, Any]:
            before = conversation.load(stored)
            data = event._data
            now, left = change(before, conversation.load_shelf(shelf), str(data.get("do")), str(data.get("id")))
            changed = {self.list: listing(now, left), self.shelf: conversation.dump(left)}
            return changed if now.id == before.id else {**changed, **show(now)}

        def rename(stored: object, shelf: object, event: gr.EventData) -> dict[Any, Any]:
            now, left = conversation.load(stored), conversation.load_shelf(shelf)
            name, wanted = str(event._data.get("name", "")), str(event._data.get("id"))
            if wanted == now.id:
                now = now.renamed(name)
            elif found := left.find(wanted):
                left = left.replaced(found.renamed(name))
            return {
                self.list: listing(now, left),
                self.stored: conversation.dump(now),
                self.shelf: conversation.dump(left),
            }

        def follow(stored: object, shelf: object) -> str:
            return listing(conversation.load(stored), conversation.load_shelf(shelf))

        both = [self.stored, self.shelf]
        now: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.list.select(turn_to, inputs=both, outputs=[*outputs, self.list, self.shelf], cancels=cancels, **now)
        self.list.edit(rename, inputs=both, outputs=[self.list, *both], **now)
        self.list.download(export, inputs=[self.stored], outputs=[self.file], **now)
        self.stored.change(follow, inputs=both, outputs=[self.list], **now)


def change(now: Conversation, shelf: Shelf, what: str, wanted: str) -> tuple[Conversation, Shelf]:
    """The open conversation and the shelf after something was done: `new`, `open`, `delete` or `undo`."""
    if what == "new":
        return Conversation(), shelf.with_first(now)
    if what == "open" and (found := shelf.find(wanted)):
        return found, shelf.without(wanted).with_first(now)
    if what == "delete" and wanted == now.id:
        return Conversation(), shelf.without(wanted, deleted=now)
    if what == "delete" and (found := shelf.find(wanted)):
        return now, shelf.without(wanted, deleted=found)
    if what == "undo" and shelf.deleted:
        return now, shelf.with_first(shelf.deleted)
    return now, shelf


def export(stored: object) -> str:
    """What `export.js` saves as a file: its name and text, and a number that makes every export a new value."""
    kept = conversation.load(stored)
    return json.dumps({"name": share.file_name(kept), "text": share.markdown(kept), "number": uuid4().hex})


def listing(now: Conversation, shelf: Shelf) -> str:
    """The list as HTML, the open conversation first."""
    others = [one for one in shelf.conversations if one.id != now.id]
    shown = ([now] if now.exchanges else []) + others
    items = "".join(_item(one, here=one.id == now.id) for one in shown)
    gone = shelf.deleted
    undo = (
        f'<p class="undo" role="status">Deleted “<bdi>{escape(gone.title)}</bdi>”. '
        '<button type="button" data-do="undo">Undo</button></p>'
        if gone
        else ""
    )
    return (
        '<nav class="drawer" aria-label="Conversations"><div class="drawer-head"><h2 tabindex="-1">Conversations</h2>'
        '<button type="button" class="shut" aria-label="Close the conversations">Close</button></div>'
        + (f"<ul>{items}</ul>" if items else '<p class="none">Nothing asked yet.</p>')
        + f'{undo}<p class="kept">Kept in this browser and nowhere else.</p></nav>'
    )


def _item(one: Conversation, *, here: bool) -> str:
    title, wanted = escape(one.title), escape(one.id)
    count = f"{len(one.exchanges)} question{'s' if len(one.exchanges) != 1 else ''}"
    return (
        f'<li data-id="{wanted}"{" class=here" if here else ""}>'
        f'<button type="button" class="name" data-do="open"{" aria-current=true" if here else ""}>'
        f'<bdi>{title}</bdi><span class="count">{count}</span></button>'
        f'<span class="manage"><button type="button" data-do="rename" aria-label="Rename {title}">Rename</button>'
        f'<button type="button" data-do="delete" aria-label="Delete {title}">Delete</button></span>'
        '<form class="rename" hidden><input aria-label="New name" '
        f'maxlength="{conversation.MAX_TITLE}" value="{title}"><button type="submit">Save</button></form></li>'
    )
