"""The platforms there are. Each is one folder here, or lies in another app that registers it.

Other apps name theirs in the hook `commerce_bridge_connectors`; the app hands those to `register`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from commerce_bridge.bridge import gateways
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.protocols import Connector, ConnectorFactory, Surroundings, UsualGateway

_factories: dict[str, str] = {
	"custom": "commerce_bridge.connectors.custom.connector.CustomConnector",
	"shopify": "commerce_bridge.connectors.shopify.connector.ShopifyConnector",
	"woocommerce": "commerce_bridge.connectors.woocommerce.connector.WooCommerceConnector",
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


def build(channel: Channel, credentials: Credentials, surroundings: Surroundings) -> Connector:
	"""The connector of a channel, for one unit of work.

	:raises Misconfigured: no such platform, or its code cannot be imported
	"""
	return _factory(channel)(channel, credentials, surroundings)


def settings_problems(
	platform: str, settings: Mapping[str, Any], given: Collection[str]
) -> list[tuple[str, str]]:
	"""What is wrong with a channel's settings, as far as its platform can say without asking the shop.

	A connector says it by a static method of this name, without the platform.

	:param settings: by the fieldnames of Channel Settings: store_url, api_version, authentication, and the statuses
		order_statuses (one per line), shipped_status, partly_shipped_status
	:param given: fieldnames of the credentials that are filled in; "token" where the shop gave one
	:return: (fieldname, what is wrong with it, in words); nothing for a platform that is not there
	"""
	check = _trait(platform, "settings_problems")
	return check(settings, given) if check else []


def signs_with_api_secret(platform: str) -> bool:
	"""Whether the platform signs its webhooks with the API secret, so that one that was replaced has to be
	accepted for a while. A connector says so by the class attribute `api_secret_signs`."""
	return bool(_trait(platform, "api_secret_signs"))


def default_statuses(platform: str) -> tuple[str, ...]:
	"""Statuses of the orders that are taken where the channel names none; empty: all. A connector says them by the
	class attribute of this name."""
	return tuple(_trait(platform, "default_statuses") or ())


def usual_gateways(platform: str) -> tuple[UsualGateway, ...]:
	"""Payment gateways many shops have, by the names the platform gives them. A connector says them by the class
	attribute of this name; of one that does not, the plain names are assumed."""
	return tuple(_trait(platform, "usual_gateways") or gateways.PLAIN)


def sets_webhook_secret(platform: str) -> bool:
	"""Whether `register_webhooks` tells the shop the secret to sign with, so that nobody has to enter it there. A
	connector says so by the class attribute of this name."""
	return bool(_trait(platform, "sets_webhook_secret"))


def posts_keys(platform: str) -> bool:
	"""Whether the shop posts its keys once a person has agreed, instead of sending them with that person's browser.
	A connector says so by the class attribute of this name."""
	return bool(_trait(platform, "posts_keys"))


def _trait(platform: str, name: str) -> Any:
	path = _factories.get(platform, "")
	try:
		return getattr(_import(path), name, None)
	except (ImportError, AttributeError, ValueError):
		return None


def _factory(channel: Channel) -> ConnectorFactory:
	path = _factories.get(channel.platform)
	if path is None:
		known = ", ".join(platforms())
		raise _misconfigured(channel, f"There is no platform {channel.platform!r}; known: {known}")
	try:
		return _import(path)
	except (ImportError, AttributeError, ValueError):
		raise _misconfigured(channel, f"The connector {path} cannot be imported") from None


def _import(path: str) -> Any:
	module, _, name = path.rpartition(".")
	return getattr(import_module(module), name)


def _misconfigured(channel: Channel, message: str) -> Misconfigured:
	return Misconfigured(message, doctype="Channel Settings", document=channel.name, fieldname="platform")
