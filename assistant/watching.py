"""Keeps the index in step with the corpus folder and a list of feeds, until it is stopped."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import watch

from assistant.adding import Adding, State
from assistant.chain import sync
from assistant.embeddings import PassageEmbeddings
from assistant.errors import AssistantError, IndexLockedError
from assistant.feeds import Feed, Feeds, load_feeds, shown
from assistant.fetching import Fetcher
from assistant.index import Index
from assistant.settings import Settings

_TICK = 1000  # milliseconds
_LOCKED = 30.0  # seconds until it is tried again
_PAGE_BYTES = 20_000_000


class Watch:
    """Watches one corpus folder. The index is open only while something is written to it."""

    def __init__(
        self,
        settings: Settings,
        embeddings: PassageEmbeddings,
        say: Callable[[str], None],
        *,
        every: float,
        fetcher: Fetcher | None = None,
        pause: float = 1.0,
        locked: float = _LOCKED,
    ) -> None:
        """`say` is called with one line for what happened. Each `every` seconds the whole folder is looked through, as
        some file systems do not tell of changes, and feeds that say no other time are asked. `pause` is between two
        pages of a host, `locked` until a locked index is tried again.
        """
        self._settings, self._embeddings, self._say = settings, embeddings, say
        self._every, self._pause, self._locked = every, pause, locked
        self._fetcher = fetcher or Fetcher(settings.fetch_hosts, max_bytes=_PAGE_BYTES)
        self._feeds = Feeds(settings.data_dir / "feeds.db", self._fetcher, every)
        self._said: set[str] = set()  # what is wrong, and was so the last time
        self._next_sync = 0.0

    def run(self, stop: threading.Event) -> None:
        """Keep in step until `stop` is set.

        Raises:
            AssistantError: there is no such folder to begin with.
        """
        folder = self._settings.corpus_dir.resolve()
        load_feeds(folder)  # a list that cannot be used is an error to begin with
        self._next_sync = 0.0  # once the watch is on, so that nothing falls in between
        try:
            for changes in watch(
                folder,
                watch_filter=lambda _, path: not _hidden(Path(path), folder),
                stop_event=stop,
                rust_timeout=_TICK,
                yield_on_timeout=True,
                raise_interrupt=True,
            ):
                self.step(changed=bool(changes))
        except FileNotFoundError:
            raise AssistantError(f"The corpus folder {self._settings.corpus_dir} does not exist. Create it.") from None

    def step(self, *, changed: bool) -> None:
        """Do what there is to do now; whatever fails is said, and tried again later."""
        if changed or time.monotonic() >= self._next_sync:
            self._next_sync = time.monotonic() + self._every
            self._guarded("folder", self._sync)
        self._guarded("feeds", self._look_at_feeds)

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except IndexLockedError as error:
            self._next_sync = time.monotonic() + self._locked
            self._once(what, f"{error} What is new waits in the folder; trying again every {self._locked:g} seconds.")
        except AssistantError as error:
            self._once(what, str(error))
        except Exception as error:  # noqa: BLE001  one failure of whatever kind must not end the watch; its text may hold an article's
            self._next_sync = time.monotonic() + self._locked
            self._once(what, f"This failed ({type(error).__name__}); trying again.")
        else:
            self._said = {said for said in self._said if not said.startswith(f"{what} ")}

    def _once(self, what: str, problem: str) -> None:
        """Say what is wrong once, not each time that it still is."""
        if f"{what} {problem}" not in self._said:
            self._said.add(f"{what} {problem}")
            self._say(problem)

    def _sync(self) -> None:
        index = Index(self._settings, self._embeddings)
        try:
            report = sync(self._settings, index)
        finally:
            index.close()
        if report.added or report.changed or report.removed:
            self._say(
                f"{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, "
                f"{len(report.unchanged)} unchanged."
            )
        for problem in dict.fromkeys(report.problems.values()):
            self._once("file", f"Left out: {problem}")
        problems = {f"file Left out: {problem}" for problem in report.problems.values()}
        self._said = {said for said in self._said if not said.startswith("file ") or said in problems}

    def _look_at_feeds(self) -> None:
        if feeds := load_feeds(self._settings.corpus_dir):
            for feed in self._feeds.due(feeds):
                self._look_at(feed)

    def _look_at(self, feed: Feed) -> None:
        found = self._feeds.poll(feed)
        if found.error:
            self._say(f"Feed {shown(feed.url)}: {found.error} Trying again in {found.wait:.0f} seconds.")
        if not found.addresses:
            return
        index = Index(self._settings, self._embeddings)
        try:
            report = Adding(self._settings, index, self._fetcher, pause=self._pause).add(found.addresses)
        finally:
            index.close()
        self._feeds.taken(feed, found.addresses, report.entries)
        counts = (f"{report.count(state)} {state}" for state in State if report.count(state))
        self._say(f"Feed {shown(feed.url)}: {', '.join(counts)}.")
        for entry in report.entries:
            if entry.state is State.REFUSED:
                self._say(f"Refused: {entry.name}: {entry.reason}")
        if report.problem:
            raise IndexLockedError(report.problem)


def _hidden(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and any(part.startswith(".") for part in path.relative_to(folder).parts)
