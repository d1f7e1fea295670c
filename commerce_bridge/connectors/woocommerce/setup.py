"""Setting a channel up: its keys, how a person gives them, and whether all of it is right."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import Check, Surroundings, Token
from commerce_bridge.connectors.woocommerce import subscriptions
from commerce_bridge.connectors.woocommerce.client import NotFound, Reply, WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import Facts, is_supported, probe, supported_versions
from commerce_bridge.connectors.woocommerce.shop import (
	is_encrypted,
	is_loopback,
	known_base,
	misconfigured,
	shop_base,
)

#: How far the shop's clock may be from ours before the check says so. Over plain http requests are refused once it
#: is 15 minutes.
CLOCK_WARNING = timedelta(seconds=60)
_APP_NAME = "ERPNext (Commerce Bridge)"
_KEYS_PAGE = "WooCommerce > Settings > Advanced > REST API"


# --- settings ------------------------------------------------------------------------------------------------


def settings_problems(settings: Mapping[str, Any], given: Collection[str]) -> list[tuple[str, str]]:
	"""What is wrong with a channel's settings before anything is asked of the shop.

	:param settings: store_url and statuses of Channel Settings, by fieldname
	:param given: those of api_key and api_secret that are filled in; "token" where the shop gave a key itself
	:return: (fieldname, what is wrong with it, in words)
	"""
	problems = []
	if known_base(settings.get("store_url") or "") is None:
		problems.append(
			(
				"store_url",
				"enter the shop's address, such as https://shop.example or https://example.com/shop",
			)
		)
	if "token" not in given:
		problems.extend((name, told) for name, told in _MISSING.items() if name not in given)
	return [*problems, *_status_problems(settings)]


def _status_problems(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
	"""Statuses are asked for by what the shop's API calls them: wc-processing in its database is processing there."""
	for fieldname in _STATUS_FIELDS:
		for status in str(settings.get(fieldname) or "").split("\n"):
			if status.strip() and not _STATUS.fullmatch(status.strip()):
				wanted = "letters, digits and dashes, without wc- before them, such as on-hold"
				yield fieldname, f"{status.strip()} is no status of an order: enter {wanted}"


_STATUS_FIELDS = ("order_statuses", "shipped_status", "partly_shipped_status")
#: WordPress keeps 20 characters of a status, `wc-` included.
_STATUS = re.compile(r"(?!wc-)[a-z0-9_-]{1,17}")


_MISSING = {
	"api_key": f"press Connect to Shop, or enter the consumer key (ck_…) of {_KEYS_PAGE}",
	"api_secret": f"press Connect to Shop, or enter the consumer secret (cs_…) of {_KEYS_PAGE}",
}
_LABELS = {
	"store_url": "Store URL",
	"api_key": "API Key",
	"api_secret": "API Secret",
	"webhook_secret": "Webhook Secret",
}


# --- authorisation -------------------------------------------------------------------------------------------


def authorisation_url(
	channel: Channel, surroundings: Surroundings, callback_url: str, return_url: str, state: str
) -> str:
	"""Where a person agrees that the shop makes a key for us. The shop posts the key to `callback_url` and sends the
	person to `return_url`, in whose query it says whether they agreed.

	https://woocommerce.github.io/woocommerce-rest-api-docs/#rest-api-keys

	:param state: letters, digits, dots, dashes and underscores: the shop takes other characters out
	:raises Misconfigured: the store URL is none, or this site has no https address
	"""
	base = shop_base(channel)
	here = surroundings.allow_loopback and is_loopback(callback_url)
	if not (callback_url.startswith("https://") or here):
		message = f"WooCommerce gives a key to an https address only, and this site's is {callback_url}: set host_name"
		raise misconfigured(channel, message)
	query = {
		"app_name": _APP_NAME,
		"scope": "read_write",
		"user_id": state,
		"return_url": _decodable(return_url),
		"callback_url": callback_url,
	}
	return f"{base}/wc-auth/v1/authorize?{urlencode(query)}"


def authorised(query: Mapping[str, str]) -> Token:
	"""The key that the shop posted, as a token "ck_…:cs_…". The caller has checked the state.

	:param query: the shop's message: consumer_key, consumer_secret, key_permissions
	:raises Rejected: it is no key, or one that may not do what is needed
	"""
	key, secret = query.get("consumer_key", ""), query.get("consumer_secret", "")
	if not (re.fullmatch(r"ck_\w{8,128}", key, re.ASCII) and re.fullmatch(r"cs_\w{8,128}", secret, re.ASCII)):
		raise Rejected("The shop's answer holds no key: press Connect to Shop again")
	if query.get("key_permissions") != "read_write":
		raise Rejected("The shop's key may not both read and write: press Connect to Shop again")
	return Token(f"{key}:{secret}")


def _decodable(url: str) -> str:
	"""The address, or the page above it: the shop decodes it at every step of the log-in, and then takes one with a
	blank for no address at all."""
	while "%" in url or "+" in url:
		url = url.rpartition("/")[0]
	return url


# --- the check -----------------------------------------------------------------------------------------------


def check(
	channel: Channel,
	credentials: Credentials,
	surroundings: Surroundings,
	connect: Callable[[], WooCommerceClient],
) -> list[Check]:
	"""What keeps the channel from working, each line with what to change: settings, reachability, rights of the key,
	version, currency, stock management, order statuses, clock, encryption and webhooks.

	:param connect: makes the client, once the settings are known to be in order
	"""
	problems = list(_setting_checks(channel, credentials, surroundings))
	return problems or _Checks(connect(), credentials).all()


def warnings(client: WooCommerceClient) -> list[Check]:
	"""What changed in the shop so that it will not be worked with well: its version, currency, stock management.
	What is known of the shop is asked anew."""
	return [line for line in _Checks(client, Credentials()).of_shop(probe(client)) if not line.ok]


def _setting_checks(
	channel: Channel, credentials: Credentials, surroundings: Surroundings
) -> Iterator[Check]:
	given = {name for name in _MISSING if getattr(credentials, name)}
	if surroundings.memory.get_token(channel.name):
		given.add("token")
	for fieldname, problem in settings_problems({"store_url": channel.store_url}, given):
		yield _line(channel, False, f"{_LABELS[fieldname]}: {problem}", f"Fill in {_LABELS[fieldname]}")
	if "token" in given:
		return
	for fieldname, begin in (("api_key", "ck_"), ("api_secret", "cs_")):
		value = (getattr(credentials, fieldname) or "").strip()
		if value and not value.startswith(begin):
			title = f"{_LABELS[fieldname]}: what WooCommerce shows there begins with {begin}"
			yield _line(channel, False, title, f"Copy it anew from {_KEYS_PAGE}")


def _line(channel: Channel, ok: bool, title: str, fix: str | None = None, warning: bool = False) -> Check:
	return Check(
		ok=ok,
		title=title,
		fix=fix,
		severity="warning" if warning else "error",
		doctype="Channel Settings",
		document=channel.name,
	)


class _Checks:
	def __init__(self, client: WooCommerceClient, credentials: Credentials):
		self._client = client
		self._channel = client.channel
		self._credentials = credentials

	def all(self) -> list[Check]:
		try:
			index = self._client.send("GET", "/", {"_fields": "home"})
			facts = probe(self._client)
		except BridgeError as error:
			return [self._unreachable(error)]
		lines = [self._line(True, f"WooCommerce {facts.version} answers and takes the key")]
		for part in (
			self._address(index),
			self._clock(index),
			self.of_shop(facts),
			self._rights(),
			self._statuses(),
			self._webhooks(),
		):
			try:
				lines.extend(part)
			except BridgeError as error:
				lines.append(self._unreachable(error))
		return lines

	def of_shop(self, facts: Facts) -> Iterator[Check]:
		"""What of the shop's own settings matters to the channel."""
		if not is_supported(facts.version):
			title = f"WooCommerce {facts.version} is not a version this connector was written for"
			fix = f"Use {supported_versions()}, and look at orders and stock with care meanwhile"
			yield self._line(False, title, fix, warning=True)
		if facts.currency and facts.currency != self._channel.currency:
			title = f"The shop's currency is {facts.currency}, the channel's {self._channel.currency}"
			yield self._line(False, title, f"Set Currency and Price List of the channel to {facts.currency}")
		if self._channel.stock.push and not facts.stock_management:
			title = "The shop does not count stock: levels that are sent to it are lost"
			fix = "Switch on WooCommerce > Settings > Products > Inventory > Enable stock management"
			yield self._line(False, title, fix)
		if self._channel.catalog.push_prices:
			words = "with" if facts.prices_with_tax else "without"
			title = f"The shop takes prices {words} tax: those of the channel's price list must be {words} it, too"
			yield self._line(True, title)

	def _unreachable(self, error: BridgeError) -> Check:
		label = _LABELS.get(error.fieldname or "") if isinstance(error, Misconfigured) else None
		fix = f"Check {label} in Channel Settings" if label else "Try again; see WooCommerce > Status"
		line = self._line(False, f"The shop cannot be worked with: {error}", fix)
		return replace(line, unreachable=isinstance(error, Retryable))

	def _address(self, index: Reply) -> Iterator[Check]:
		home = index.body.get("home") if isinstance(index.body, dict) else None
		theirs = known_base(home) if isinstance(home, str) else None
		if theirs and theirs != self._client.base:
			title = f"WordPress says that the shop's address is {theirs}, not {self._client.base}"
			yield self._line(False, title, f"Set Store URL to {theirs}", warning=True)
		if is_encrypted(self._client.base):
			return
		title = (
			"The shop is talked to without encryption: names and addresses of buyers can be read on the way"
		)
		yield self._line(
			False, title, "Give the shop a certificate and set Store URL to https://", warning=True
		)

	def _clock(self, index: Reply) -> Iterator[Check]:
		theirs = index.answered_at
		if theirs is None:
			return
		off = abs(theirs - self._client.now())
		if off <= CLOCK_WARNING:
			yield self._line(True, "The shop's clock agrees with ours")
			return
		title = f"This server's clock and the shop's differ by {int(off.total_seconds())} s"
		fix = "Synchronise both (NTP): over plain http the shop refuses requests from 15 minutes on"
		yield self._line(False, title, fix, warning=True)

	def _rights(self) -> Iterator[Check]:
		"""Asks for changes of nothing: the shop looks at the key's rights first, and there is no webhook 0."""
		for kind in ("products", "orders", "customers"):
			self._client.get(kind, per_page=1, _fields="id")
		for kind in ("products", "orders", "webhooks"):
			self._client.post(f"{kind}/batch", {})
		for attempt in (
			lambda: self._client.put("webhooks/0", {}),
			lambda: self._client.delete("webhooks/0", force=True),
		):
			try:
				attempt()
			except NotFound:
				continue
		yield self._line(True, "The key may read and write orders, products, customers and webhooks")

	def _statuses(self) -> Iterator[Check]:
		rows = self._client.get("reports/orders/totals")
		known = (
			[str(row.get("slug")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
		)
		if not known:
			return
		shipped = self._channel.shipped
		wanted = dict.fromkeys((*self._channel.orders.statuses, shipped.whole, shipped.part))
		for status in wanted:
			if status and status not in (*known, "trash"):
				title = f"The shop has no order status {status!r}"
				fix = f"Enter one of: {', '.join(known)}; or switch on the plugin in the shop that adds it"
				yield self._line(False, title, fix, warning=True)

	def _webhooks(self) -> Iterator[Check]:
		rows = subscriptions.own_webhooks(self._client, self._channel)
		active = {str(row.get("topic")) for row in rows if row.get("status") == "active"}
		missing = [topic for topic in subscriptions.TOPICS if topic not in active]
		if not self._credentials.webhook_secrets:
			title = "The channel has no webhook secret: what the shop posts is not taken"
			yield self._line(
				False, title, "Make a Webhook Secret, then press Register Webhooks", warning=True
			)
		elif missing:
			told = ", ".join(missing) if active else "anything to this channel"
			title = f"WooCommerce does not post {told}: webhooks are missing, or the shop switched them off"
			fix = "Press Register Webhooks; until then orders come by polling, some minutes later"
			yield self._line(False, title, fix, warning=True)
		else:
			yield self._line(True, f"WooCommerce posts {len(active)} topics")
		if any(subscriptions.is_closed_port(str(row.get("delivery_url"))) for row in rows):
			title = "Webhooks go to a port that WordPress as it comes does not post to"
			fix = (
				"Give this site port 443, 80 or 8080, or allow its port in the shop (http_allowed_safe_ports)"
			)
			yield self._line(False, title, fix, warning=True)

	def _line(self, ok: bool, title: str, fix: str | None = None, warning: bool = False) -> Check:
		return _line(self._channel, ok, title, fix, warning)
