"""The server's log: one line an event, to be read or as JSON, each with the request that it belongs to.

Nothing that a reader or an article says is logged: of an error that was not foreseen its type and where it was raised,
not its text, which may quote what it choked on; of other libraries warnings and worse. No text can begin a new line.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from assistant.settings import Settings
from assistant.telemetry import context

_OURS = ("assistant", "uvicorn")


def configure_logs(settings: Settings) -> None:
    """Let all that is logged in this process go to standard error in our form. Twice does no harm."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] == "uvicorn":
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, all of it ASCII: no sign that some viewer takes for the end of a line."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_belongs_to(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1]:
            entry["exception"] = _raised(record.exc_info)
        return json.dumps(entry, default=str)


class TextLines(logging.Formatter):
    """A line to be read: time, level, what happened, then `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; where an error was raised follows, each line of it indented."""
        named = {**_fields(record), **_belongs_to()}
        rest = "".join(f" {name}={_plain(str(value))}" for name, value in named.items() if value is not None)
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {_plain(record.getMessage())}{rest}"
        if record.exc_info and record.exc_info[1]:
            line += "".join(f"\n    {_plain(part)}" for part in _raised(record.exc_info))
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _belongs_to() -> dict[str, str]:
    request = context.request.get()
    known = {
        "request": request.id if request else None,
        "answer": context.answering.get(),
        "trace": context.trace.get(),
    }
    return {name: value for name, value in known.items() if value}


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """What is given as `extra={"fields": …}`."""
    fields = getattr(record, "fields", {})
    return fields if isinstance(fields, Mapping) else {}


def _raised(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
) -> list[str]:
    """Where an error was raised, outermost call first, and its type; likewise those that led to it."""
    found: list[str] = []
    error = exc_info[1]
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        kind = type(error)
        told = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        found[:0] = [*told, f"{kind.__module__}.{kind.__qualname__}"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
