"""E-mail messages (.eml), such as newsletters: subject, sender, date, and the text of the best part."""

import email
import email.policy
from datetime import datetime
from email.message import MIMEPart
from email.utils import parseaddr
from typing import Any

from assistant.articles import Article, ArticleError
from assistant.formats import html
from assistant.formats.contents import make, name_as_title, one_line, tidy
from assistant.formats.encoding import decode


def read(raw: bytes, name: str) -> Article:
    """The article in a message. Attachments are not read; save them beside it.

    Raises:
        ArticleError: it is no message, or has no text.
    """
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        title = one_line(str(message.get("Subject", "")))
        sender, address = parseaddr(str(message.get("From", "")))
        sent = message.get("Date")
        date: datetime | None = getattr(sent, "datetime", None)
        body = message.get_body(("html", "plain"))
    except (ValueError, TypeError, AttributeError, LookupError, IndexError, RecursionError) as error:
        raise ArticleError(f"{name}: the message is broken ({type(error).__name__})") from None
    if not (title or sender or address or sent):
        raise ArticleError(f"{name}: it is no e-mail message: it has neither sender, subject nor date")
    plain = message.get_body(("plain",))
    return make(
        name,
        tidy(_text(body, plain, name)),
        title=title or name_as_title(name),
        outlet=one_line(sender) or address,
        published=date,
    )


def _text(body: "MIMEPart[Any, Any] | None", plain: "MIMEPart[Any, Any] | None", name: str) -> str:
    if body is None:
        raise ArticleError(f"{name}: the message has no text")
    if body.get_content_subtype() == "html":
        try:
            return html.read(_decoded(body, name, markup=True), name).text
        except ArticleError:  # a few words in HTML are no page to trafilatura
            if plain is None:
                raise
    return _decoded(plain or body, name, markup=False)


def _decoded(part: "MIMEPart[Any, Any]", name: str, *, markup: bool) -> str:
    payload = part.get_payload(decode=True)
    return decode(payload if isinstance(payload, bytes) else b"", name, part.get_content_charset(), markup=markup)
