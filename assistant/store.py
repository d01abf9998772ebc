"""Chroma, embedded or a server: calls that outlast a server's restart, and damage told from all other failures."""

import re
import sqlite3
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import httpx

from assistant.errors import AssistantError
from assistant.settings import Settings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_T = TypeVar("_T")

_PATIENCE = 60.0  # seconds that a sync waits for a server that restarts
_PATIENCE_ASKING = 5.0  # seconds that somebody with a question does
_LONGEST = 60.0  # seconds that a server may take over one call: several times what a portion takes that is written
#: What SQLite says where a file cannot grow or be written, though nothing is wrong with it.
_NO_ROOM = re.compile(r"\bfull\b|no space|too large|quota|read-?only|permission denied|unable to open|I/O error", re.I)
_ROOM = 1_000_000  # bytes that can be written where a disk is not full
# The header of an hnswlib index (`saveIndex` of https://github.com/nmslib/hnswlib), its fields without padding.
_HEADER = struct.Struct("<iQQQQ")  # version, offset, room, elements, bytes of an element
_HEADER_BYTES = 100  # with what is not looked at
_KNOWN_VERSION = 1
_CHECKED_WHOLE = 100_000_000  # bytes of a database that is read through when opened, in less than half a second


class DamagedError(AssistantError):
    """The index cannot be read any more. The next sync builds it anew from the articles."""


class MissingError(AssistantError):
    """There is no such collection."""


class Store:
    """The collections of one Chroma. Any thread may call; what is called again after a failure does no harm twice."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened before it is needed."""
        self._url = settings.chroma_url
        self._folder = settings.data_dir / "chroma"
        self._client: ClientAPI | None = None
        self._collections: dict[str, Any] = {}
        self._opening = threading.RLock()

    @property
    def embedded(self) -> bool:
        """Whether the files are ours, not a server's."""
        return self._url is None

    @property
    def place(self) -> str:
        """Where it is, for messages; without what an address may hold of a password."""
        if self._url is None:
            return str(self._folder)
        parts = urlsplit(self._url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port or 8000}"

    def exists(self) -> bool:
        """Whether there can be anything in it."""
        return self._url is not None or self._folder.exists()

    def close(self) -> None:
        """Let go of the files or the connection."""
        with self._opening:
            self._collections.clear()
            if self._client is not None:  # else Chroma keeps it for this process, blind to what others write meanwhile
                self._client.close()  # type: ignore[attr-defined]  # their class has it, their interface does not
                self._client = None

    # -- collections ---------------------------------------------------------------------------------------------

    def metadata(self, name: str, writing: bool = False) -> Mapping[str, Any] | None:
        """What a collection says of itself, as it stands now; None where there is no such collection.

        One who is writing waits longer for a server that does not answer.
        """

        def read() -> Mapping[str, Any]:
            found = self._opened().get_collection(name, embedding_function=None)
            self._collections[name] = found
            return dict(found.metadata or {})

        try:
            return self._called(read, _PATIENCE if writing else _PATIENCE_ASKING)
        except MissingError:
            return None

    def make(self, name: str) -> None:
        """Make a collection unless it is there."""

        def make() -> None:
            # Without an embedding function: a stored one could run code here, and the default downloads a model.
            self._collections[name] = self._opened().get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )

        self._called(make, _PATIENCE)

    def claim(self, name: str, metadata: Mapping[str, Any]) -> bool:
        """Make a collection that nobody else has made: of all who try at once, one can."""

        def make() -> bool:
            try:
                made = self._opened().create_collection(name, metadata=dict(metadata), embedding_function=None)
            except Exception as error:  # their server and their embedded store have different classes for it
                if "already exists" in str(error):
                    return False
                raise
            self._collections[name] = made
            return True

        return self._called(make, _PATIENCE)

    def modify(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Replace what a collection says of itself, in one step."""
        self._called(lambda: self._collection(name).modify(metadata=dict(metadata)), _PATIENCE)

    def drop(self, name: str) -> None:
        """Delete a collection, if it is there."""
        self._collections.pop(name, None)
        try:
            self._called(lambda: self._opened().delete_collection(name), _PATIENCE)
        except MissingError:
            return

    def names(self) -> list[str]:
        """All collections."""
        return self._called(lambda: [found.name for found in self._opened().list_collections()], _PATIENCE)

    # -- records -------------------------------------------------------------------------------------------------

    def upsert(self, name: str, **records: Any) -> None:
        """Write records; see Chroma."""
        self._called(lambda: self._collection(name).upsert(**records), _PATIENCE)

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Delete records; those that are not there do not matter."""
        self._called(lambda: self._collection(name).delete(ids=list(ids)), _PATIENCE)

    def get(self, name: str, **what: Any) -> Any:
        """Read records; see Chroma."""
        return self._called(lambda: self._collection(name).get(**what), _PATIENCE)

    def count(self, name: str) -> int:
        """How many records there are."""
        return int(self._called(lambda: self._collection(name).count(), _PATIENCE))

    def query(self, name: str, **what: Any) -> Any:
        """The nearest records; see Chroma."""
        return self._called(lambda: self._collection(name).query(**what), _PATIENCE_ASKING)

    # -- damage --------------------------------------------------------------------------------------------------

    def check_files(self) -> None:
        """Look whether the embedded store's files belong together; a truncated one is read by Chroma without a word.

        Raises:
            DamagedError: they do not.
        """
        if not self.embedded or not self._folder.exists():
            return
        for header in self._folder.glob("*/header.bin"):
            if reason := _hnsw_damage(header.parent):
                raise self._damaged(reason)

    def move_aside(self) -> Path:
        """Put a damaged store where it is in nobody's way, for whoever wants to look at it, and begin anew.

        Raises:
            AssistantError: it cannot be moved.
        """
        self.close()
        aside = self._folder.with_name(f"chroma.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1000:03}")
        try:
            self._folder.rename(aside)
        except OSError as error:
            raise AssistantError(
                f"The damaged index {self._folder} cannot be moved aside: {error.strerror}. Move it and sync again."
            ) from None
        return aside

    # ------------------------------------------------------------------------------------------------------------

    def _collection(self, name: str) -> Any:
        found = self._collections.get(name)
        if found is None:
            found = self._opened().get_collection(name, embedding_function=None)
            self._collections[name] = found
        return found

    def _opened(self) -> "ClientAPI":
        with self._opening:
            if self._client is None:
                self._client = self._connected() if self._url else self._embedded()
            return self._client

    def _embedded(self) -> "ClientAPI":
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        # Chroma remembers for the process what it failed to open, so a file that is none is found before.
        database = self._folder / "chroma.sqlite3"
        if database.exists():
            try:
                with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as opened:
                    opened.execute("SELECT count(*) FROM sqlite_master").fetchall()
                    small = database.stat().st_size < _CHECKED_WHOLE
                    if small and opened.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                        raise self._damaged("its database is malformed")
            except sqlite3.DatabaseError as error:
                raise (
                    self._no_room(str(error)) if _NO_ROOM.search(str(error)) else self._damaged(str(error))
                ) from None
        return chromadb.PersistentClient(str(self._folder), settings=ChromaSettings(anonymized_telemetry=False))

    def _connected(self) -> "ClientAPI":
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        parts = urlsplit(self._url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AssistantError(f"ASSISTANT_CHROMA_URL is {self._url!r}; give http://host:port.")
        # Their client waits for ever, from its first request on.
        httpx.get(f"{self.place}/api/v2/heartbeat", timeout=_LONGEST)
        try:
            client = chromadb.HttpClient(
                host=parts.hostname,
                port=parts.port or 8000,
                ssl=parts.scheme == "https",
                settings=ChromaSettings(anonymized_telemetry=False),
            )
            client._server._session.timeout = httpx.Timeout(_LONGEST)  # type: ignore[attr-defined]  # there is no setting
            return client
        except ValueError as error:
            if "connect" in str(error).lower():
                raise httpx.ConnectError(str(error)) from None  # as any other call that finds nobody
            raise AssistantError(f"The Chroma server at {self.place} does not answer: {error}") from None

    def _called(self, work: Callable[[], _T], patience: float) -> _T:
        """Do it, again and again while a server does not answer.

        Raises:
            MissingError, DamagedError: so it is.
            AssistantError: the server does not answer, or there is no room.
        """
        from chromadb.errors import ChromaError, InternalError, NotFoundError

        end, pause = time.monotonic() + patience, 0.1
        while True:
            try:
                return work()
            except httpx.TransportError as error:
                if time.monotonic() + pause > end:
                    raise AssistantError(
                        f"The Chroma server at {self.place} does not answer ({type(error).__name__}). Start it, or set "
                        "ASSISTANT_CHROMA_URL to where it is. Nothing is lost: a sync goes on where it stopped."
                    ) from None
                time.sleep(pause)
                pause = min(2 * pause, 3.0)
            except NotFoundError as error:
                raise MissingError(
                    f"{self.place} has lost a collection: {_line(error)}. Run `assistant sync`."
                ) from None
            except AssistantError:
                raise
            except InternalError as error:
                raise self._failed(error) from None
            except ChromaError as error:  # no damage: vectors of another length, for one
                raise AssistantError(
                    f"The index at {self.place} refuses what it was given: {_line(error)}. If the embedding model is "
                    "another one under the same name, set ASSISTANT_DATA_DIR to another folder."
                ) from None
            except Exception as error:
                # An answer of their server that is no Chroma error comes as a bare Exception; the rest is our fault.
                if type(error) is not Exception or self.embedded:
                    raise
                raise self._failed(error) from None

    def _failed(self, error: Exception) -> AssistantError:
        if not self.embedded:
            return AssistantError(f"The Chroma server at {self.place} failed: {_line(error)}")
        return self._no_room(_line(error)) if self._is_full(error) else self._damaged(_line(error))

    def _is_full(self, error: Exception) -> bool:
        """Whether room, or leave to write, is all that is missing; Chroma does not always say so."""
        if _NO_ROOM.search(str(error)):
            return True
        try:
            with tempfile.TemporaryFile(dir=self._folder.parent) as file:
                file.write(bytes(_ROOM))
                file.flush()
        except OSError:
            return True
        return False

    def _damaged(self, reason: str) -> DamagedError:
        return DamagedError(
            f"The index in {self._folder} is damaged ({reason}). Run `assistant sync`: it moves what is damaged aside "
            "and builds the index anew from the articles."
        )

    def _no_room(self, reason: str) -> AssistantError:
        return AssistantError(
            f"The index in {self._folder} cannot be written: {reason}. Make room on the disk, or make the folder "
            "writable, and run `assistant sync` again: it goes on where it stopped."
        )


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _hnsw_damage(folder: Path) -> str:
    """What is wrong with the sizes of an index's files, which follow from its header; nothing where all is right."""
    header = (folder / "header.bin").read_bytes()
    if len(header) < _HEADER_BYTES:
        return f"{folder.name}/header.bin is truncated"
    version, _, room, elements, size = _HEADER.unpack_from(header)
    if version != _KNOWN_VERSION or elements > room:
        return f"{folder.name}/header.bin makes no sense"
    sizes = {"data_level0.bin": elements * size, "length.bin": elements * 4}
    for name, wanted in sizes.items():
        path = folder / name
        if not path.exists() or path.stat().st_size < wanted:
            return f"{folder.name}/{name} is truncated"
    links = (folder / "link_lists.bin").read_bytes() if (folder / "link_lists.bin").exists() else b""
    position = 0
    for _ in range(elements):
        if position + 4 > len(links):
            return f"{folder.name}/link_lists.bin is truncated"
        position += 4 + int.from_bytes(links[position : position + 4], "little")
    return "" if position <= len(links) else f"{folder.name}/link_lists.bin is truncated"
