"""How the page looks and what runs in it: Gradio's theme, the stylesheet, the script. All of it from this package."""

from functools import cache
from importlib.resources import files

import gradio as gr

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

#: The stylesheets, in the order in which they hold.
SHEETS = ("page", "chat", "details", "drawer", "source", "articles", "timeline")


def theme() -> gr.themes.Base:
    """Gradio's plain theme with system fonts only, so that nothing is fetched; the stylesheet does the rest."""
    return gr.themes.Base(font=SANS, font_mono=MONO).set(
        body_background_fill="#fbfaf7",
        body_background_fill_dark="#151617",
        body_text_color="#1d1c1a",
        body_text_color_dark="#e9e6df",
    )


@cache
def stylesheet() -> str:
    """The page's CSS, of all its components."""
    return "\n".join((files("assistant.ui") / f"{name}.css").read_text(encoding="utf-8") for name in SHEETS)


@cache
def script(name: str) -> str:
    """The JavaScript of one component, which runs once, when the component is in the page."""
    return (files("assistant.ui") / f"{name}.js").read_text(encoding="utf-8")
