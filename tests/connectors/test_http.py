"""The guarded transport, against real sockets on this machine and resolvers that say what a test needs."""

from __future__ import annotations

import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.connectors.http import GuardedTransport, is_public

Handler = Callable[[BaseHTTPRequestHandler], None]


class Server:
	"""A web server on loopback; `handle` decides what each request gets."""

	def __init__(self, handle: Handler, tls: ssl.SSLContext | None = None):
		self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
		self.stop = threading.Event()
		outer = self

		class RequestHandler(BaseHTTPRequestHandler):
			def answer(self) -> None:
				body = self.rfile.read(int(self.headers.get("content-length") or 0))
				sent = {name.lower(): value for name, value in self.headers.items()}
				outer.requests.append((self.command, self.path, sent, body))
				handle(self)

			do_GET = do_POST = answer

			def log_message(self, *_: object) -> None:
				pass

		class QuietServer(ThreadingHTTPServer):
			def handle_error(self, *_: object) -> None:
				pass  # clients hang up on purpose here

		self._server = QuietServer(("127.0.0.1", 0), RequestHandler)
		if tls:
			self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
		self.port = self._server.server_address[1]
		threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

	def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
		return f"{scheme}://{host}:{self.port}{path}"

	def close(self) -> None:
		self.stop.set()
		self._server.shutdown()
		self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
	servers: list[Server] = []

	def start(handle: Handler, tls: ssl.SSLContext | None = None) -> Server:
		servers.append(Server(handle, tls))
		return servers[-1]

	yield start
	for server in servers:
		server.close()


def respond(status: int = 200, body: bytes = b"{}", **headers: str) -> Handler:
	def handle(request: BaseHTTPRequestHandler) -> None:
		request.send_response(status)
		for name, value in headers.items():
			request.send_header(name.replace("_", "-"), value)
		request.send_header("Content-Length", str(len(body)))
		request.end_headers()
		request.wfile.write(body)

	return handle


def resolving(*addresses: str) -> Callable[..., list]:
	"""A resolver that answers these addresses for every name."""

	def resolve(host: str, port: int, **_: object) -> list:
		return [
			(socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))
			for address in addresses
		]

	return resolve


def local(**options: object) -> GuardedTransport:
	return GuardedTransport(allow_loopback=True, timeouts=(0.3, 0.5), **options)


# --- where it goes ---------------------------------------------------------------------------------------

NOT_PUBLIC = [
	"127.0.0.1",
	"127.9.9.9",
	"0.0.0.0",
	"10.0.0.1",
	"172.16.0.1",
	"172.31.255.255",
	"192.168.1.1",
	"169.254.169.254",
	"100.64.0.1",
	"192.0.0.1",
	"192.0.2.1",
	"198.18.0.1",
	"203.0.113.1",
	"224.0.0.1",
	"239.1.1.1",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"::ffff:127.0.0.1",
	"::ffff:10.0.0.1",
	"::ffff:169.254.169.254",
	"::127.0.0.1",
	"fc00::1",
	"fd00:ec2::254",
	"fe80::1",
	"fe80::1%eth0",
	"fec0::1",
	"ff02::1",
	"2001:db8::1",
	"2002:7f00:1::1",
	"2001:0:7f00:1::1",
	"64:ff9b::7f00:1",
	"100::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_names_of_inner_addresses_are_refused(address: str):
	with pytest.raises(Misconfigured, match="public internet"):
		GuardedTransport(resolver=resolving(address)).send("GET", "https://shop.example/", {})


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_one_inner_address_among_public_ones_is_refused(address: str):
	with pytest.raises(Misconfigured):
		GuardedTransport(resolver=resolving("8.8.8.8", address)).send("GET", "https://shop.example/", {})


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses(address: str):
	assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
	"host",
	[
		"127.0.0.1",
		"2130706433",
		"0x7f000001",
		"017700000001",
		"127.1",
		"0x7f.1",
		"[::1]",
		"[::ffff:127.0.0.1]",
	],
)
def test_every_spelling_of_loopback_is_refused_by_the_systems_resolver(host: str):
	with pytest.raises(Misconfigured):
		GuardedTransport().send("GET", f"https://{host}/", {})


@pytest.mark.parametrize(
	"url",
	[
		"",
		"shop.example",
		"//shop.example",
		"ftp://shop.example/",
		"file:///etc/passwd",
		"gopher://shop.example/",
		"https://",
		"https:///path",
		"https://user@shop.example/",
		"https://user:secret@shop.example/",
		"https://@shop.example/",
		"https://8.8.8.8@127.0.0.1/",
		"https://shop.example:99999/",
		"https://shop.example:x/",
		"https://[::1/",
		"https://shop.example/a b",
		"https://shop.example\\@127.0.0.1/",
		"https://shop.example/\r\nHost: evil",
		"https://shöp.example/",
	],
)
def test_what_is_no_plain_https_address(url: str):
	with pytest.raises(Misconfigured) as refused:
		GuardedTransport(allow_loopback=True, resolver=resolving("8.8.8.8")).send("GET", url, {})
	assert "secret" not in str(refused.value)


def test_http_is_for_loopback_in_development_only():
	for transport in (GuardedTransport(resolver=resolving("8.8.8.8")), local(resolver=resolving("8.8.8.8"))):
		with pytest.raises(Misconfigured, match="https"):
			transport.send("GET", "http://shop.example/", {})
	with pytest.raises(Misconfigured):
		GuardedTransport().send("GET", "http://127.0.0.1/", {})
	with pytest.raises(Misconfigured):
		local(resolver=resolving("10.0.0.1")).send("GET", "http://shop.example/", {})
	with pytest.raises(Misconfigured):
		local(resolver=resolving("127.0.0.1", "10.0.0.1")).send("GET", "http://shop.example/", {})


def test_the_name_is_resolved_once_and_its_checked_address_used(serve):
	server = serve(respond(200, b"checked"))
	answers = iter([["127.0.0.1"], ["10.0.0.1"]])
	asked = []

	def rebinding(host: str, port: int, **_: object) -> list:
		asked.append(host)
		return resolving(*next(answers))(host, port)

	response = local(resolver=rebinding).send("GET", server.url(host="shop.example"), {})
	assert response.body == b"checked" and asked == ["shop.example"]
	assert server.requests[0][2]["host"] == f"shop.example:{server.port}"


def test_an_address_that_does_not_answer_is_followed_by_the_next(serve):
	server = serve(respond(200, b"second"))
	response = local(resolver=resolving("127.0.0.2", "127.0.0.1")).send(
		"GET", server.url(host="shop.example"), {}
	)
	assert response.body == b"second"


def test_redirects_are_returned(serve):
	server = serve(respond(302, b"", Location="http://169.254.169.254/latest/meta-data"))
	response = local().send("GET", server.url(), {})
	assert response.status == 302
	assert len(server.requests) == 1


def test_proxies_of_the_environment_are_not_used(serve, monkeypatch: pytest.MonkeyPatch):
	server = serve(respond(200, b"direct"))
	for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
		monkeypatch.setenv(name, "http://127.0.0.1:1/")
	assert local().send("GET", server.url(), {}).body == b"direct"


# --- what it sends and gets ------------------------------------------------------------------------------


def test_a_request_arrives_as_it_was_given(serve):
	server = serve(respond(201, b'{"ok": 1}', X_Mark="Yes"))
	response = local().send("POST", server.url("/hooks?a=1#part"), {"Webhook-Id": "msg_1"}, b"body")
	method, path, headers, body = server.requests[0]
	assert (method, path, body) == ("POST", "/hooks?a=1", b"body")
	assert headers["webhook-id"] == "msg_1" and headers["content-length"] == "4"
	assert (response.status, response.body, response.headers["x-mark"]) == (201, b'{"ok": 1}', "Yes")


@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 429, 500, 503])
def test_any_status_is_returned(serve, status: int):
	server = serve(respond(status, b""))
	assert local().send("GET", server.url(), {}).status == status


def test_gzip_is_unpacked(serve):
	server = serve(respond(200, gzip.compress(b"unpacked"), Content_Encoding="gzip"))
	assert local().send("GET", server.url(), {}).body == b"unpacked"


@pytest.mark.parametrize(
	("body", "encoding"),
	[(b"no gzip", "gzip"), (gzip.compress(b"x" * 1000)[:-9], "gzip"), (b"x", "br"), (b"x", "gzip, gzip")],
)
def test_damaged_or_unwanted_encodings(serve, body: bytes, encoding: str):
	server = serve(respond(200, body, Content_Encoding=encoding))
	with pytest.raises(Retryable):
		local().send("GET", server.url(), {})


def test_a_gzip_bomb_stops_at_the_cap(serve):
	server = serve(respond(200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip"))
	tracemalloc.start()
	with pytest.raises(Retryable, match="more than 100000 bytes"):
		local(cap=100_000).send("GET", server.url(), {})
	peak = tracemalloc.get_traced_memory()[1]
	tracemalloc.stop()
	assert peak < 5_000_000


def test_a_long_answer_stops_at_the_cap(serve):
	def endless(request: BaseHTTPRequestHandler) -> None:
		request.send_response(200)
		request.end_headers()
		while True:
			request.wfile.write(bytes(10_000))

	with pytest.raises(Retryable, match="more than 100000 bytes"):
		local(cap=100_000).send("GET", serve(endless).url(), {})


def test_an_answer_of_exactly_the_cap(serve):
	assert len(local(cap=1000).send("GET", serve(respond(200, bytes(1000))).url(), {}).body) == 1000


@pytest.mark.parametrize(
	"part", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "body"]
)
def test_a_slow_drip_meets_the_deadline(serve, part: bytes):
	def drip(request: BaseHTTPRequestHandler) -> None:
		request.wfile.write(part)
		while not server.stop.wait(0.02):
			request.wfile.write(b"x")

	server = serve(drip)
	with pytest.raises(Retryable, match="in time"):
		local().send("GET", server.url(), {})


def test_silence_meets_the_deadline(serve):
	server = serve(lambda request: server.stop.wait(5))
	with pytest.raises(Retryable, match="in time"):
		local().send("GET", server.url(), {})


@pytest.mark.parametrize(
	"answer", [b"", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
def test_a_broken_answer(serve, answer: bytes):
	server = serve(lambda request: request.wfile.write(answer))
	with pytest.raises(Retryable):
		local().send("GET", server.url(), {})


def test_nobody_listens():
	with socket.socket() as unused:
		unused.bind(("127.0.0.1", 0))
		port = unused.getsockname()[1]
	with pytest.raises(Retryable, match=r"No connection to 127\.0\.0\.1"):
		local().send("GET", f"http://127.0.0.1:{port}/path?token=secret", {})


def test_a_name_that_does_not_resolve():
	def failing(*_: object, **__: object) -> list:
		raise socket.gaierror(-2, "Name or service not known")

	with pytest.raises(Retryable, match=r"shop\.example cannot be resolved") as failed:
		GuardedTransport(resolver=failing).send("GET", "https://shop.example/path?token=secret", {})
	assert "secret" not in str(failed.value)
	with pytest.raises(Retryable):
		GuardedTransport(resolver=resolving()).send("GET", "https://shop.example/", {})


# --- TLS -------------------------------------------------------------------------------------------------

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
	folder = tmp_path_factory.mktemp("tls")
	key, certificate = folder / "key.pem", folder / "certificate.pem"
	subject = ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"]
	algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
	files = ["-keyout", str(key), "-out", str(certificate)]
	subprocess.run(
		["openssl", "req", "-x509", *algorithm, *files, *subject],
		check=True,
		capture_output=True,
	)
	return certificate, key


@pytest.fixture
def tls_server(serve, certificate) -> tuple[Server, list[str | None], Path]:
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(*certificate)
	names: list[str | None] = []
	context.sni_callback = lambda _socket, name, _context: names.append(name)
	return serve(respond(200, b"secure"), context), names, certificate[0]


@needs_openssl
def test_the_certificate_is_checked_against_the_name_not_the_address(tls_server):
	server, names, trusted = tls_server
	tls = ssl.create_default_context(cafile=str(trusted))
	transport = local(resolver=resolving("127.0.0.1"), tls=tls)
	assert transport.send("GET", server.url(host="shop.example", scheme="https"), {}).body == b"secure"
	assert names == ["shop.example"]
	with pytest.raises(Retryable, match="No TLS connection"):
		transport.send("GET", server.url(host="other.example", scheme="https"), {})


@needs_openssl
def test_an_unknown_authority_is_refused(tls_server):
	server, _, _ = tls_server
	with pytest.raises(Retryable, match="No TLS connection"):
		local(resolver=resolving("127.0.0.1")).send(
			"GET", server.url(host="shop.example", scheme="https"), {}
		)
	assert server.requests == []
