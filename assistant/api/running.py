"""Runs the server until it is told to stop, and then until it has finished what it was doing."""

import asyncio
import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from assistant.api.observing import Observed
from assistant.settings import Settings
from assistant.telemetry.logs import configure_logs

_LOG = logging.getLogger(__name__)


def server_config(app: ASGIApp, settings: Settings, host: str, port: int, **more: Any) -> uvicorn.Config:
    """How uvicorn is to serve us: its messages in our log, our line for each request instead of its own.

    `more` are options of uvicorn's beside these.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        **more,
    )


def run_server(app: Observed, settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; see `Server.run`."""
    configure_logs(settings)
    Server(server_config(app, settings, host, port), app).run()


class Server(uvicorn.Server):
    """Takes nothing new once it is told to stop, and finishes what it has; told the same again it ends at once.

    To be ended by a signal is no failure: `run` returns, where uvicorn would die of the signal afterwards.
    """

    def __init__(self, config: uvicorn.Config, app: Observed) -> None:
        """`app` is what `config` serves, or what is wrapped in it."""
        super().__init__(config)
        self._app = app
        self._told: set[int] = set()
        self._gave_up = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal; returns when what was being answered has been.

        If the time that is set is too short for that, the process ends here, with status 1.
        """
        super().run(sockets)
        if self._gave_up:
            _LOG.error("answers were cut off; ASSISTANT_SHUTDOWN_SECONDS gives them longer")
            # A thread that waits for a model cannot be stopped, and Python would wait for it as long as it takes.
            os._exit(1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On a signal. In a group of processes Ctrl-C reaches each, and the parent's SIGTERM too: one word, not two."""
        if sig in self._told:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._told.add(sig)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish, at most as long as is set."""
        clock = asyncio.get_running_loop().time
        began, letting_go = clock(), asyncio.create_task(self._let_go_of_pages())
        try:
            await super().shutdown(sockets)
        finally:
            letting_go.cancel()
        limit = self.config.timeout_graceful_shutdown
        self._gave_up = limit is not None and clock() - began > limit

    async def _let_go_of_pages(self) -> None:
        # Not before: Gradio takes a page whose connection is closed to be gone, and drops what it was being answered.
        from assistant.ui.page import end_heartbeats

        while self._app.at_work():
            await asyncio.sleep(0.05)
        end_heartbeats(self._app.app)
