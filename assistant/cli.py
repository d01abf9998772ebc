"""The command line: `sync`, `add`, `copies`, `ask`, `password`; other parts, such as the server, add their own."""

import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from assistant import inspecting
from assistant.api import cli as api
from assistant.errors import AssistantError, IndexLockedError
from assistant.evaluation import cli as evaluation
from assistant.settings import Settings
from assistant.slack import cli as slack
from assistant.terminal import ERR as _ERR
from assistant.terminal import plain as _plain
from assistant.terminal import progress_bar as _progress
from assistant.terminal import report_problems as _report
from assistant.terminal import sync_if_free

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Answers about a story told by news articles.")
api.add_to(app)
evaluation.add_to(app)
slack.add_to(app)
inspecting.add_to(app)
CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")]


def _day(about: str) -> Any:
    return typer.Option(formats=["%Y-%m-%d"], help=about)


def main() -> None:
    """Run the command line; an error that the user can put right is one line and exit status 1."""
    try:
        app()
    except AssistantError as error:
        _ERR.print(f"[bold red]Error:[/] {_plain(str(error))}", highlight=False)
        sys.exit(1)


@app.command()
def sync(
    corpus: CorpusOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on: keep in step with the folder and its feeds.yaml")
    ] = False,
    every: Annotated[float, typer.Option(min=1, help="With --watch: seconds between two looks at everything")] = 900,
) -> None:
    """Bring the index in step with the articles; what has not changed is skipped."""
    from assistant.chain import sync as sync_index
    from assistant.embeddings import load_embeddings
    from assistant.index import Index

    settings = Settings.load(corpus_dir=corpus)
    if watch:
        _watch(settings, every)
        return
    index = Index(settings, load_embeddings(settings))
    try:
        with _progress() as progress:
            report = sync_index(settings, index, progress)
    except KeyboardInterrupt:
        _ERR.print("Stopped. The index is as it was, and what was embedded is kept: the next sync goes on from here.")
        raise typer.Exit(130) from None
    finally:
        index.close()
    _report(report.problems)
    if report.notice:
        _ERR.print(f"[yellow]{_plain(report.notice)}[/]", highlight=False, soft_wrap=True)
    _ERR.print(
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, "
        f"{len(report.unchanged)} unchanged; {report.passages_embedded} passages embedded.",
        highlight=False,
    )
    if report.problems:
        raise typer.Exit(1)


def _watch(settings: Settings, every: float) -> None:
    import signal
    import threading

    from assistant.embeddings import load_embeddings
    from assistant.watching import Watch

    def say(line: str) -> None:
        _ERR.print(f"[dim]{datetime.now():%H:%M:%S}[/] {_plain(line)}", highlight=False, soft_wrap=True)

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    say(f"Watching {settings.corpus_dir}; stop with Ctrl-C.")
    with suppress(KeyboardInterrupt):
        Watch(settings, load_embeddings(settings), say, every=every).run(stop)
    say("Stopped.")


@app.command()
def add(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, zip archives, patterns, addresses of pages, feeds or sitemaps, - for standard input",
            metavar="PATH|URL|- …",
        ),
    ],
    corpus: CorpusOption = None,
) -> None:
    """Add articles to the corpus folder, below `added/`, and index them."""
    from assistant.adding import Adding, State, sources_of
    from assistant.embeddings import load_embeddings
    from assistant.incoming import MAX_FILE_BYTES
    from assistant.index import Index

    settings = Settings.load(corpus_dir=corpus)
    given = sources_of(sources, lambda: sys.stdin.buffer.read(MAX_FILE_BYTES + 1))
    index = Index(settings, load_embeddings(settings))
    with _progress("Reading") as reading, _progress() as indexing:
        report = Adding(settings, index).add(
            given, lambda what, done, total: (reading if what == "Reading" else indexing)(done, total)
        )
    for entry in report.entries:
        if entry.state is State.REFUSED:
            _ERR.print(
                f"[yellow]Refused:[/] {_plain(entry.name)}: {_plain(entry.reason)}", highlight=False, soft_wrap=True
            )
        else:
            _ERR.print(f"{entry.state.capitalize()}: {_plain(entry.title)} ({entry.article_id})", highlight=False)
    counts = (f"{report.count(state)} {state}" for state in State if state is not State.REMOVED)
    _ERR.print(f"{', '.join(counts)}.", highlight=False)
    if report.problem:
        raise IndexLockedError(report.problem)
    if report.count(State.REFUSED):
        raise typer.Exit(1)


@app.command()
def copies(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: for each copy the article and the share")] = False,
    corpus: CorpusOption = None,
) -> None:
    """List the articles that are copies of others: syndicated, cut, or edited a little."""
    import json
    from dataclasses import asdict

    from assistant.articles import load_corpus
    from assistant.copies import find_copies

    settings = Settings.load(corpus_dir=corpus)
    there = load_corpus(settings.corpus_dir, settings.parsed_articles)
    _report(there.problems)
    links = find_copies(there.articles)
    if as_json:
        typer.echo(json.dumps({key: asdict(link) for key, link in links.items()}, indent=2))
        return
    console = Console(highlight=False)
    for original in dict.fromkeys(link.of for link in links.values()):
        console.print(_plain(original), soft_wrap=True)
        for key, link in links.items():
            if link.of == original:
                console.print(f"    {link.share:.0%}  {_plain(key)}", soft_wrap=True)
    _ERR.print(f"{len(links)} of {len(there.articles)} articles are copies.", highlight=False)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON")] = False,
    since: Annotated[datetime | None, _day("Only articles of this day or later")] = None,
    until: Annotated[datetime | None, _day("Only articles of this day or earlier")] = None,
    outlets: Annotated[list[str] | None, typer.Option("--outlet", help="Only articles of this; repeatable")] = None,
    topics: Annotated[list[str] | None, typer.Option("--topic", help="Only articles on this; repeatable")] = None,
    corpus: CorpusOption = None,
) -> None:
    """Ask one question, of all articles or of some."""
    from assistant.chain import Question, build_chain
    from assistant.filters import Filters
    from assistant.telemetry.watching import Surface, asked_on

    settings = Settings.load(corpus_dir=corpus)
    chain = build_chain(settings)
    sync_if_free(chain)
    filters = Filters(
        since=since and since.date(),
        until=until and until.date(),
        outlets=tuple(outlets or ()),
        topics=tuple(topics or ()),
    )
    answer = chain.invoke(Question(question=question, filters=filters), asked_on(Surface.TERMINAL))
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
        return
    console = Console(highlight=False)
    console.print(_plain(answer.answer), style="yellow" if answer.outcome == "declined" else "", soft_wrap=True)
    if answer.notice:
        console.print(_plain(answer.notice), style="dim", soft_wrap=True)
    for citation in answer.citations:
        day = f", as of {citation.as_of.day} {citation.as_of:%B %Y}" if citation.as_of else ""
        outlet = f"{citation.outlet}, " if citation.outlet else ""
        console.print(f"\n[bold]\\[{citation.number}][/] {_plain(outlet + citation.title)}{day}", soft_wrap=True)
        console.print(f"    “{_plain(citation.quote)}”", style="dim", soft_wrap=True)
        if citation.copies:
            also = "; ".join(f"{copy.outlet}, {copy.title}" if copy.outlet else copy.title for copy in citation.copies)
            console.print(f"    also in: {_plain(also)}", style="dim", soft_wrap=True)


@app.command()
def password() -> None:
    """Hash a password for ASSISTANT_UI_USERS, typed twice or piped in."""
    from assistant.passwords import hash_password

    typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True) if sys.stdin.isatty() else ""
    given = typed or sys.stdin.readline().rstrip("\n")
    if not given:
        raise AssistantError("An empty password lets everybody in. Type one, or pipe it in.")
    typer.echo(hash_password(given))


if __name__ == "__main__":
    main()
