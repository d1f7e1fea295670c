"""HTTP with Shopify over connections that stay open: a `Transport` on `requests`.

A shop's address is checked to be one of Shopify's before it gets here (`shop.py`), so that nothing is resolved
and guarded as it is for addresses that people typed in.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from urllib.parse import urlsplit

import requests
import urllib3

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Limits, Transport
from commerce_bridge.connectors.http import USER_AGENT
from commerce_bridge.connectors.shopify.throttle import Throttle

#: Seconds to connect, to wait for the next bytes, and for the whole answer.
CONNECT_TIMEOUT, READ_TIMEOUT, TOTAL_TIMEOUT = 3.05, 30.0, 60.0
#: Longest answer in bytes, unpacked: 250 orders of a page, with all they have.
MAX_ANSWER = 16 * 1024 * 1024
_CHUNK = 64 * 1024
#: Shops whose connections a thread keeps open at the same time.
_KEPT = 32


class KeptTransport:
	"""One session: connections stay open between calls. For one thread of one process.

	:param cap: longest answer in bytes
	:param total: seconds for a whole answer
	"""

	def __init__(self, cap: int = MAX_ANSWER, total: float = TOTAL_TIMEOUT):
		self._limits = Limits(total, cap)
		self._session = requests.Session()
		self._session.trust_env = False  # no proxies, certificates or .netrc of the environment
		self._session.headers["User-Agent"] = USER_AGENT
		self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		"""See `Transport`. Messages name the host, and nothing else of the address."""
		limits = limits or self._limits
		host, deadline = urlsplit(url).hostname, monotonic() + limits.seconds
		try:
			with self._session.request(
				method,
				url,
				headers=dict(headers),
				data=body,
				timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
				allow_redirects=False,
				stream=True,
			) as response:
				content = _read(response, host, deadline, limits.size)
				return HttpResponse(response.status_code, _lowered(response.headers), content)
		except requests.Timeout:
			raise Retryable(f"{host} did not answer in time") from None
		except requests.exceptions.SSLError:
			raise Retryable(f"No TLS connection to {host}") from None
		except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
			raise Retryable(f"No answer from {host}: {type(error).__name__}") from None


def _read(response: requests.Response, host: str | None, deadline: float, cap: int) -> bytes:
	received = bytearray()
	for chunk in response.iter_content(_CHUNK):
		received += chunk
		if len(received) > cap:
			raise Retryable(f"{host} answered with more than {cap} bytes")
		if monotonic() > deadline:
			raise Retryable(f"{host} did not answer in time")
	return bytes(received)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
	return {name.lower(): value for name, value in headers.items()}


@dataclass(slots=True)
class Connection:
	"""What of a shop outlives a unit of work."""

	transport: Transport
	throttle: Throttle = field(default_factory=Throttle)


# --- kept by each thread -------------------------------------------------------------------------------------

_of_thread = threading.local()


def kept(channel: str, base: str) -> Connection:
	"""The connection of a channel in this thread. A forked process opens its own: two writers on one TLS
	connection would destroy each other's messages."""
	if getattr(_of_thread, "process", None) != os.getpid():
		_of_thread.process, _of_thread.connections = os.getpid(), OrderedDict()
	connections: OrderedDict[tuple[str, str], Connection] = _of_thread.connections
	key = (channel, base)
	if key not in connections:
		connections[key] = Connection(KeptTransport())
		if len(connections) > _KEPT:
			connections.popitem(last=False)
	connections.move_to_end(key)
	return connections[key]
