"""Fetching pages: what comes in whole, and all that must never be reached."""

import gzip
import ipaddress
import ssl
import subprocess
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from web import PUBLIC, Web, redirect, reply

from assistant.fetching import AGENT, Fetcher, FetchError, Page, check_url, is_public

GOOD = "<html><p>The quay is open – at last.</p></html>"


@pytest.fixture
def web() -> Iterator[Web]:
    with Web({"/page": reply(GOOD)}) as started:
        yield started


def fetcher(web: Web, allowed: tuple[str, ...] = (), **more: Any) -> Fetcher:
    return Fetcher(allowed, resolve=web.resolve, network=web.network(), **{"seconds": 5.0, **more})


def refused(web: Web, url: str, **more: Any) -> str:
    """What is said of a page that must not come in."""
    with pytest.raises(FetchError) as caught:
        fetcher(web, **more).fetch(url)
    return str(caught.value)


def test_a_good_page_comes_in_whole(web: Web) -> None:
    page = fetcher(web).fetch("http://news.example/page#top")
    assert (page.url, page.type, page.charset) == ("http://news.example/page", "text/html", "utf-8")
    assert page.body.decode() == GOOD
    assert web.seen == [("news.example", "/robots.txt"), ("news.example", "/page")]
    assert web.connected == [PUBLIC, PUBLIC]
    sent = web.headers[1]
    assert sent["user-agent"].startswith(AGENT)
    assert not {"cookie", "authorization", "referer"} & sent.keys()


def test_proxies_and_netrc_of_the_environment_are_ignored(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine news.example login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert fetcher(web).fetch("http://news.example/page").body.decode() == GOOD
    assert "authorization" not in web.headers[1]


# -- addresses ---------------------------------------------------------------------------------------------------------

INSIDE = """127.0.0.1 127.8.8.8 10.0.0.5 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 0.0.0.0
0.1.2.3 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.0.8 198.18.0.1 203.0.113.7 192.88.99.1 168.63.129.16
::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe
::127.0.0.1 64:ff9b::7f00:1 64:ff9b::169.254.169.254 64:ff9b:1::1 2002:7f00:1:: 2002:a00:5:: 2001::1 2001:db8::1
3fff::1 100::1 ::ffff:0:127.0.0.1 5f00::1""".split()


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_of_the_inside_is_public(web: Web, address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    web.names["news.example"] = [address]
    assert "not on the public internet" in refused(web, "http://news.example/page")
    assert web.connected == []


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"])
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_what_is_public_is_global(address: Any) -> None:
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_loopback, address.is_link_local, address.is_unspecified))


@given(st.ip_addresses(v=4))
def test_a_carried_address_counts(address: Any) -> None:
    number = int(address)
    carriers = [(0xFFFF << 32) | number, (0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80)]
    assert {is_public(ipaddress.IPv6Address(carrier)) for carrier in carriers} == {is_public(address)}


@pytest.mark.parametrize("order", [[PUBLIC, "127.0.0.1"], ["10.1.1.1", PUBLIC], [PUBLIC, "2606:4700::1", "::1"]])
def test_one_private_record_among_several_is_enough(web: Web, order: list[str]) -> None:
    web.names["news.example"] = order
    assert "not on the public internet" in refused(web, "http://news.example/page")
    assert web.connected == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "2130706433", "0x7f000001",
     "0x7f.1", "0177.0.0.1", "127.1", "017700000001", "127.0.0.1.", "0", "①②⑦.⓪.⓪.①", "127。0。0。1"],
)  # fmt: skip
def test_an_address_in_any_notation_is_seen_through(web: Web, host: str) -> None:
    # A system's resolver reads the odd ones as 127.0.0.1.
    web.names.update({host: ["127.0.0.1"], host.rstrip("."): ["127.0.0.1"]})
    assert refused(web, f"http://{host}:{web.port}/page")
    assert web.connected == []


def test_a_name_that_changes_its_answer_gains_nothing(web: Web) -> None:
    answers = [[PUBLIC], [PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    safe = Fetcher(resolve=rebinding, network=web.network(), seconds=5)
    # Each connection goes to the address that was checked for it: a name is asked once for each.
    assert safe.fetch("http://news.example/page").body.decode() == GOOD
    assert (len(asked), web.connected) == (2, [PUBLIC, PUBLIC])
    with pytest.raises(FetchError, match="not on the public internet"):
        safe.fetch("http://news.example/page")
    assert web.connected == [PUBLIC, PUBLIC]


def test_the_next_address_is_tried_where_one_does_not_answer(web: Web) -> None:
    web.names["news.example"] = ["8.8.8.8", PUBLIC]

    class Flaky(httpcore.SyncBackend):
        def connect_tcp(self, host: str, *arguments: Any, **named: Any) -> httpcore.NetworkStream:
            if host == "8.8.8.8":
                raise httpcore.ConnectError
            return web.network().connect_tcp(host, 80)

    page = Fetcher(resolve=web.resolve, network=Flaky(), seconds=5).fetch("http://news.example/page")
    assert page.body.decode() == GOOD


def test_a_missing_host(web: Web) -> None:
    assert "no host" in refused(web, "http://news.missing/page")


def test_hosts_of_the_own_network_only_by_name(web: Web) -> None:
    real = Fetcher(["LOCALHOST", "wiki.corp"], resolve=lambda host, port: ["127.0.0.1"], seconds=5)
    assert real.fetch(f"http://localhost:{web.port}/page").body.decode() == GOOD
    with pytest.raises(FetchError, match="not on the public internet"):
        real.fetch(f"http://other.corp:{web.port}/page")
    web.names["wiki.corp"] = ["169.254.169.254"]
    assert "not on the public internet" in refused(web, "http://wiki.corp/page", allowed=("wiki.corp",))


# -- addresses of pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://news.example/page", "gopher://news.example/", "javascript:alert(1)",
     "data:text/html,x", "//news.example/page", "news.example/page", "", "http://", "http:///page", "http://me:secret@news.example/page",
     "http://me@news.example/page", "http://news.example:22/", "http://news.example:99999/", "http://news.example\\@evil/",
     "http://news.example/\r\nHost: evil", "http://news.example/\x00", "http://[::1",
     "https://news.example/" + "x" * 3000, "http://a\u202eb.example/"],
)  # fmt: skip
def test_what_is_no_address_of_a_page(web: Web, url: str) -> None:
    message = refused(web, url)
    assert "secret" not in message
    assert web.connected == []


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        at = check_url(text)
    except FetchError:
        return
    assert at.scheme in ("http", "https")
    assert at.host
    assert not at.userinfo


# -- redirects ---------------------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_and_named(web: Web) -> None:
    web.pages["/old"] = redirect("http://www.news.example/page", 301)
    page = fetcher(web).fetch("http://news.example/old")
    assert page.url == "http://www.news.example/page"
    assert [host for host, path in web.seen if path == "/robots.txt"] == ["news.example", "www.news.example"]


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1/page", "http://localhost/page", "http://[::1]/page", "//169.254.169.254/latest/meta-data",
     "http://inside.example/page", "file:///etc/passwd", "ftp://news.example/", "http://me:secret@news.example/page",
     ""],
)  # fmt: skip
def test_a_redirect_does_not_lead_inside(web: Web, to: str) -> None:
    web.names.update({"localhost": ["127.0.0.1"], "inside.example": ["192.168.0.7"]})
    web.pages["/old"] = redirect(to)
    assert refused(web, "http://news.example/old")
    assert set(web.connected) == {PUBLIC}
    assert set(web.paths) == {"/old"}


def test_robots_does_not_lead_inside(web: Web) -> None:
    web.pages["/robots.txt"] = redirect("http://127.0.0.1/page")
    assert "not on the public internet" in refused(web, "http://news.example/page")
    assert web.paths == []


def test_too_many_redirects(web: Web) -> None:
    web.pages.update({f"/{n}": redirect(f"/{n + 1}") for n in range(20)})
    assert "more than 5 times" in refused(web, "http://news.example/0")
    assert len(web.paths) == 6
    web.pages["/loop"] = redirect("/loop")
    assert "more than 5 times" in refused(web, "http://news.example/loop")


# -- bodies ------------------------------------------------------------------------------------------------------------


def test_a_packed_page_is_unpacked(web: Web) -> None:
    web.pages["/gzip"] = reply(gzip.compress(GOOD.encode()), Content_Encoding="gzip")
    web.pages["/deflate"] = reply(zlib.compress(GOOD.encode()), Content_Encoding="deflate")
    for path in ("gzip", "deflate"):
        assert fetcher(web).fetch(f"http://news.example/{path}").body.decode() == GOOD


def test_a_bomb_is_not_unpacked(web: Web) -> None:
    web.pages["/bomb"] = reply(gzip.compress(b"0" * 300_000_000, 9), Content_Encoding="gzip")
    assert "longer than 1 MB" in refused(web, "http://news.example/bomb", max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (b"no gzip at all", "gzip"),
        (gzip.compress(b"x" * 999, mtime=0)[:-9], "gzip"),
        (b"\x00", "br"),
        (b"x", "gzip, gzip"),
    ],
)
def test_what_cannot_be_unpacked(web: Web, packed: bytes, coding: str) -> None:
    web.pages["/odd"] = reply(packed, Content_Encoding=coding)
    assert refused(web, "http://news.example/odd")


def test_a_huge_page_is_cut_off(web: Web) -> None:
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        try:
            while sent < 200_000_000:
                handler.wfile.write(b"x" * 65_536)
                sent += 65_536
        except OSError:
            pass

    web.pages["/endless"] = endless
    assert "longer than 1 MB" in refused(web, "http://news.example/endless", max_bytes=1_000_000)
    assert sent < 50_000_000
    web.pages["/said"] = reply(b"x", Content_Length="999999999")
    assert "longer than" in refused(web, "http://news.example/said")


@pytest.mark.parametrize("slow", ["headers", "body"])
def test_a_slow_page_is_cut_off(web: Web, slow: str) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        try:
            handler.wfile.write(head + (b"X: " if slow == "headers" else b"\r\n"))
            for _ in range(100):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    web.pages["/slow"] = drip
    assert "too long" in refused(web, "http://news.example/slow", seconds=1.0)


def test_a_resolver_that_hangs_is_not_waited_for(web: Web) -> None:
    def hang(host: str, port: int) -> list[str]:
        time.sleep(4)
        return [PUBLIC]

    with pytest.raises(FetchError, match="too long"):
        Fetcher(resolve=hang, network=web.network(), seconds=0.5).fetch("http://news.example/page")


@pytest.mark.parametrize("kind", ["application/pdf", "image/svg+xml", "application/octet-stream", None, "nonsense"])
def test_another_kind_of_content_is_refused(web: Web, kind: str | None) -> None:
    web.pages["/file"] = reply(b"%PDF", type=kind)
    assert "no page of text" in refused(web, "http://news.example/file")


@pytest.mark.parametrize("status", [204, 401, 404, 410, 500])
def test_a_page_that_is_not_there(web: Web, status: int) -> None:
    web.pages["/gone"] = reply(b"", status)
    assert f"status {status}" in refused(web, "http://news.example/gone")


def test_what_is_not_http(web: Web) -> None:
    def greet(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    web.pages["/odd"] = greet
    assert "HTTP" in refused(web, "http://news.example/odd")


# -- robots.txt --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ("User-agent: *\nDisallow: /", False),
        (f"User-agent: {AGENT}\nDisallow: /pa*e$\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: storyassistant\nAllow: /", True),
        ("User-agent: *\nDisallow: /\nAllow: /page", True),
        ("User-agent: Other\nDisallow: /", True),
        ("\ufeff<html>not robots</html>", True),
    ],
)
def test_robots_txt_is_honoured(web: Web, rules: str, allowed: bool) -> None:
    web.pages["/robots.txt"] = reply(rules, type="text/plain")
    if allowed:
        assert fetcher(web).fetch("http://news.example/page").body.decode() == GOOD
    else:
        assert "robots.txt" in refused(web, "http://news.example/page")
        assert web.paths == []


def test_robots_that_fail_forbid_and_robots_that_are_forbidden_allow(web: Web) -> None:
    web.pages["/robots.txt"] = reply("", 503)
    assert "robots.txt" in refused(web, "http://news.example/page")
    web.pages["/robots.txt"] = reply("", 403)
    assert fetcher(web).fetch("http://news.example/page")


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for news.example that signs itself, and its key."""
    crt, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=news.example"]
    try:
        subprocess.run(
            [*command, "-addext", "subjectAltName=DNS:news.example", "-keyout", str(key), "-out", str(crt)],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return crt, key


def test_the_certificate_is_the_names_and_not_the_addresss(certificate: tuple[Path, Path]) -> None:
    crt, key = certificate
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(crt, key)
    names: list[str | None] = []
    serving.sni_callback = lambda _, name, __: names.append(name)
    with Web({"/page": reply(GOOD)}, serving) as web:
        trusting = ssl.create_default_context(cafile=str(crt))
        page: Page = fetcher(web, trust=trusting).fetch("https://news.example/page")
        assert page.body.decode() == GOOD
        assert set(names) == {"news.example"}
        assert set(web.connected) == {PUBLIC}
        # Another name at the same address, and a certificate that nobody vouches for.
        assert "certificate" in refused(web, "https://other.example/page", trust=trusting)
        assert "certificate" in refused(web, "https://news.example/page")
        web.pages["/down"] = redirect("http://news.example/page")
        assert "from https to http" in refused(web, "https://news.example/down", trust=trusting)
