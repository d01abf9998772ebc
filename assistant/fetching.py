"""Fetching a web page that somebody named, without ever reaching into the network that the assistant stands in.

Every address that a name resolves to is checked, and the connection goes to the very address that was checked, so that
a name that changes its answer gains nothing. That holds for each redirect and for robots.txt. Proxies, cookies and
keys of the environment play no part.
"""

import ipaddress
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any

import httpcore
import httpx
from protego import Protego

from assistant import __version__
from assistant.errors import AssistantError

#: What robots.txt calls us.
AGENT = "StoryAssistant"
_HEADERS: dict[bytes | str, bytes | str] = {
    "User-Agent": f"{AGENT}/{__version__}",
    "Accept": "text/html, application/xhtml+xml, text/plain;q=0.9, text/markdown;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip, identity",
    "Connection": "close",
}
TYPES = frozenset(("text/html", "application/xhtml+xml", "text/plain", "text/markdown"))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_ROBOTS_BYTES = 512_000  # RFC 9309 asks for 500 KiB at least
_PIECE = 65_536
_CONNECT_SECONDS = 5.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Public by their number, and not by what they are for: Azure's host, 6to4 relays, Teredo and its like, documentation.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")
)
_LOCAL_LINK = tuple(ipaddress.ip_network(network) for network in ("168.63.129.16/32", "fd00:ec2::/32"))


class FetchError(AssistantError):
    """A page was not fetched. The message says why; it never tells an address of the own network.

    `retry_after` is for how many seconds the server asks to be left alone, where it does.
    """

    retry_after: float | None = None


@dataclass(frozen=True)
class Page:
    """What an address gave: `url` is where it was found in the end, `charset` what the server says it is written in.

    `etag` and `modified` are for asking again whether it has changed.
    """

    url: str
    type: str
    charset: str | None
    body: bytes
    fetched: datetime
    etag: str = ""
    modified: str = ""


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a name as the system knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, and so does the IPv4 address that it may carry."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if carried is None and address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(carried)
        if address not in _GLOBAL_UNICAST or address.scope_id:
            return False
    outside = address.is_multicast or address.is_reserved or not address.is_global
    return not outside and not any(address in network for network in _SPECIAL if network.version == address.version)


def _is_intranet(address: Address) -> bool:
    """Whether a host that is allowed by name may have this address: link-local ones serve machines their keys."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        return _is_intranet(mapped)
    never = address.is_link_local or address.is_multicast or address.is_unspecified
    return not never and not any(address in network for network in _LOCAL_LINK if network.version == address.version)


class Fetcher:
    """Fetches pages by http and https."""

    def __init__(
        self,
        allowed_hosts: Iterable[str] = (),
        *,
        resolve: Resolver = system_resolver,
        network: httpcore.NetworkBackend | None = None,
        trust: ssl.SSLContext | None = None,
        seconds: float = 20.0,
        max_bytes: int = 5_000_000,
        max_redirects: int = 5,
    ) -> None:
        """`allowed_hosts` may have addresses of the own network. `seconds` and `max_bytes` hold for one page with all
        its redirects, the bytes also for what they unpack to. `resolve`, `network` and `trust` take the place of the
        system's names, connections and certificates.
        """
        self._allowed = frozenset(host.casefold().strip("[]").rstrip(".") for host in allowed_hosts)
        self._resolve = resolve
        self._network = network or httpcore.SyncBackend()
        self._trust = trust
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects

    def fetch(self, url: str, types: Collection[str] = TYPES) -> Page:
        """The page at `url`, after its redirects; `types` are the media types that it may have.

        Raises:
            FetchError: it is not to be fetched, or cannot be.
        """
        page = self._fetch(url, types, {})
        if page is None:
            raise FetchError(f"{url} answers with status 304, which was not asked for.")
        return page

    def fetch_if_changed(self, url: str, etag: str, modified: str, types: Collection[str] = TYPES) -> Page | None:
        """The page at `url`, None if it is still the one that came with `etag` and `modified` (RFC 9110, 13.1).

        Raises:
            FetchError: as `fetch`.
        """
        conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
        # What else a server may have sent does not go into a header again.
        fit = {name: value for name, value in conditions.items() if value and value.isascii() and value.isprintable()}
        return self._fetch(url, types, fit)

    def _fetch(self, url: str, types: Collection[str], conditions: Mapping[str, str]) -> Page | None:
        deadline = time.monotonic() + self._seconds
        backend = _Pinned(self._addresses, self._network, deadline)
        trust = self._trust or httpx.create_ssl_context()
        asked: dict[str, Protego | None] = {}
        with httpcore.ConnectionPool(ssl_context=trust, network_backend=backend, http2=False) as pool:
            at = check_url(url)
            for _ in range(self._max_redirects + 1):
                origin = f"{at.scheme}://{at.netloc.decode('ascii')}"
                if origin not in asked:
                    asked[origin] = self._robots(pool, at, deadline)
                rules = asked[origin]
                if rules is not None and not rules.can_fetch(str(at), AGENT):
                    raise FetchError(f"{at.host} asks in its robots.txt not to be read by programs.")
                with _open(pool, at, deadline, conditions) as response:
                    onward = _onward(at, response)
                    if onward is None:
                        unchanged = conditions and response.status == 304
                        return None if unchanged else self._read(at, response, deadline, types)
                at = onward
        raise FetchError(f"{url} is redirected more than {self._max_redirects} times.")

    def _addresses(self, host: str, port: int, seconds: float) -> list[str]:
        """The addresses of a name, all of them fit to be reached."""
        try:
            found = [ipaddress.ip_address(host)]
        except ValueError:
            found = [ipaddress.ip_address(text) for text in _within(seconds, self._resolve, host, port)]
        if not found:
            raise FetchError(f"There is no host {host}.")
        fit = _is_intranet if host.casefold().rstrip(".") in self._allowed else is_public
        # One that is not fit among several is an attempt to get at it.
        if not all(fit(address) for address in found):
            raise FetchError(f"{host} is not on the public internet. Hosts of the own network: ASSISTANT_FETCH_HOSTS.")
        return [str(address) for address in found]

    def _robots(self, pool: httpcore.ConnectionPool, at: httpx.URL, deadline: float) -> Protego | None:
        """The rules of robots.txt, None where there are none (RFC 9309: a site that fails to answer forbids all)."""
        place = at.copy_with(raw_path=b"/robots.txt")
        for _ in range(self._max_redirects + 1):
            with _open(pool, place, deadline) as response:
                onward = _onward(place, response)
                if onward is None:
                    if response.status >= 500:
                        raise FetchError(f"{at.host} fails to answer for its robots.txt (status {response.status}).")
                    if response.status != 200:
                        return None
                    body = b"".join(_body(response, _ROBOTS_BYTES, deadline))
                    return Protego.parse(body.decode("utf-8", "replace"))
            place = onward
        return None

    def _read(self, at: httpx.URL, response: httpcore.Response, deadline: float, types: Collection[str]) -> Page:
        if response.status != 200:
            failure = FetchError(f"{at} answers with status {response.status}.")
            wait = _header(response, b"retry-after")
            failure.retry_after = float(wait) if re.fullmatch(r"\d{1,6}", wait) else None
            raise failure
        said = Message()
        said["Content-Type"] = _header(response, b"content-type")
        kind = str(said["Content-Type"]).partition(";")[0].strip().lower()
        if kind not in types:
            shown = re.sub(r"[^\w/+.-]", "", kind)[:60]
            raise FetchError(f"{at} is no page of text{f' but {shown}' if shown else ''}.")
        length = _header(response, b"content-length")
        if length.isdigit() and int(length) > self._max_bytes:
            raise _too_long(self._max_bytes)
        body = b"".join(_body(response, self._max_bytes, deadline))
        etag, modified = (_header(response, name)[:500] for name in (b"etag", b"last-modified"))
        return Page(str(at), kind, said.get_content_charset(), body, datetime.now(UTC), etag, modified)


def check_url(url: str) -> httpx.URL:
    """An address that may be tried: http or https, a host by its name or in the usual notation, no name and password.

    Raises:
        FetchError: it may not.
    """
    text = url.strip()
    if len(text) > 2000 or not text.isprintable() or " " in text or "\\" in text:
        raise FetchError("This is no address of a web page: it is too long, or has characters that addresses have not.")
    try:
        at = httpx.URL(text)
        host, port = at.host, at.port
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise FetchError("This is no address of a web page. Give it whole, as in https://example.org/page.") from None
    if at.scheme not in ("http", "https") or not host:
        raise FetchError("Only pages at http:// and https:// can be fetched. Give the whole address.")
    if at.userinfo:
        raise FetchError("An address with a user name or password in it is not fetched. Leave them out.")
    if port is not None and not (port in (80, 443) or 1024 <= port < 65536):
        raise FetchError(f"Port {port} is not one of the web.")
    # 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to a system's resolver.
    last = at.raw_host.decode("ascii").rstrip(".").rpartition(".")[2]
    if re.fullmatch(r"\d+|0x[0-9a-f]*", last, re.I) and not re.fullmatch(
        r"(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})", host
    ):
        raise FetchError("A host given as a number is not fetched. Give its name.")
    return at.copy_with(fragment=None)


class _Pinned(httpcore.NetworkBackend):
    """Connections to checked addresses only, all of them done by one deadline."""

    def __init__(
        self, addresses: Callable[[str, int, float], list[str]], inner: httpcore.NetworkBackend, deadline: float
    ) -> None:
        self._addresses, self._inner, self._deadline = addresses, inner, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError()
        for address in self._addresses(host, port, _left(self._deadline))[:4]:
            try:
                seconds = min(_CONNECT_SECONDS, _left(self._deadline))
                return _Stream(self._inner.connect_tcp(address, port, seconds, None, socket_options), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpcore.NetworkStream):
    """A connection of which no step goes past the deadline, so that a slow body does not either."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@contextmanager
def _open(
    pool: httpcore.ConnectionPool, at: httpx.URL, deadline: float, more: Mapping[str, str] | None = None
) -> Iterator[httpcore.Response]:
    """The response from one address. The TLS server name and the Host header are those of the name."""
    headers: dict[bytes | str, bytes | str] = {**_HEADERS, "Host": at.netloc.decode("ascii")}
    headers.update(more or {})
    target = httpcore.URL(scheme=at.raw_scheme, host=at.raw_host, port=at.port, target=at.raw_path)
    try:
        _left(deadline)
        with pool.stream("GET", target, headers=headers) as response:
            yield response
    except httpcore.TimeoutException:
        raise _too_slow() from None
    except httpcore.ConnectError as error:
        if any(isinstance(argument, ssl.SSLError) for argument in error.args):
            raise FetchError(f"The certificate of {at.host} is not in order.") from None
        raise FetchError(f"{at.host} does not answer.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol):
        raise FetchError(f"{at.host} breaks off, or does not speak HTTP.") from None


def _onward(at: httpx.URL, response: httpcore.Response) -> httpx.URL | None:
    if response.status not in _REDIRECTS:
        return None
    try:
        onward = check_url(str(at.join(_header(response, b"location"))))
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise FetchError(f"{at} is redirected to what is no address.") from None
    if at.scheme == "https" and onward.scheme == "http":
        raise FetchError(f"{at} is redirected from https to http.")
    return onward


def _body(response: httpcore.Response, limit: int, deadline: float) -> Iterator[bytes]:
    """The body in pieces, unpacked, never more than `limit` bytes before or after."""
    coding = _header(response, b"content-encoding").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise FetchError("The page is packed in a way that was not asked for.")
    unpacker = (
        None if coding in ("", "identity") else zlib.decompressobj(zlib.MAX_WBITS | (0 if coding == "deflate" else 32))
    )
    packed = unpacked = 0
    for piece in response.iter_stream():
        _left(deadline)
        packed += len(piece)
        if packed > limit:
            raise _too_long(limit)
        if unpacker is None:
            yield piece
            continue
        while piece:
            try:
                out = unpacker.decompress(piece, _PIECE)
            except zlib.error:
                raise FetchError("The page is packed in a way that cannot be unpacked.") from None
            unpacked += len(out)
            if unpacked > limit:
                raise _too_long(limit)
            yield out
            piece = b"" if unpacker.eof else unpacker.unconsumed_tail
    if unpacker is not None and not unpacker.eof:
        raise FetchError("The page breaks off.")


def _within(seconds: float, resolve: Resolver, host: str, port: int) -> Sequence[str]:
    """Resolve a name in a thread of its own: the system's resolver takes no time limit."""
    answers: list[Sequence[str]] = []

    def ask() -> None:
        try:
            answers.append(resolve(host, port))
        except (OSError, UnicodeError):
            answers.append(())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise _too_slow()
    return answers[0]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_slow()
    return left


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _too_long(limit: int) -> FetchError:
    return FetchError(f"The page is longer than {limit / 1_000_000:g} MB.")


def _too_slow() -> FetchError:
    return FetchError("The page takes too long.")
