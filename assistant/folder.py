"""The corpus folder: which files are articles, what is in them, and what was found in them the last time.

A file that looks as it did (size, times, inode) is not opened; one that does not but has the same content is not
parsed. What was found is kept in one SQLite file, which can be deleted: it is made again.
"""

import gc
import hashlib
import os
import queue
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant.articles import Article, ArticleError, Corpus, article_id_of, read_article
from assistant.database import opened
from assistant.errors import AssistantError, CorpusError
from assistant.formats import Given, files, sidecar
from assistant.formats.contents import Contents, Part
from assistant.formats.encoding import decode
from assistant.formats.parser import Parser

#: Changes when files are read in another way than before: what was kept is read again.
_VERSION = 1
_WORKERS = 2
_AT_ONCE = 256  # files parsed before what was found is kept
# The clock of a file system ticks slowly: a file written just before it was read may have been written again since.
_RACE = 2_000_000_000
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, digest TEXT NOT NULL, read INTEGER NOT NULL, contents TEXT NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class _File:
    """A file as it lies there; `changed` is when it or its sidecar was, in nanoseconds."""

    path: Path
    id: str
    stamp: str
    changed: int


@dataclass(frozen=True)
class _Kept:
    """What was found in a file: when, in which content, in which state of the file."""

    stamp: str
    digest: str
    read: int
    contents: Contents


def read_folder(folder: Path, kept: Path | None) -> Corpus:
    """All articles below a folder, see `articles.load_corpus`."""
    if not folder.is_dir():
        raise CorpusError(
            f"The corpus folder {folder} does not exist. Create it and put articles in, or set ASSISTANT_CORPUS_DIR."
        )
    with _uncollected():
        there, problems = _files(folder)
        before = _load(kept, there) if kept else {}
    found: dict[str, Contents] = {}
    stale = []
    for file in there:
        known = before.get(str(file.path))
        if known and known.stamp == file.stamp and known.read - file.changed > _RACE:
            found[file.id] = known.contents
        else:
            stale.append(file)
    for first in range(0, len(stale), _AT_ONCE):
        portion = stale[first : first + _AT_ONCE]
        fresh = dict(zip((str(file.path) for file in portion), _read_all(portion, before), strict=True))
        found.update({file.id: fresh[str(file.path)].contents for file in portion})
        if kept:
            _save(kept, fresh)
    if kept:
        _forget(kept, folder, there)
    return _corpus(there, found, problems)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection: none of what is made here is garbage, and to look for some takes as long again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _corpus(there: list[_File], found: dict[str, Contents], problems: dict[str, str]) -> Corpus:
    articles: dict[str, Article] = {}
    for file in there:
        contents = found[file.id]
        problems |= {f"{file.id}{key}": reason for key, reason in contents.problems.items()}
        for part in contents.parts:
            if part.article.id in articles:
                problems[f"{part.article.id}{file.path.suffix}"] = (
                    f"{file.path}: another file already has the id {part.article.id}; rename one"
                )
            else:
                articles[part.article.id] = part.article
    return Corpus(tuple(articles.values()), problems)


def _files(folder: Path) -> tuple[list[_File], dict[str, str]]:
    """The files that are articles, in the order of their paths, and sidecars that have lost theirs."""

    def refuse(error: OSError) -> None:
        # Taken for empty, a folder that cannot be listed would lose its articles at the next sync.
        raise CorpusError(f"The corpus folder {error.filename} cannot be listed: {error.strerror}.") from None

    paths = {str(Path(place, name)) for place, _, names in os.walk(folder, onerror=refuse) for name in names}
    there: dict[str, _File] = {}
    problems: dict[str, str] = {}
    for path in sorted(map(Path, paths)):
        below = path.relative_to(folder)
        if files.is_article(below):
            article_id = article_id_of(path, folder)
            if article_id in there:
                problems[article_id + path.suffix] = f"{path}: another file already has the id {article_id}; rename one"
            else:
                correction = f"{path}{sidecar.SUFFIX}"
                stamp, changed = _stamp(path, Path(correction) if correction in paths else None)
                there[article_id] = _File(path, article_id, stamp, changed)
        elif (
            path.suffix == sidecar.SUFFIX
            and str(path.with_suffix("")) not in paths
            and files.is_article(below.with_suffix(""))
        ):
            problems[below.as_posix()] = f"{path}: there is no file {path.stem} beside it, which it would correct"
    return list(there.values()), problems


def _stamp(path: Path, correction: Path | None) -> tuple[str, int]:
    marks, changed = [str(_VERSION)], 0
    for file in filter(None, (path, correction)):
        try:
            found = file.stat()
        except OSError:  # it is said when it is read
            return "", time.time_ns()
        marks.append(f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}")
        changed = max(changed, found.st_mtime_ns, found.st_ctime_ns)
    return " ".join(marks), changed


def _read_all(portion: list[_File], before: dict[str, _Kept]) -> Iterator[_Kept]:
    """What is in some files, in their order; formats of others are parsed by several workers at the same time."""
    with ExitStack() as stack:
        parsers: queue.Queue[Parser] = queue.Queue()
        for _ in range(_WORKERS):
            parsers.put(stack.enter_context(Parser()))

        def read(file: _File) -> _Kept:
            parser = parsers.get()
            try:
                return _read(file, before.get(str(file.path)), parser)
            finally:
                parsers.put(parser)

        yield from stack.enter_context(ThreadPoolExecutor(_WORKERS)).map(read, portion)


def _read(file: _File, before: _Kept | None, parser: Parser) -> _Kept:
    now, digest = time.time_ns(), ""
    try:
        raw, correction = files.load(files.Local(file.path, str(file.path)))
        digest = hashlib.sha256(f"{_VERSION} {len(raw)} ".encode() + raw + (correction or b"")).hexdigest()
        if before and before.digest == digest and before.stamp.split(" ")[0] == str(_VERSION):
            return _Kept(file.stamp, digest, now, before.contents)
        contents = _parsed(raw, correction, file, parser)
    except ArticleError as error:
        # A file of many that is broken for a while, half copied perhaps, keeps those that it had.
        kept = before.contents.parts if before and any(part.key for part in before.contents.parts) else ()
        contents = Contents(parts=kept, problems={"": str(error)})
    return _Kept(file.stamp, digest, now, contents)


def _parsed(raw: bytes, correction: bytes | None, file: _File, parser: Parser) -> Contents:
    name = str(file.path)
    kind = file.path.suffix.lower()
    if kind not in (".md", ".txt"):
        found = files.read(Given(name, raw), parser, correction)
        files.refuse_links(found, name)
        return found.model_copy(update={"parts": tuple(_named(part, file.id) for part in found.parts)})
    if kind == ".txt":
        raw = _as_utf8(raw, name)
    found = Contents.of(read_article(raw, name, file.id))
    return found if correction is None else sidecar.corrected(found, correction, f"{name}{sidecar.SUFFIX}")


def _named(part: Part, file_id: str) -> Part:
    article_id = f"{file_id}/{part.key}" if part.key else file_id
    return Part(key=part.key, article=part.article.model_copy(update={"id": article_id}))


def _as_utf8(raw: bytes, name: str) -> bytes:
    try:
        return decode(raw, name).encode()
    except ArticleError:
        return raw  # whose error then names the line


# -- what is kept ------------------------------------------------------------------------------------------------------


def _load(kept: Path, there: list[_File]) -> dict[str, _Kept]:
    found = {}
    wanted = {str(file.path) for file in there}
    try:
        with opened(kept, _TABLES, "What was read of the articles") as database:
            rows = database.execute("SELECT path, stamp, digest, read, contents FROM files")
            for path, stamp, digest, read, contents in rows:
                if path in wanted:
                    found[path] = _Kept(stamp, digest, read, Contents.model_validate_json(contents))
    except (AssistantError, ValueError):
        _discard(kept)
        return {}
    return found


def _discard(kept: Path) -> None:
    """Take a broken file away: all that is in it is read again. One that is only in use stays."""
    try:
        with sqlite3.connect(kept, timeout=1) as database:
            sound = database.execute("PRAGMA quick_check").fetchone() == ("ok",)
        database.close()
    except sqlite3.DatabaseError:
        sound = False
    if not sound:
        for suffix in ("", "-wal", "-shm"):
            kept.with_name(kept.name + suffix).unlink(missing_ok=True)


def _save(kept: Path, fresh: dict[str, _Kept]) -> None:
    rows = [
        (path, own.stamp, own.digest, own.read, own.contents.model_dump_json(exclude_none=True))
        for path, own in fresh.items()
        if own.stamp
    ]
    with opened(kept, _TABLES, "What was read of the articles") as database:
        database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)


def _forget(kept: Path, folder: Path, there: list[_File]) -> None:
    """Drop what was kept of files of this folder that are gone."""
    with opened(kept, _TABLES, "What was read of the articles") as database:
        known = {path for (path,) in database.execute("SELECT path FROM files")}
        gone = known - {str(file.path) for file in there}
        gone = {path for path in gone if Path(path).is_relative_to(folder)}
        database.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
