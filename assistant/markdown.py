"""Text of others inside Markdown, so that no reader of Markdown takes it for more than text."""

import re

# What Markdown, its footnotes, its mathematics and HTML inside it could read as more than text: anywhere, at the
# beginning of a line, and in a bare address, which many readers make a link.
_SPECIAL = re.compile(
    r"[\\`*_{}\[\]<>#!|~&$^]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d{3})[.)]|:(?=//)|(?<=www)\.", re.I
)
# What loads something from another host or leads there: images, links, tags.
_LEADS_AWAY = re.compile(r"(?<=\])[(\[]|<(?=[a-z/!?])", re.I)


def as_text(text: str) -> str:
    """`text` on one line, to be read by Markdown as nothing but text."""
    lines = text.replace("\r", "\n").split("\n")
    joined = " ".join(part for line in lines if (part := line.strip()))
    return _SPECIAL.sub(r"\\\g<0>", joined)


def unlinked(text: str) -> str:
    """`text` with images, links and tags in it shown as they are written; all else is left to Markdown."""
    return _LEADS_AWAY.sub(r"\\\g<0>", text)


def as_link(address: str) -> str:
    """A safe address as a link that shows itself."""
    # Percent-encoding keeps an address from ending its brackets.
    return f"<{address.replace('<', '%3C').replace('>', '%3E')}>"
