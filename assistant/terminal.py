"""What the commands share of the terminal: the console for messages, the progress bar, text that cannot steer it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from assistant.articles import Corpus
from assistant.errors import IndexLockedError
from assistant.index import Progress as Update

if TYPE_CHECKING:  # loads LangChain, which not every command needs
    from assistant.chain import AnswerChain

#: Messages go to standard error; standard output is for what was asked for.
ERR = Console(stderr=True)


@contextmanager
def progress_bar(what: str = "Indexing") -> Iterator[Update]:
    """A progress bar on standard error, drawn once there is something to do, moving while that is not yet counted."""
    bar = Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=ERR)

    def update(done: int, total: int) -> None:
        if not bar.task_ids:
            bar.add_task(what, total=None)
            bar.start()
        (task,) = bar.task_ids
        bar.update(task, completed=done, total=total or None)

    try:
        yield update
    finally:
        if bar.task_ids:
            bar.stop()


def plain(text: str) -> str:
    """Text that rich shows as it stands: markup escaped, and control characters, which could steer a terminal, gone."""
    return escape("".join(char for char in text if char in "\n\t" or char.isprintable()))


def report_problems(problems: dict[str, str]) -> None:
    """Say which articles were left out, and why."""
    for problem in dict.fromkeys(problems.values()):
        ERR.print(f"[yellow]Left out:[/] {plain(problem)}", highlight=False, soft_wrap=True)


def sync_if_free(chain: "AnswerChain", corpus: Corpus | None = None) -> None:
    """Index what is new, with a progress bar; where another process has the index, go on with it as it stands.

    `corpus` is what to index in place of the folder that the settings name.
    """
    try:
        with progress_bar() as progress:
            report = chain.sync(progress) if corpus is None else chain.index.sync(corpus, progress)
            report_problems(report.problems)
    except IndexLockedError:
        # A server, say, is reading the same index: what it has indexed can be asked all the same.
        ERR.print("[dim]The index is in use elsewhere: asking it as it stands.[/]", highlight=False)
