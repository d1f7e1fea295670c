"""The platforms there are. Each is one folder here, or lies in another app that registers it.

Other apps name theirs in the hook `commerce_bridge_connectors`; the app hands those to `register`.
"""

from __future__ import annotations

from importlib import import_module

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now, utc_now
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.protocols import Connector, ConnectorFactory, Transport

_factories: dict[str, str] = {
	"custom": "commerce_bridge.connectors.custom.connector.CustomConnector",
}


def platforms() -> list[str]:
	"""Names of all platforms, sorted."""
	return sorted(_factories)


def register(platform: str, factory: str) -> None:
	"""Adds a platform, or replaces one.

	:param platform: lower-case name, as Channel Settings keeps it
	:param factory: dotted path of a `ConnectorFactory`; imported when a channel of the platform is first used
	"""
	_factories[platform] = factory


def build(channel: Channel, credentials: Credentials, transport: Transport, now: Now = utc_now) -> Connector:
	"""The connector of a channel, for one unit of work.

	:raises Misconfigured: no such platform, or its code cannot be imported
	"""
	return _factory(channel)(channel, credentials, transport, now)


def _factory(channel: Channel) -> ConnectorFactory:
	path = _factories.get(channel.platform)
	if path is None:
		known = ", ".join(platforms())
		raise _misconfigured(channel, f"There is no platform {channel.platform!r}; known: {known}")
	module, _, name = path.rpartition(".")
	try:
		return getattr(import_module(module), name)
	except (ImportError, AttributeError, ValueError):
		raise _misconfigured(channel, f"The connector {path} cannot be imported") from None


def _misconfigured(channel: Channel, message: str) -> Misconfigured:
	return Misconfigured(message, doctype="Channel Settings", document=channel.name, fieldname="platform")
