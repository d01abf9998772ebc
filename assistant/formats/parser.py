"""Parsing in a process of its own, with a limit on time, that is started when it is first needed."""

import json
import os
import subprocess
import sys
import threading
from typing import Self

from assistant.articles import ArticleError
from assistant.formats import Given
from assistant.formats.contents import Contents

SECONDS = 60.0
#: What the process needs of the environment; keys are in the rest.
_ENVIRONMENT = frozenset("PATH PYTHONPATH PYTHONHOME LD_LIBRARY_PATH LANG LC_ALL LC_CTYPE TZ TMPDIR".split())


class Parser:
    """Reads files in a worker process; use it in a `with` statement, from one thread at a time."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """`seconds` is how long one file may take."""
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def read(self, given: Given) -> Contents:
        """What is in a file, as `formats.read` says it.

        Raises:
            ArticleError: nothing can be read in it, it takes too long, or the parser breaks down over it.
        """
        process = self._process = self._process or _started()
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._seconds, end)
        timer.start()
        try:
            answer, body = _asked(process, given, self._seconds)
        except (OSError, ValueError, EOFError):
            self.close()
            if late.is_set():
                raise ArticleError(f"{given.name}: it takes longer than {self._seconds:g} seconds to read") from None
            raise ArticleError(f"{given.name}: the parser breaks down over it") from None
        except BaseException:  # interrupted half-way, the process would give this answer to the next question
            self.close()
            raise
        finally:
            timer.cancel()
        if answer["error"]:
            raise ArticleError(answer["error"])
        return Contents.model_validate_json(body)


def _started() -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches us alone, and we end it. -P: a folder of downloads, which may well be the
    # working directory, is no place to import from.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "assistant.formats.worker"],
        env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _asked(process: subprocess.Popen[bytes], given: Given, seconds: float) -> tuple[dict[str, str], bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    said = {"name": given.name, "url": given.url, "type": given.type, "charset": given.charset}
    fetched = given.fetched.isoformat() if given.fetched else None
    head = {**said, "fetched": fetched, "seconds": seconds, "size": len(given.raw)}
    process.stdin.write(json.dumps(head).encode() + b"\n")
    process.stdin.write(given.raw)
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise EOFError
    answer = json.loads(line)
    body = process.stdout.read(answer["size"])
    if len(body) < answer["size"]:
        raise EOFError
    return answer, body
