"""The process in which files of others are parsed: a parser that hangs, runs wild or breaks down takes nothing with it.

It reads requests from standard input and answers on standard output: a line of JSON that says how much follows, then
that. It sees no setting and no key, and opens nothing.
"""

import json
import resource
import sys
from datetime import datetime
from typing import Any, BinaryIO

from assistant.articles import ArticleError
from assistant.formats import Given, read
from assistant.formats.contents import Contents

_MEMORY = 3_000_000_000  # bytes of address space


def main() -> None:
    """Answer requests until there are no more."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a library that prints does not get into the answers
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.setrecursionlimit(3000)
    while line := requests.readline():
        _answer(requests, answers, json.loads(line))


def _answer(requests: BinaryIO, answers: BinaryIO, asked: dict[str, Any]) -> None:
    size, seconds = asked.pop("size"), asked.pop("seconds")
    raw = requests.read(size)
    # Should the one who waits be gone, the parser does not run for ever.
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 2, most))
    fetched = asked.pop("fetched")
    given = Given(**asked, raw=raw, fetched=datetime.fromisoformat(fetched) if fetched else None)
    try:
        found, error = read(given), None
    except ArticleError as refused:
        found, error = Contents(), str(refused)
    except MemoryError:
        found, error = Contents(), f"{given.name}: it takes more memory than is given to it"
    except Exception as broken:  # noqa: BLE001  whatever a parser raises over a hostile file, the next file is read
        found, error = Contents(), f"{given.name}: it cannot be read ({type(broken).__name__})"
    body = found.model_dump_json(exclude_none=True).encode("utf-8", "replace")
    answers.write(json.dumps({"size": len(body), "error": error}).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    main()
