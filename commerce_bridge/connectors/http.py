"""HTTP to addresses that users typed in: only to the public internet, and never for longer than allowed.

The name is resolved once, every address it has is checked, and the connection is made to a checked address: a
name that resolves to something else a moment later gains nothing. Certificates are checked against the name.
Redirects are returned, not followed; proxies of the environment are not used.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi

from commerce_bridge.bridge.errors import AnswerTooLarge, Misconfigured, Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Limits

#: Of an answer, on the wire and unpacked.
MAX_RESPONSE = 2 * 1024 * 1024
CONNECT_TIMEOUT, TOTAL_TIMEOUT = 3.0, 10.0
USER_AGENT = "Commerce-Bridge"
_CHUNK = 64 * 1024
_PORTS = {"https": 443, "http": 80}
#: The only IPv6 range handed out for the public internet, and the tunnels in it that carry IPv4 along.
#: https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_TUNNELS = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[..., Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class _Target:
	"""Where a request goes: addresses that may be talked to, and the name they were found under."""

	secure: bool
	host: str
	port: int
	path: str
	addresses: tuple[IPAddress, ...]

	@property
	def host_header(self) -> str:
		host = f"[{self.host}]" if ":" in self.host else self.host
		return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


class GuardedTransport:
	"""The `Transport` of every connector.

	:param allow_loopback: for development: also talks to this machine, and there without TLS
	:param resolver: `socket.getaddrinfo` or a function like it
	:param timeouts: seconds to connect to one address, and for the whole request
	:param cap: longest answer in bytes
	:param tls: context to use instead of one that trusts the public certificate authorities
	"""

	def __init__(
		self,
		allow_loopback: bool = False,
		resolver: Resolver = socket.getaddrinfo,
		timeouts: tuple[float, float] = (CONNECT_TIMEOUT, TOTAL_TIMEOUT),
		cap: int = MAX_RESPONSE,
		tls: ssl.SSLContext | None = None,
	):
		self._allow_loopback = allow_loopback
		self._resolver = resolver
		self._connect_timeout, total = timeouts
		self._limits = Limits(total, cap)
		self._tls = tls

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		"""Sends one request; see `Transport`. Messages name the host, and nothing else of the address."""
		limits = limits or self._limits
		deadline = monotonic() + limits.seconds
		target = self._target(url, limits.encrypted)
		try:
			connection = self._connect(target, deadline)
			try:
				return self._exchange(connection, target, method, headers, body, deadline, limits.size)
			finally:
				connection.close()
		except TimeoutError:
			raise Retryable(f"{target.host} did not answer in time") from None
		except ssl.SSLError as error:
			raise Retryable(f"No TLS connection to {target.host}: {error.reason or 'refused'}") from None
		except OSError as error:
			reason = error.strerror or type(error).__name__
			raise Retryable(f"No connection to {target.host}: {reason}") from None
		except http.client.HTTPException as error:
			raise Retryable(f"{target.host} broke off its answer: {type(error).__name__}") from None

	def _target(self, url: str, encrypted: bool) -> _Target:
		parts, port = _split(url)
		host = _host_name(parts)
		addresses = self._resolve(host, port)
		loopback = all(address.is_loopback for address in addresses)
		if parts.scheme == "http" and encrypted and not (self._allow_loopback and loopback):
			raise Misconfigured("The store's address must begin with https://")
		if not (self._allow_loopback and loopback) and not all(map(is_public, addresses)):
			raise Misconfigured(f"{host} is not an address on the public internet")
		path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
		return _Target(parts.scheme == "https", host, port, path, addresses)

	def _resolve(self, host: str, port: int) -> tuple[IPAddress, ...]:
		try:
			found = self._resolver(host, port, type=socket.SOCK_STREAM)
		except (OSError, UnicodeError):
			raise Retryable(f"The name {host} cannot be resolved") from None
		addresses = dict.fromkeys(_plain_address(sockaddr[0]) for *_, sockaddr in found)
		if not addresses:
			raise Retryable(f"The name {host} has no address")
		return tuple(addresses)

	def _connect(self, target: _Target, deadline: float) -> socket.socket:
		# An address may be unreachable (IPv6 without a route) although another of the same name is not.
		for address in target.addresses[:-1]:
			try:
				return self._connect_to(address, target, deadline)
			except ssl.SSLError:
				raise
			except OSError:
				continue
		return self._connect_to(target.addresses[-1], target, deadline)

	def _connect_to(self, address: IPAddress, target: _Target, deadline: float) -> socket.socket:
		timeout = min(self._connect_timeout, _remaining(deadline))
		plain = socket.create_connection((str(address), target.port), timeout)
		if not target.secure:
			return plain
		try:
			plain.settimeout(_remaining(deadline))
			return (self._tls or _public_tls()).wrap_socket(plain, server_hostname=target.host)
		except BaseException:
			plain.close()
			raise

	def _exchange(
		self,
		connection: socket.socket,
		target: _Target,
		method: str,
		headers: Mapping[str, str],
		body: bytes | None,
		deadline: float,
		cap: int,
	) -> HttpResponse:
		client = http.client.HTTPConnection(target.host, target.port)
		client.sock = _DeadlineSocket(connection, deadline)  # type: ignore[assignment]
		fixed = {"host": target.host_header, "connection": "close"}
		defaults = {"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "gzip"}
		given = {name.lower(): value for name, value in headers.items()}
		client.request(method, target.path, body=body, headers={**defaults, **given, **fixed})
		response = client.getresponse()
		answered = {name.lower(): value for name, value in response.getheaders()}
		content = _unpacked(_read(response, target, cap), answered, cap, target.host)
		return HttpResponse(response.status, answered, content)


def is_public(address: IPAddress) -> bool:
	"""Whether an address is of the public internet: not private, local, reserved, multicast or a tunnel."""
	if address.is_multicast or address.is_reserved or not address.is_global:
		return False
	if isinstance(address, ipaddress.IPv4Address):
		return True
	return address in _PUBLIC_IPV6 and not any(address in tunnel for tunnel in _TUNNELS)


def _read(response: http.client.HTTPResponse, target: _Target, cap: int) -> bytes:
	received = bytearray()
	while chunk := response.read(_CHUNK):
		received += chunk
		if len(received) > cap:
			raise _too_large(target.host, cap)
	if response.length:  # what Content-Length promised and `read` with a size does not miss
		raise http.client.IncompleteRead(b"", response.length)
	return bytes(received)


class _DeadlineReader(io.RawIOBase):
	"""Bytes of a socket until a deadline: a peer that sends one byte a second meets it all the same."""

	def __init__(self, connection: socket.socket, deadline: float):
		self._connection = connection
		self._deadline = deadline

	def readable(self) -> bool:
		return True

	def readinto(self, buffer: Any) -> int:
		self._connection.settimeout(_remaining(self._deadline))
		return self._connection.recv_into(buffer)


class _DeadlineSocket:
	"""The part of a socket that `http.client` uses. It closes nothing: the transport does, at the end."""

	def __init__(self, connection: socket.socket, deadline: float):
		self._connection = connection
		self._deadline = deadline

	def sendall(self, data: Any) -> None:
		self._connection.settimeout(_remaining(self._deadline))
		self._connection.sendall(data)

	def makefile(self, _mode: str) -> io.BufferedReader:
		return io.BufferedReader(_DeadlineReader(self._connection, self._deadline))

	def close(self) -> None:
		"""Nothing: `http.client` closes before the body is read."""


def _remaining(deadline: float) -> float:
	remaining = deadline - monotonic()
	if remaining <= 0:
		raise TimeoutError
	return remaining


def _split(url: str) -> tuple[SplitResult, int]:
	try:
		parts = urlsplit(url)
		port = parts.port or _PORTS.get(parts.scheme, 0)
	except ValueError:
		raise Misconfigured("The store's address is not a URL") from None
	if parts.scheme not in _PORTS or not parts.hostname:
		raise Misconfigured("The store's address must begin with https:// and a host name")
	if "@" in parts.netloc:
		raise Misconfigured("The store's address must not contain a user name or password")
	if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
		raise Misconfigured("The store's address contains characters that a URL must not")
	return parts, port


def _host_name(parts: SplitResult) -> str:
	# Certificates are never issued to the spelling with the root's dot.
	return (parts.hostname or "").rstrip(".")


def _plain_address(text: str) -> IPAddress:
	address = ipaddress.ip_address(text.partition("%")[0])
	if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
		return address.ipv4_mapped
	return address


@lru_cache(maxsize=1)
def _public_tls() -> ssl.SSLContext:
	return ssl.create_default_context(cafile=certifi.where())


def _unpacked(content: bytes, headers: Mapping[str, str], cap: int, host: str) -> bytes:
	encoding = headers.get("content-encoding", "identity").strip().lower()
	if encoding in ("", "identity") or not content:
		return content
	if encoding not in ("gzip", "x-gzip"):
		raise Retryable(f"{host} answered in an encoding that was not asked for")
	unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
	try:
		unpacked = unpacker.decompress(content, cap + 1)
	except zlib.error:
		raise Retryable(f"{host} sent damaged gzip") from None
	if len(unpacked) > cap:
		raise _too_large(host, cap)
	if not unpacker.eof:
		raise Retryable(f"{host} broke off its answer")
	return unpacked


def _too_large(host: str, cap: int) -> AnswerTooLarge:
	return AnswerTooLarge(f"{host} answered with more than {cap} bytes")
