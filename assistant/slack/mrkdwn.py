"""Text in Slack's mrkdwn: whatever comes from an article, a question or a model is made harmless here."""

import re

from assistant.ui.markup import safe_url

#: Around a character that formats, it stands neither at the edge of a word nor next to one: Slack shows it as it is.
BREAK = "\u200b"

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_FORMATS = re.compile(r"[*_~`]")
_EMOJI = re.compile(r":(?=[\w+'-]+:)")
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
#: At the start of a line an escaped `>` still quotes.
_QUOTE = re.compile(r"^(?=\s*&gt;)", re.MULTILINE)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}

#: A link, or what Slack makes of a name, a channel or a date.
_TAG = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")

#: What must not be cut in two: an escape, a marker [n], a character with the breaks around it.
_ATOM = re.compile(rf"&(?:amp|lt|gt);|\[\d{{1,4}}\]|{BREAK}[*_~`]{BREAK}|[@:]{BREAK}")
_SENTENCE_END = re.compile(r"[.!?…][\"”’')]{0,3}(?:[ \t]{0,3}\[\d{1,4}\]){0,20}\s(?!\s*\[\d)")
_SPACE = re.compile(r"\s(?!\s*\[\d)")
_LONGEST_URL = 700


def escape(text: str) -> str:
    """`text` so that Slack only shows it: no formatting, mention, channel, emoji or link is made of it."""
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n"))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _FORMATS.sub(lambda found: f"{BREAK}{found[0]}{BREAK}", text)
    text = _MENTION.sub(f"@{BREAK}", _EMOJI.sub(f":{BREAK}", text))
    return _QUOTE.sub(BREAK, text)


def unescape(text: str) -> str:
    """What `escape` was given, without the characters that nobody sees."""
    return re.sub("&(?:lt|gt|amp);", lambda found: _ENTITIES[found[0]], text.replace(BREAK, ""))


def plain(text: str) -> str:
    """What somebody wrote in Slack as they see it: links by their labels, nobody mentioned by an id."""
    return " ".join(unescape(_TAG.sub(_shown, text)).split())


def _shown(tag: re.Match[str]) -> str:
    what, label = tag[1], tag[2]
    if what.startswith("@"):
        return f"@{label}" if label else ""
    if what.startswith("#"):
        return f"#{label or what[1:]}"
    if what.startswith("!"):
        return label or f"@{what[1:].partition('^')[0]}"
    return label or what.removeprefix("mailto:")


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of plain text, cut behind a word where there is one, with … where something is cut."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    words = kept.rpartition(" ")[0]
    return f"{(words if len(words) > limit // 2 else kept).rstrip(' ,;:')}…"


def link(url: str | None, label: str) -> str:
    """`label` (plain text), linked where `url` is an address on the web that a reader may follow."""
    shown = escape(label)
    safe = safe_url(url)
    if not safe or not shown.strip():
        return shown
    # These would end the address, or begin another thing than a link.
    address = safe.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")
    return f"<{address}|{shown.replace('|', '¦')}>" if len(address) <= _LONGEST_URL else shown


def split(text: str, limit: int) -> list[str]:
    """Escaped text in pieces of at most `limit` characters, cut behind sentences, else words; never in an escape."""
    pieces = []
    text = text.strip()
    while len(text) > limit:
        at = _cut(text, limit)
        pieces.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [piece for piece in [*pieces, text] if piece]


def _cut(text: str, limit: int) -> int:
    for ends in (_SENTENCE_END, _SPACE):
        if found := [match.end() for match in ends.finditer(text[: limit + 1]) if match.end() <= limit]:
            return found[-1]
    for atom in _ATOM.finditer(text, max(0, limit - 8), limit + 8):
        if atom.start() < limit < atom.end():
            return atom.start()
    return limit
