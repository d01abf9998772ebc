"""The commands of the server: `serve`, `keys`, and `mcp` for chat programs on the desktop."""

import ipaddress
import socket
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import AssistantError
from assistant.keys import KEYS_FILE, KeyRing, KeyStore, Scope, make_key
from assistant.settings import Settings
from assistant.terminal import ERR, progress_bar, report_problems, sync_if_free

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys of the API.")
CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.add_typer(keys, name="keys")
    app.command()(mcp)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on", min=1, max=65535)] = 7860,
    corpus: CorpusOption = None,
    open_to_everybody: Annotated[
        bool, typer.Option("--open-to-everybody", help="Serve other machines although there are no keys")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes; several read from one Chroma server", min=1)] = 1,
    sync: Annotated[bool, typer.Option(help="Index what is new first; not where another process does")] = True,
) -> None:
    """Index what is new and serve the chat and the answer endpoint."""
    _refuse_taken_port(host, port)
    from assistant.api import serving

    settings = Settings.load(corpus_dir=corpus, open_to_everybody=open_to_everybody or None)
    _refuse_open_server(settings, host)
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
    from assistant.api.app import create_app
    from assistant.api.running import run_server
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
    try:
        run_server(server, settings, host, port)
    finally:
        chain.index.close()


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for the list and the limits")],
    scopes: Annotated[
        list[Scope] | None, typer.Option("--scope", help="ask, or admin, which may add articles too; repeatable")
    ] = None,
    print_hash: Annotated[
        bool, typer.Option("--print-hash", help="Keep nothing here; print the entry for ASSISTANT_API_KEYS too")
    ] = False,
) -> None:
    """Make a key and print it, this once."""
    wanted = scopes or [Scope.ASK]
    if print_hash:
        secret, key = make_key(name, wanted)
        ERR.print("The key, then the entry for ASSISTANT_API_KEYS. The key is not shown again.", highlight=False)
        typer.echo(f"{secret}\n{key.entry}")
        return
    ERR.print("The key is not shown again. Send it as `Authorization: Bearer …`.", highlight=False)
    typer.echo(_store().create(name, wanted))


@keys.command(name="list")
def list_keys() -> None:
    """List the keys of the data directory and of ASSISTANT_API_KEYS."""
    found = KeyRing(Settings.load()).all()
    for key in found:
        made = f"made {key.created:%Y-%m-%d}" if key.created else "from ASSISTANT_API_KEYS"
        state = f", revoked {key.revoked:%Y-%m-%d}" if key.revoked else ""
        typer.echo(f"{key.name}\t{'+'.join(sorted(key.scopes))}\t{made}{state}")
    if not found:
        ERR.print("There are no keys: the API is open to this machine and to no other. `assistant keys create NAME`")


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="The key's name")]) -> None:
    """Revoke a key; running servers refuse it within a second or two."""
    settings = Settings.load()
    given = [key for key in KeyRing(settings).all() if key.created is None and key.name == name]
    if given:
        raise AssistantError(f"The key {name} is in ASSISTANT_API_KEYS: take it out there and start the server anew.")
    _store().revoke(name)
    ERR.print(f"Revoked: {name}", highlight=False)


def _store() -> KeyStore:
    return KeyStore(Settings.load().data_dir / KEYS_FILE)


def _refuse_open_server(settings: Settings, host: str) -> None:
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here and not settings.open_to_everybody and not KeyRing(settings).all():
        raise AssistantError(
            f"On {host} everybody who reaches this machine could use the assistant, because there are no keys. Make "
            "one with `assistant keys create NAME`, listen on 127.0.0.1, or say --open-to-everybody."
        )


def mcp(corpus: CorpusOption = None) -> None:
    """Serve the tools ask, read_article and list_articles on standard input and output, for a chat program to start."""
    import anyio

    from assistant.api.mcp import serve_stdio
    from assistant.chain import build_chain

    chain = build_chain(Settings.load(corpus_dir=corpus))
    sync_if_free(chain)
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
