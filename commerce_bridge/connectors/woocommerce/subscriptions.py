"""Where a shop posts a channel's events: webhooks of WooCommerce, made by us and kept in step with the channel.

WooCommerce sends nothing twice: after some failed deliveries it switches a webhook off, and switched on again it
keeps their count, so that the next failure switches it off at once. So one that is not active is made anew.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.connectors.woocommerce.client import NotFound, WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import SIGNED_WITH, remember, signed_with
from commerce_bridge.connectors.woocommerce.shop import is_loopback, misconfigured

TOPICS = (
	"order.created",
	"order.updated",
	"order.deleted",
	"order.restored",
	"product.created",
	"product.updated",
	"product.deleted",
	"product.restored",
	"customer.created",
	"customer.updated",
	"customer.deleted",
)
#: To no others does WordPress post, unless somebody changed it.
#: https://developer.wordpress.org/reference/functions/wp_http_validate_url/
PORTS = frozenset({80, 443, 8080})
_NAME = "Commerce Bridge"
_SHOWN = 10


def register(
	client: WooCommerceClient,
	channel: Channel,
	credentials: Credentials,
	callback_url: str,
	allow_http: bool = False,
) -> str:
	"""Makes the webhooks that are missing, removes those of ours that are wrong, and leaves the others.

	:param allow_http: for development: the shop may post to this machine without TLS
	:return: what was done, and what a person has to do
	:raises Misconfigured: this site has no https address, or the channel no webhook secret
	:raises Rejected: the shop refused a webhook; the others were made
	"""
	secret = _secret(channel, credentials)
	_check_address(channel, callback_url, allow_http)
	plan = _plan(client, credentials, callback_url)
	if signed_with(client) != _mark(secret):
		# Until the last of them is signed with the new one, no secret is that of all.
		remember(client, {SIGNED_WITH: None})
	# The new one first: what happens in between is then told twice rather than not at all.
	refused = _refusals(lambda topic: _create(client, channel, topic, callback_url, secret), plan.missing)
	left = _refusals(lambda row: _delete(client, row), plan.wrong)
	if not left:  # those that are there are signed with this one: they stay, whichever are missing
		remember(client, {SIGNED_WITH: _mark(secret)})
	if refused or left:
		raise Rejected("The shop refused webhooks: " + "; ".join([*refused, *left][:_SHOWN]))
	return plan.summary(callback_url)


def unregister(client: WooCommerceClient, callback_url: str) -> None:
	"""Removes every webhook that posts to this address. Raises `Rejected` for those that would not go."""
	rows = [row for row in _webhooks(client) if _posts_to(row, callback_url)]
	errors = _refusals(lambda row: _delete(client, row), rows)
	if errors:
		raise Rejected("The shop did not remove webhooks: " + "; ".join(errors[:_SHOWN]))
	remember(client, {SIGNED_WITH: None})


def differ(client: WooCommerceClient, credentials: Credentials, callback_url: str) -> bool:
	"""Whether `register` would change something now."""
	plan = _plan(client, credentials, callback_url)
	return bool(plan.missing or plan.wrong)


def own_webhooks(client: WooCommerceClient, channel: Channel) -> list[dict[str, Any]]:
	"""The shop's webhooks that bear the channel's name, wherever they post to."""
	prefix = _name(channel, "")
	return [row for row in _webhooks(client) if html.unescape(str(row.get("name"))).startswith(prefix)]


def is_closed_port(url: str) -> bool:
	"""Whether WordPress as it comes does not post to an address for its port."""
	parts = urlsplit(url)
	return (parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)) not in PORTS


@dataclass(slots=True)
class _Plan:
	kept: list[str] = field(default_factory=list)
	missing: list[str] = field(default_factory=list)
	wrong: list[dict[str, Any]] = field(default_factory=list)
	elsewhere: list[str] = field(default_factory=list)

	def summary(self, callback_url: str) -> str:
		"""In words, for the form and the Sync Log."""
		told = [
			f"WooCommerce posts {len(self.kept) + len(self.missing)} topics to {callback_url} "
			f"({len(self.missing)} made, {len(self.wrong)} removed, {len(self.kept)} left as they were)."
		]
		if self.elsewhere:
			hosts = ", ".join(sorted(set(self.elsewhere)))
			told.append(
				f"The shop also posts for a channel of this name to {hosts}; nothing was changed there."
			)
		if is_closed_port(callback_url):
			told.append(
				"WordPress as it comes posts to the ports 80, 443 and 8080 only: give this site one of them, or "
				"allow its port in the shop (filter http_allowed_safe_ports)."
			)
		return " ".join(told)


def _plan(client: WooCommerceClient, credentials: Credentials, callback_url: str) -> _Plan:
	plan = _Plan()
	# The shop never tells a secret: those of another one, or of one we do not know of, are made anew.
	signed = bool(credentials.webhook_secrets) and signed_with(client) == _mark(
		credentials.webhook_secrets[0]
	)
	for row in _webhooks(client):
		topic = row.get("topic")
		if not _posts_to(row, callback_url):
			plan.elsewhere.extend(_host_of_same_channel(row, callback_url))
		elif signed and topic in TOPICS and topic not in plan.kept and row.get("status") == "active":
			plan.kept.append(str(topic))
		else:
			plan.wrong.append(row)
	plan.missing = [topic for topic in TOPICS if topic not in plan.kept]
	return plan


def _webhooks(client: WooCommerceClient) -> list[dict[str, Any]]:
	return [row for page in client.pages("webhooks", orderby="id", order="asc") for row in page]


def _create(client: WooCommerceClient, channel: Channel, topic: str, callback_url: str, secret: str) -> None:
	webhook = {
		"name": _name(channel, topic),
		"topic": topic,
		"delivery_url": callback_url,
		"secret": secret,
		"status": "active",
	}
	client.post("webhooks", webhook)


def _delete(client: WooCommerceClient, row: Mapping[str, Any]) -> None:
	try:
		client.delete(f"webhooks/{row['id']}", force=True)
	except NotFound:  # somebody else was first
		return


def _refusals(action: Callable[[Any], None], subjects: list[Any]) -> list[str]:
	"""Does something to each; what the shop refused, in words."""
	errors = []
	for subject in subjects:
		try:
			action(subject)
		except Rejected as error:
			errors.append(f"{subject if isinstance(subject, str) else subject.get('topic')}: {error}")
	return errors


def _name(channel: Channel, topic: str) -> str:
	return f"{_NAME} {channel.name}: {topic}"


def _secret(channel: Channel, credentials: Credentials) -> str:
	secret = credentials.webhook_secrets[0] if credentials.webhook_secrets else ""
	if not secret:
		message = "The channel has no webhook secret, with which WooCommerce is to sign: make one"
		raise misconfigured(channel, message, "webhook_secret")
	if html.unescape(secret) != secret or secret != secret.strip():
		# WooCommerce signs with what the entities in it stand for.
		message = "The webhook secret holds blanks or HTML entities: use letters and digits"
		raise misconfigured(channel, message, "webhook_secret")
	return secret


def _check_address(channel: Channel, callback_url: str, allow_http: bool) -> None:
	if callback_url.startswith("https://") or (allow_http and is_loopback(callback_url)):
		return
	message = (
		f"WooCommerce may post to an https address only, and this site's is {callback_url}: set host_name"
	)
	raise misconfigured(channel, message)


def _posts_to(row: Mapping[str, Any], callback_url: str) -> bool:
	return unquote(html.unescape(str(row.get("delivery_url")))) == unquote(callback_url)


def _host_of_same_channel(row: Mapping[str, Any], callback_url: str) -> list[str]:
	"""The host of an address like ours elsewhere: this site before it moved, or a copy of it."""
	theirs, ours = _split(str(row.get("delivery_url"))), _split(callback_url)
	same = (theirs.path, theirs.query) == (ours.path, ours.query)
	return [theirs.netloc.rpartition("@")[2]] if same and theirs.netloc else []


def _split(url: str) -> SplitResult:
	return urlsplit(unquote(html.unescape(url)))


def _mark(secret: str) -> str:
	"""A secret that is known again, and cannot be read: 32 bits of its hash."""
	return hashlib.sha256(secret.encode("utf-8")).hexdigest()[:8]
