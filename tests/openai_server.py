"""A small server on loopback that speaks OpenAI's HTTP protocol: embeddings, and chat completions from a script."""

import base64
import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np
from helpers import hash_vector


@dataclass(frozen=True)
class Reply:
    """What the server answers to one request.

    A request with `stream` gets the chunks as server-sent events, another the whole text.
    """

    text: str = ""
    chunks: list[str] | None = None
    """The pieces of a streamed answer; default: the text in one piece."""
    status: int = 200
    """Another status than 200 answers with OpenAI's error object, its message the text."""
    delay: float = 0.0
    """Seconds before the first byte."""
    pause: float = 0.0
    """Seconds before each chunk of a stream but the first."""
    cut_after: int | None = None
    """Cut the connection after so many chunks of a stream, or so many bytes of another body."""
    silent_after: int | None = None
    """Say nothing more after so many chunks of a stream, and keep the connection alive, as a model does that thinks."""
    finish: str = "stop"
    """Why the answer ends, as OpenAI's `finish_reason`."""
    body: dict[str, Any] | str | bytes | None = None
    """The whole body instead of one made of the text; text and bytes are sent as they stand."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent besides the usual ones, or instead, with an error or a `body`; names in lower case."""

    @property
    def pieces(self) -> list[str]:
        """The text in the pieces in which it is streamed."""
        return self.chunks if self.chunks is not None else [self.text]


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    path: str
    headers: dict[str, str] = field(repr=False)
    """By name in lower case."""
    body: dict[str, Any]


class OpenAIServer:
    """Start it, point a client at `url`, put what chat is to answer into `replies`, look at `requests` afterwards."""

    def __init__(self, dimension: int = 64) -> None:
        """`dimension` is the length of the embeddings where a request does not ask for one."""
        self.dimension = dimension
        self.requests: list[Request] = []
        self.replies: deque[Reply] = deque()
        """One for each chat request, in order; a request that finds none gets `always`."""
        self.always: Reply | None = None
        """Default: an error 400."""
        self.embedding_replies: deque[Reply] = deque()
        """Used before embeddings are computed, for errors and delays."""
        self.stopping = threading.Event()
        self._http: _HTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL to give to a client, with /v1."""
        assert self._http is not None, "the server is not started"
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def start(self) -> None:
        """Listen on a free port."""
        self.stopping.clear()
        self._http = _HTTPServer(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port; replies that are delayed are given up."""
        assert self._http is not None, "the server is not started"
        assert self._thread is not None
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection open

    def __init__(self, owner: OpenAIServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)


class _Cut(Exception):
    """The connection is to be cut here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTPServer

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""

    def do_POST(self) -> None:
        """Record the request and answer it."""
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        owner.requests.append(request)
        try:
            if self.path == "/v1/embeddings":
                self._embeddings(request)
            elif self.path == "/v1/chat/completions":
                self._chat(request)
            else:
                self._send(404, _error(404, f"there is no {self.path} here"))
        except _Cut:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        except (BrokenPipeError, ConnectionResetError):  # the client went away
            self.close_connection = True

    # -- endpoints -----------------------------------------------------------------------------------------------

    def _embeddings(self, request: Request) -> None:
        owner = self.server.owner
        if owner.embedding_replies and self._scripted(owner.embedding_replies.popleft()):
            return
        texts = request.body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        if not texts or not all(isinstance(text, str) and text for text in texts):
            self._send(400, _error(400, "'$.input' is invalid: give text that is not empty"))
            return
        rows = [hash_vector(text, request.body.get("dimensions") or owner.dimension) for text in texts]
        packed = request.body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode() if packed else _floats(row),
            }
            for index, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": _tokens(*texts), "total_tokens": _tokens(*texts)}
        self._send(200, {"object": "list", "data": data, "model": request.body["model"], "usage": usage})

    def _chat(self, request: Request) -> None:
        owner = self.server.owner
        reply = owner.replies.popleft() if owner.replies else owner.always
        if reply is None:
            self._send(400, _error(400, "no reply is scripted for this request"))
            return
        if self._scripted(reply):
            return
        if request.body.get("stream"):
            self._stream(_events(request.body, reply), reply)
        else:
            self._send(200, _completion(request.body, reply), reply.cut_after)

    def _scripted(self, reply: Reply) -> bool:
        """Wait and answer as the reply says; whether the request is answered with that."""
        if reply.delay and self.server.owner.stopping.wait(reply.delay):
            raise _Cut
        if reply.body is not None:
            self._send(reply.status, reply.body, reply.cut_after, reply.headers)
        elif reply.status != 200:
            self._send(reply.status, _error(reply.status, reply.text), reply.cut_after, reply.headers)
        else:
            return False
        return True

    # -- sending -------------------------------------------------------------------------------------------------

    def _send(
        self,
        status: int,
        body: dict[str, Any] | str | bytes,
        cut_after: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        text = json.dumps(body) if isinstance(body, dict) else body
        content = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        usual = {"content-type": "application/json", "content-length": str(len(content))}
        for name, value in {**usual, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:cut_after])
        if cut_after is not None:
            raise _Cut

    def _stream(self, events: Iterator[tuple[bool, str]], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        pieces = 0
        for is_piece, event in events:
            if is_piece and pieces == reply.cut_after:
                raise _Cut
            if is_piece and pieces == reply.silent_after:
                break
            if is_piece and pieces and self.server.owner.stopping.wait(reply.pause):
                raise _Cut
            pieces += is_piece
            self._write_chunk(f"data: {event}\n\n")
        while reply.silent_after is not None:
            self._write_chunk(": still there\n\n")
            if self.server.owner.stopping.wait(0.1):
                raise _Cut
        if reply.cut_after is not None:
            raise _Cut
        self.wfile.write(b"0\r\n\r\n")

    def _write_chunk(self, text: str) -> None:
        content = text.encode()
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


def _completion(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    text = "".join(reply.pieces)
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}],
        "usage": _usage(body, text),
    }


def _events(body: dict[str, Any], reply: Reply) -> Iterator[tuple[bool, str]]:
    """The server-sent events of a streamed answer, each with whether it brings a piece of the text."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        return json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield False, chunk({"role": "assistant", "content": ""})
    for piece in reply.pieces:
        yield True, chunk({"content": piece})
    if reply.cut_after is not None:
        return
    yield False, chunk({}, reply.finish)
    if (body.get("stream_options") or {}).get("include_usage"):
        yield False, json.dumps({**head, "choices": [], "usage": _usage(body, "".join(reply.pieces))})
    yield False, "[DONE]"


def _usage(body: dict[str, Any], text: str) -> dict[str, int]:
    asked = _tokens(*(str(message.get("content")) for message in body["messages"]))
    return {"prompt_tokens": asked, "completion_tokens": _tokens(text), "total_tokens": asked + _tokens(text)}


def _tokens(*texts: str) -> int:
    return sum(len(text.split()) for text in texts)


def _floats(row: np.ndarray[Any, Any]) -> list[float]:
    return [float(value) for value in row]


def _error(status: int, message: str) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message or f"status {status}", "type": kind, "param": None, "code": None}}
