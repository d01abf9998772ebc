"""The commands of the server: `serve`, and `mcp` for chat programs on the desktop."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import AssistantError, IndexLockedError
from assistant.settings import Settings
from assistant.terminal import ERR, progress_bar, report_problems

CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.command()(mcp)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on", min=1, max=65535)] = 7860,
    corpus: CorpusOption = None,
) -> None:
    """Index what is new and serve the chat and the answer endpoint."""
    _refuse_taken_port(host, port)
    import uvicorn

    from assistant.api.app import create_app
    from assistant.chain import build_chain

    settings = Settings.load(corpus_dir=corpus)
    if settings.adding == "on" and host not in ("127.0.0.1", "::1", "localhost"):
        ERR.print("[yellow]Whoever reaches this server may add articles.[/] Set ASSISTANT_ADDING to login or off.")
    chain = build_chain(settings)
    with progress_bar() as progress:
        report = chain.sync(progress)
    report_problems(report.problems)
    count = len(chain.index.snapshot.articles)
    ERR.print(f"{count} articles ready ({len(report.unchanged)} unchanged). Reader: {chain.reader}.", highlight=False)
    server = create_app(chain)
    chain.warm()
    shown = f"[{host}]" if ":" in host else host
    ERR.print(f"[bold]Chat on http://{shown}:{port}[/]  ·  answer endpoint: /api/answer  ·  stop with Ctrl-C")
    uvicorn.run(server, host=host, port=port, log_level="warning", timeout_graceful_shutdown=10)


def mcp(corpus: CorpusOption = None) -> None:
    """Serve the tools ask, read_article and list_articles on standard input and output, for a chat program to start."""
    import anyio

    from assistant.api.mcp import serve_stdio
    from assistant.chain import build_chain

    chain = build_chain(Settings.load(corpus_dir=corpus))
    try:
        with progress_bar() as progress:
            report_problems(chain.sync(progress).problems)
    except IndexLockedError:
        ERR.print("[dim]The index is in use elsewhere: asking it as it stands.[/]", highlight=False)
    chain.warm()
    anyio.run(serve_stdio, chain)
    chain.index.close()


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AssistantError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port."
            ) from None
