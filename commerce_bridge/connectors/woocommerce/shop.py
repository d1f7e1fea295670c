"""Where a channel's shop is."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote, unquote, urlsplit

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured

#: What people paste behind the shop's own address: the dashboard, the API, the log-in page.
_PASTED = re.compile(r"/(wp-admin|wp-json|wp-login\.php|wc-api|wc-auth|index\.php)(/.*)?$")


def shop_base(channel: Channel) -> str:
	"""The shop's address, folder included, without a slash at the end: "https://shop.example/en".

	:raises Misconfigured: the store URL is none
	"""
	base = known_base(channel.store_url)
	if base is None:
		raise misconfigured(
			channel,
			"The store URL must be the shop's address as WordPress knows it (Settings > General > Site Address), "
			"such as https://shop.example or https://example.com/shop",
			"store_url",
		)
	return base


def known_base(url: str) -> str | None:
	"""Like `shop_base`, of a store URL; None where that is no address."""
	text = url.strip()
	parts = _parts(text if "://" in text else f"https://{text}")
	if parts is None:
		return None
	scheme, host, port, path = parts
	path = _PASTED.sub("", path).rstrip("/")
	return f"{scheme}://{host}{port}{quote(unquote(path), safe='/~')}"


def is_encrypted(base: str) -> bool:
	"""Whether the shop is talked to over https."""
	return base.startswith("https://")


def misconfigured(
	channel: Channel, message: str, fieldname: str | None = None, kind: type[Misconfigured] = Misconfigured
) -> Misconfigured:
	return kind(message, doctype="Channel Settings", document=channel.name, fieldname=fieldname)


def _parts(url: str) -> tuple[str, str, str, str] | None:
	try:
		parts = urlsplit(url)
		port = parts.port
		host = (parts.hostname or "").rstrip(".").encode("idna").decode() if parts.hostname else ""
	except (ValueError, UnicodeError):
		return None
	wrong = parts.query or parts.fragment or "@" in parts.netloc or ".." in unquote(parts.path)
	if parts.scheme not in ("http", "https") or wrong or not _is_host(host):
		return None
	usual = {"http": 80, "https": 443}[parts.scheme]
	shown = f"[{host}]" if ":" in host else host
	return parts.scheme, shown, f":{port}" if port and port != usual else "", parts.path


def _is_host(host: str) -> bool:
	return bool(re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host)) and host.strip(".-") != ""


def is_loopback(url: str) -> bool:
	"""Whether an address is one of this machine, as a number or as "localhost"."""
	try:
		host = urlsplit(url).hostname or ""
		return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
	except ValueError:
		return False
