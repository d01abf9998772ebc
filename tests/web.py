"""A small public internet on loopback: names, addresses and web servers, for what fetches pages."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpcore

#: An address of the public internet that no test reaches.
PUBLIC = "93.184.216.34"

Send = Callable[[BaseHTTPRequestHandler], None]


def reply(
    body: bytes | str = b"", status: int = 200, type: str | None = "text/html; charset=utf-8", **more: str
) -> Send:
    """Answer with this; `more` are headers, `_` for `-`."""
    data = body.encode() if isinstance(body, str) else body

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        headers = {"Content-Length": str(len(data)), **{name.replace("_", "-"): value for name, value in more.items()}}
        if type:
            headers["Content-Type"] = type
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(data)

    return send


def redirect(to: str, status: int = 302) -> Send:
    """Send elsewhere."""
    return reply(status=status, Location=to)


class Web:
    """A web server on loopback that the rest of the world knows by public names and addresses.

    `pages` says by path how to answer, `seen` has the Host header and path of every request, `connected` the addresses
    to which connections were made, `names` the addresses of names.
    """

    def __init__(self, pages: Mapping[str, Send], trust: ssl.SSLContext | None = None) -> None:
        self.pages = dict(pages)
        self.names: dict[str, Sequence[str]] = {}
        self.seen: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.connected: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.seen.append((self.headers.get("Host", ""), self.path))
                web.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.close_connection = True
                web.pages.get(self.path, reply("no such page", 404))(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if trust:
            self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def paths(self) -> list[str]:
        """The paths asked for, without robots.txt."""
        return [path for _, path in self.seen if path != "/robots.txt"]

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Names that are not in `names` are on the public internet; those that end in .missing are not there."""
        if host.endswith(".missing"):
            raise socket.gaierror("unknown")
        return self.names.get(host, [PUBLIC])

    def network(self) -> httpcore.NetworkBackend:
        """Connections that end at this server, whatever address they are made to."""
        web = self

        class Network(httpcore.SyncBackend):
            def connect_tcp(
                self,
                host: str,
                port: int,
                timeout: float | None = None,
                local_address: str | None = None,
                socket_options: Iterable[Any] | None = None,
            ) -> httpcore.NetworkStream:
                web.connected.append(host)
                return super().connect_tcp("127.0.0.1", web.port, timeout)

        return Network()
