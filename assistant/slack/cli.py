"""The command `slack`: the bot in Socket Mode, which calls Slack and so needs no address that Slack can reach."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.errors import SettingsError
from assistant.settings import Settings
from assistant.terminal import ERR, plain, sync_if_free

if TYPE_CHECKING:  # loads LangChain, which not every command needs
    from assistant.chain import AnswerChain


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(slack)


def slack(
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")
    ] = None,
) -> None:
    """Index what is new and answer in Slack, by Socket Mode."""
    from assistant.chain import build_chain
    from assistant.slack.credentials import app_token, bot_token

    settings = Settings.load(corpus_dir=corpus)
    bot_token(settings)
    app_token(settings)
    chain = build_chain(settings)
    sync_if_free(chain)
    ERR.print(f"{len(chain.index.snapshot.articles)} articles ready. Reader: {chain.reader}.", highlight=False)
    chain.warm()
    try:
        asyncio.run(_serve(chain))
    finally:
        chain.index.close()
    ERR.print("Stopped.")


async def _serve(chain: "AnswerChain") -> None:
    """Answer until the process is told to end."""
    from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler

    from assistant.slack.app import bolt
    from assistant.slack.connection import FAILURES, RefusedError, meaning, quiet
    from assistant.slack.credentials import app_token
    from assistant.slack.desk import Desk
    from assistant.slack.work import Workers

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: there Ctrl-C ends asyncio.run itself
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    desk = Desk.of(chain)
    try:
        me = await desk.me()
    except RefusedError as error:
        raise SettingsError(f"Slack refuses SLACK_BOT_TOKEN ({error}). Install the app again and copy it.") from None
    token = app_token(chain.settings)
    workers = Workers(desk)
    handler = AsyncSocketModeHandler(bolt(workers), token, logger=quiet("socket"), web_client=desk.api)
    try:
        # Asked for here, because the handler itself tries for ever.
        handler.client.wss_uri = str((await desk.api.apps_connections_open(app_token=token))["url"])
        await handler.connect_async()  # type: ignore[no-untyped-call]
        workers.start()
        ERR.print(f"[bold]Connected as @{plain(me.name)} in {plain(me.team)}[/]  ·  stop with Ctrl-C", highlight=False)
        await stop.wait()
        ERR.print("Finishing what is asked already …")
    except FAILURES as error:
        found = meaning(error)
        if isinstance(found, RefusedError):
            raise SettingsError(
                f"Slack refuses SLACK_APP_TOKEN ({found}). Turn Socket Mode on and make one with connections:write."
            ) from None
        raise found from None
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        await workers.stop()
