"""The commands of the server: `serve`."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import AssistantError
from assistant.settings import Settings
from assistant.terminal import ERR, progress_bar, report_problems

CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on", min=1, max=65535)] = 7860,
    corpus: CorpusOption = None,
    workers: Annotated[int, typer.Option(help="Processes; several read from one Chroma server", min=1)] = 1,
    sync: Annotated[bool, typer.Option(help="Index what is new first; not where another process does")] = True,
) -> None:
    """Index what is new and serve the chat and the answer endpoint."""
    _refuse_taken_port(host, port)
    from assistant.api import serving

    settings = Settings.load(corpus_dir=corpus)
    if settings.adding == "on" and host not in ("127.0.0.1", "::1", "localhost"):
        ERR.print("[yellow]Whoever reaches this server may add articles.[/] Set ASSISTANT_ADDING to login or off.")
    if workers > 1:
        serving.serve_workers(settings, host, port, workers, sync)
        return
    lock = serving.alone(settings)
    _serve(settings, host, port, sync)
    if lock:
        lock.release()


def _serve(settings: Settings, host: str, port: int, sync: bool) -> None:
    """Serve from this process."""
    import uvicorn

    from assistant.api.app import create_app
    from assistant.chain import build_chain

    chain = build_chain(settings)
    known = ""
    if sync:
        with progress_bar() as progress:
            report = chain.sync(progress)
        report_problems(report.problems)
        known = f" ({len(report.unchanged)} unchanged)"
    count = len(chain.index.snapshot.articles)
    ERR.print(f"{count} articles ready{known}. Reader: {chain.reader}.", highlight=False)
    server = create_app(chain)
    chain.warm()
    shown = f"[{host}]" if ":" in host else host
    ERR.print(f"[bold]Chat on http://{shown}:{port}[/]  ·  answer endpoint: /api/answer  ·  stop with Ctrl-C")
    uvicorn.run(server, host=host, port=port, log_level="warning", timeout_graceful_shutdown=10)


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
