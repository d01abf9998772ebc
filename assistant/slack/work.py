"""The workers that do what the inbox holds: a fixed number at once, each job until it is done or beyond help."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from assistant.errors import AssistantError
from assistant.slack import actions, answering, assistant_panel
from assistant.slack.connection import RefusedError, SlackDownError
from assistant.slack.desk import Desk
from assistant.slack.inbox import Taken
from assistant.slack.jobs import Kind, Received

_LOG = logging.getLogger(__name__)
_POLL = 1.0
_MOST_ATTEMPTS, _MOST_BREAKDOWNS = 12, 3
_LONGEST_WAIT = 60.0
_BROKEN = "Something went wrong on my side, and I cannot answer this. I am sorry."

_WORK: Mapping[Kind, Callable[[Desk, Taken], Awaitable[None]]] = {
    Kind.QUESTION: answering.question,
    Kind.EDIT: answering.edit,
    Kind.DELETION: answering.deletion,
    Kind.COMMAND: answering.command,
    Kind.VOTE: actions.vote,
    Kind.SHARE: actions.share,
    Kind.HANDOFF: actions.hand_on,
    Kind.PANEL: assistant_panel.begin,
}


class Workers:
    """Work at the inbox's jobs, those of this process and those that a process left behind when it ended."""

    def __init__(self, desk: Desk, count: int = 4) -> None:
        """At most `count` jobs at once: the rest waits in the inbox, where no restart loses it.

        Each has a thread of asyncio's own pool, which has at least five: one is always free to take in what comes.
        """
        self._desk = desk
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        """Of those without work, one looks for some."""
        self._stopping = False

    async def add(self, received: Received) -> bool:
        """Write a job down and have it done; False when it is known already. Raises as `Inbox.add`."""
        new = await asyncio.to_thread(self._desk.inbox.add, received)
        if new:
            self._news.set()
        return new

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._run(), name=f"slack-{number}") for number in range(self._count)]

    async def stop(self, patience: float = 8.0) -> None:
        """Let what is running finish, for at most so many seconds; what is not done then is left to the next start."""
        self._stopping = True
        self._news.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping:
            async with self._turn:
                taken = await self._next()
            if taken is not None:
                await self._do(taken)

    async def _next(self) -> Taken | None:
        """The next job, waited for; None when we are to stop."""
        while not self._stopping:
            self._news.clear()
            try:
                if taken := await asyncio.to_thread(self._desk.inbox.take):
                    return taken
            except AssistantError as error:
                _LOG.error("slack: %s", error)
            # What another process left behind, or is to be tried again, announces itself to nobody.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _POLL)
        return None

    async def _do(self, taken: Taken) -> None:
        inbox = self._desk.inbox
        try:
            async with self._holding(taken):
                again = await self._attempt(taken)
            if again is None:
                await asyncio.to_thread(inbox.done, taken)
            else:
                await asyncio.to_thread(inbox.later, taken, again)
        except asyncio.CancelledError:
            inbox.later(taken, 0)
            raise
        except AssistantError as error:  # The inbox itself: the job comes free by itself.
            _LOG.error("slack: %s", error)

    async def _attempt(self, taken: Taken) -> float | None:
        """Do a job; gives the seconds until it is worth another attempt, None when it is over with."""
        job = taken.job
        if taken.attempt > _MOST_ATTEMPTS:  # Whatever process has it ends before it is done.
            _LOG.error("slack: a %s was given up after %d attempts", job.kind, _MOST_ATTEMPTS)
            await self._desk.tell(taken, _BROKEN)
            return None
        try:
            await _WORK[job.kind](self._desk, taken)
        except SlackDownError as error:
            if taken.attempt < _MOST_ATTEMPTS:
                return min(2.0 ** (taken.attempt - 1), _LONGEST_WAIT)
            _LOG.error("slack: a %s was given up: %s", job.kind, error)
        except RefusedError as error:
            _LOG.error("slack: a %s was refused: %s", job.kind, error)
            await self._desk.tell(taken, f"Slack did not take my reply ({error}). Please ask whoever set me up here.")
        except Exception as error:  # noqa: BLE001 a worker must outlive whatever is wrong with one job
            # Not the error's own words, nor its traceback's: they can quote the question.
            _LOG.error("slack: a %s failed: %s at %s", job.kind, type(error).__name__, _place(error))
            if taken.attempt < _MOST_BREAKDOWNS:
                return 2.0 ** (taken.attempt - 1)
            await self._desk.tell(taken, _BROKEN)
        return None

    @asynccontextmanager
    async def _holding(self, taken: Taken) -> AsyncIterator[None]:
        """Hold a job as long as the work goes on."""

        async def hold() -> None:
            while True:
                await asyncio.sleep(self._desk.inbox.hold / 3)
                with suppress(AssistantError):  # the next time, perhaps; posting asks again
                    await asyncio.to_thread(self._desk.inbox.keep, taken)

        task = asyncio.create_task(hold())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
