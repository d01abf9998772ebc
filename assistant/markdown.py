"""Text inside Markdown that no reader of Markdown takes for more than text."""

import re

# What Markdown, its footnotes, its mathematics and HTML inside it could read as more than text: anywhere, at the
# beginning of a line, and in a bare address, which many readers make a link.
_SPECIAL = re.compile(
    r"[\\`*_{}\[\]<>#!|~&$^]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d{3})[.)]|:(?=//)|(?<=www)\.", re.I
)


def as_text(text: str) -> str:
    """`text` on one line, to be read by Markdown as nothing but text."""
    lines = text.replace("\r", "\n").split("\n")
    joined = " ".join(part for line in lines if (part := line.strip()))
    return _SPECIAL.sub(r"\\\g<0>", joined)


def as_link(address: str) -> str:
    """A safe address as a link that shows itself."""
    # Percent-encoding keeps an address from ending its brackets.
    return f"<{address.replace('<', '%3C').replace('>', '%3E')}>"
