"""Where a channel's shop is, and which API version it is spoken to in."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured

#: The version that is spoken where a channel names none, and those that the documents are tested with.
#: A version is supported for at least twelve months: https://shopify.dev/docs/api/usage/versioning
DEFAULT_VERSION = "2026-10"
SUPPORTED_VERSIONS = ("2026-04", "2026-07", "2026-10")
#: What a shop on this machine calls itself.
SIMULATED = "simulated.myshopify.com"
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
_VERSION = re.compile(r"20[0-9]{2}-(01|04|07|10)")


def shop_domain(channel: Channel) -> str:
	"""The shop's name at Shopify, `NAME.myshopify.com`; of a shop on this machine `simulated.myshopify.com`.

	:raises Misconfigured: the store URL is no shop's address
	"""
	domain = known_domain(channel.store_url)
	if domain is None:
		raise misconfigured(
			channel, "The store URL must be the shop's own address, https://NAME.myshopify.com", "store_url"
		)
	return domain


def shop_base(channel: Channel, allow_loopback: bool) -> str:
	"""Scheme and host that the shop's API is reached at.

	:param allow_loopback: for development: the shop may be on this machine
	:raises Misconfigured: the store URL is no shop's address
	"""
	domain = shop_domain(channel)
	if domain != SIMULATED or not _is_loopback(channel.store_url):
		return f"https://{domain}"
	if not allow_loopback:
		raise misconfigured(channel, "This site may not talk to a shop on this machine", "store_url")
	parts = urlsplit(channel.store_url)
	return f"{parts.scheme}://{parts.netloc}"


def api_version(channel: Channel) -> str:
	"""The version the channel asks for. Raises `Misconfigured` where that is none."""
	version = channel.api_version or DEFAULT_VERSION
	if not is_version(version):
		raise misconfigured(
			channel, f"{version!r} is not an API version such as {DEFAULT_VERSION}", "api_version"
		)
	return version


def is_shop(url: str) -> bool:
	"""Whether a store URL is the address of a shop of Shopify, or of one on this machine."""
	return known_domain(url) is not None


def is_version(version: str) -> bool:
	"""Whether it is the name of an API version: Shopify makes one a quarter."""
	return _VERSION.fullmatch(version) is not None


def misconfigured(
	channel: Channel, message: str, fieldname: str | None = None, kind: type[Misconfigured] = Misconfigured
) -> Misconfigured:
	return kind(message, doctype="Channel Settings", document=channel.name, fieldname=fieldname)


class NoAccess(Misconfigured):
	"""The shop does not take our access any more, or never gave it."""


def known_domain(url: str) -> str | None:
	"""Like `shop_domain`, of a store URL; None where that is no shop's address."""
	if _is_loopback(url):
		return SIMULATED
	host = url.strip().lower().removeprefix("https://").rstrip("/")
	return host if _DOMAIN.fullmatch(host) else None


def _is_loopback(url: str) -> bool:
	try:
		parts = urlsplit(url)
		return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback and bool(parts.netloc)
	except ValueError:
		return False
