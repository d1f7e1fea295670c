"""Setting a channel up: what its credentials must be, what the app may do, and whether all of it is right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import Check, Surroundings, Token
from commerce_bridge.connectors.shopify import session
from commerce_bridge.connectors.shopify.client import Result, ShopifyClient
from commerce_bridge.connectors.shopify.documents.setup import LOCATIONS, SCOPES, SHOP
from commerce_bridge.connectors.shopify.ids import legacy_id
from commerce_bridge.connectors.shopify.payments import SHOPIFY_PAYMENTS
from commerce_bridge.connectors.shopify.shop import (
	DEFAULT_VERSION,
	SUPPORTED_VERSIONS,
	is_shop,
	is_version,
	misconfigured,
	shop_base,
	shop_domain,
)

#: How far Shopify's clock may be from ours before the check says so: tokens end by the clock.
CLOCK_WARNING = timedelta(seconds=60)
#: How long before the end of its API version a channel is warned.
VERSION_WARNING = timedelta(days=90)
#: Plans under which apps made in the shop's own admin are not told who the buyer is.
#: https://www.shopify.dev/docs/apps/launch/protected-customer-data
_WITHHOLDING_PLANS = frozenset({"Basic", "Starter", "Lite", "Retail"})
_CLOSED_PLANS = frozenset({"Inactive", "Paused"})
_SCOPES_PAGE = "the app's Configuration at dev.shopify.com (or Settings > Apps > Develop apps)"


# --- settings ------------------------------------------------------------------------------------------------


def settings_problems(settings: Mapping[str, Any], given: Collection[str]) -> list[tuple[str, str]]:
	"""What is wrong with a channel's settings before anything is asked of Shopify.

	:param settings: store_url, api_version and authentication of Channel Settings
	:param given: those of api_key, api_secret, access_token and webhook_secret that are filled in
	:return: (fieldname, what is wrong with it, in words)
	"""
	problems = []
	url, version = settings.get("store_url") or "", settings.get("api_version") or ""
	if not is_shop(url):
		problems.append(
			("store_url", "enter the shop's own address, https://NAME.myshopify.com, not the one buyers see")
		)
	if version and not is_version(version):
		problems.append(("api_version", f"enter a version such as {DEFAULT_VERSION}, or nothing"))
	elif version and version not in SUPPORTED_VERSIONS:
		known = ", ".join(SUPPORTED_VERSIONS)
		problems.append(("api_version", f"{version} is not one this connector was tested with: {known}"))
	method = settings.get("authentication") or "Access Token"
	for fieldname in _NEEDED.get(method, ()):
		signs = fieldname == "api_secret" and method == "Access Token" and "webhook_secret" in given
		if fieldname not in given and not signs:
			problems.append((fieldname, _MISSING[fieldname].format(method=method)))
	return problems


_NEEDED = {
	"Access Token": ("access_token", "api_secret"),
	"Client Credentials": ("api_key", "api_secret"),
	"Authorisation": ("api_key", "api_secret"),
}
_MISSING = {
	"access_token": "is needed for {method}: paste the Admin API access token of the app (shpat_…)",
	"api_key": "is needed for {method}: enter the app's client id",
	"api_secret": "is needed for {method}: enter the app's client secret, with which Shopify signs its webhooks",
}


# --- what the app may do -------------------------------------------------------------------------------------


def needed_scopes(channel: Channel) -> dict[str, str]:
	"""The access scopes of what is switched on, each with what it is for, in words."""
	scopes: dict[str, str] = {
		"read_orders": "orders",
		"read_customers": "the buyer of an order",
		"read_products": "products and their variants",
		"read_fulfillments": "what was sent from Shopify's own admin",
		"read_merchant_managed_fulfillment_orders": "the location an order is sent from",
		"write_merchant_managed_fulfillment_orders": "telling Shopify of shipments",
		"read_returns": "returns",
	}
	if channel.stock.push or mapped_locations(channel):
		scopes["read_locations"] = "locations"
	if channel.stock.push or channel.stock.watch:
		scopes["read_inventory"] = "stock levels"
	if channel.stock.push:
		scopes["write_inventory"] = "Send Stock"
	if channel.catalog.push_listings or channel.catalog.push_prices:
		scopes["write_products"] = "Send Products and Send Prices"
	if channel.catalog.push_listings:
		scopes["read_publications"] = "the shop's sales channels"
		scopes["write_publications"] = "showing new products in the Online Store"
	writes = []
	if channel.orders.send_local_changes or channel.events.order_status != "Nothing":
		writes.append("Send Changes Made in ERPNext and Order Status")
	if channel.events.invoices != "Nothing":
		writes.append("Send Invoices")
	if channel.refunds.send_refunds:
		writes.append("Give Money Back through the Shop")
	if writes:
		scopes["write_orders"] = ", ".join(writes)
	return scopes


def useful_scopes(channel: Channel) -> dict[str, str]:
	"""Those that something is left undone without, in words, and nothing else suffers."""
	scopes = {
		"read_all_orders": "it sees orders of the last 60 days only. To import older orders",
		"write_returns": "Shopify is not told what becomes of a return in ERPNext. For that",
	}
	if any(fnmatchcase(SHOPIFY_PAYMENTS, row.gateway.casefold()) for row in channel.payments):
		told = "payouts of Shopify Payments cannot be read. For that"
		scopes |= {"read_shopify_payments_accounts": told, "read_shopify_payments_payouts": told}
	return scopes


def missing_scopes(needed: Iterable[str], granted: Collection[str]) -> list[str]:
	"""Those not granted. Who may write may read."""
	covered = {*granted, *(f"read_{scope[6:]}" for scope in granted if scope.startswith("write_"))}
	return [scope for scope in needed if scope not in covered]


def granted_scopes(client: ShopifyClient) -> set[str]:
	"""The scopes the app has in this shop."""
	return _handles(client.run(SCOPES))


def mapped_locations(channel: Channel) -> list[str]:
	"""The locations of the warehouse table, each once."""
	return list(dict.fromkeys(row.location_id for row in channel.warehouses if row.location_id))


def _handles(data: Mapping[str, Any]) -> set[str]:
	installation = data.get("currentAppInstallation") or {}
	return {scope["handle"] for scope in installation.get("accessScopes") or ()}


# --- authorisation -------------------------------------------------------------------------------------------


def authorisation_url(
	channel: Channel, credentials: Credentials, surroundings: Surroundings, callback_url: str, state: str
) -> str:
	"""Where a person agrees that the app may do what the channel needs.

	:raises Misconfigured: the store URL or the API key is missing
	"""
	if not credentials.api_key:
		raise misconfigured(channel, "The channel has no API key (client id of the app)", "api_key")
	if not credentials.api_secret:
		raise misconfigured(channel, "The channel has no API secret (client secret of the app)", "api_secret")
	domain, base = shop_domain(channel), shop_base(channel, surroundings.allow_loopback)
	url = session.permission_url(
		domain, credentials.api_key, sorted({*needed_scopes(channel), "write_returns"}), callback_url, state
	)
	return url.replace(f"https://{domain}", base, 1)


def authorised(
	client: ShopifyClient,
	channel: Channel,
	credentials: Credentials,
	surroundings: Surroundings,
	query: Mapping[str, str],
) -> Token:
	"""The token, for what Shopify sent back with a person who agreed. The caller has checked the state.

	:raises Rejected: it is not of Shopify, or of another shop
	"""
	if not session.is_signed(query, credentials.api_secret or "", surroundings.now()):
		raise Rejected("Shopify did not sign this answer, or too long ago: press Connect to Shop again")
	if query.get("shop", "").strip().lower() != shop_domain(channel):
		raise Rejected("This answer is of another shop than the channel's")
	if not query.get("code"):
		raise Rejected("Shopify's answer holds no code: press Connect to Shop again")
	return client.tokens.exchange(query["code"])


# --- the check -----------------------------------------------------------------------------------------------


def check(
	channel: Channel, credentials: Credentials, connect: Callable[[], ShopifyClient], now: datetime
) -> list[Check]:
	"""What keeps the channel from working, each line with what to change: settings, reachability, scopes,
	currency, version, clock, locations and the shop's plan.

	:param connect: makes the client, once the settings are known to be in order
	"""
	problems = list(_setting_checks(channel, credentials))
	return problems or _Checks(channel, connect(), now).all()


def warnings(client: ShopifyClient, now: datetime) -> list[Check]:
	"""That the channel's API version ends soon, or has ended: Shopify answers with another one then."""
	return [check for check in _Checks(client.channel, client, now).versions() if not check.ok]


def _setting_checks(channel: Channel, credentials: Credentials) -> Iterator[Check]:
	values = channel.model_dump(include={"store_url", "api_version", "authentication"})
	given = [name for name in _MISSING if getattr(credentials, name)]
	if any(credentials.webhook_secrets):
		given.append("webhook_secret")
	for fieldname, problem in settings_problems(values, given):
		label = _LABELS[fieldname]
		yield _line(channel, False, f"{label}: {problem}", f"Fill in {label}")


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
	def __init__(self, channel: Channel, client: ShopifyClient, now: datetime):
		self._channel = channel
		self._client = client
		self._now = now

	def all(self) -> list[Check]:
		try:
			result = self._client.ask(SHOP)
			granted = _handles(result.data)
			return [
				self._line(True, "Shopify answers and takes the access token"),
				*self._shop(result),
				*self._scopes(granted),
				*self._versions(result),
				*self._clock(result),
				*(self._locations() if not missing_scopes(["read_locations"], granted) else ()),
			]
		except BridgeError as error:
			return [self._unreachable(error)]

	def versions(self) -> list[Check]:
		return list(self._versions(self._client.ask(SHOP)))

	def _unreachable(self, error: BridgeError) -> Check:
		label = _LABELS.get(error.fieldname or "") if isinstance(error, Misconfigured) else None
		fix = f"Check {label} in Channel Settings" if label else "Try again; see status.shopify.com"
		line = self._line(False, f"Shopify cannot be worked with: {error}", fix)
		return replace(line, unreachable=isinstance(error, Retryable))

	def _shop(self, result: Result) -> Iterator[Check]:
		shop = result.data.get("shop") or {}
		domain, currency = shop.get("myshopifyDomain"), shop.get("currencyCode")
		if domain and domain != shop_domain(self._channel):
			title = f"The token is of another shop: {domain}"
			yield self._line(False, title, "Enter that shop's address in Store URL, or the token of this one")
		if currency and currency != self._channel.currency:
			title = f"The shop's currency is {currency}, the channel's {self._channel.currency}"
			yield self._line(False, title, f"Set Currency and Price List of the channel to {currency}")
		yield from self._plan((shop.get("plan") or {}).get("publicDisplayName"))

	def _plan(self, plan: str | None) -> Iterator[Check]:
		if plan in _CLOSED_PLANS:
			yield self._line(
				False, f"The shop is {plan.lower()} at Shopify", "Choose a plan in Shopify's admin"
			)
		if plan in _WITHHOLDING_PLANS and self._channel.authentication == "Access Token":
			yield self._line(
				False,
				f"On the plan {plan}, Shopify withholds names and addresses from apps made in the shop's admin",
				"Make the app at dev.shopify.com and use Client Credentials, or choose a higher plan",
				warning=True,
			)

	def _scopes(self, granted: Collection[str]) -> Iterator[Check]:
		needed = needed_scopes(self._channel)
		missing = missing_scopes(needed, granted)
		for scope in missing:
			title = f"The app lacks the access scope {scope}, for {needed[scope]}"
			yield self._line(False, title, f"Add {scope} in {_SCOPES_PAGE}, release it, and install it anew")
		if not missing:
			yield self._line(True, "The app has every access scope that is needed")
		useful = useful_scopes(self._channel)
		for scope in missing_scopes(useful, granted):
			without, _, purpose = useful[scope].rpartition(". ")
			title = f"The app lacks the access scope {scope}: {without}"
			yield self._line(False, title, f"{purpose}, add it in {_SCOPES_PAGE}", warning=True)

	def _versions(self, result: Result) -> Iterator[Check]:
		version, answered = self._client.version, self._client.answered_version
		if answered and answered != version:
			title = f"Shopify answered with API {answered} instead of {version}"
			yield self._line(False, title, f"Set API Version to {_newest(result)}", warning=True)
		supported = _supported(result)
		if supported and version not in supported:
			title = f"Shopify does not support API {version} any more"
			yield self._line(False, title, f"Set API Version to {_newest(result)}")
		elif _end_of(version) - self._now <= VERSION_WARNING:
			title = f"API {version} may end on {_end_of(version):%Y-%m-%d}"
			yield self._line(False, title, f"Set API Version to {_newest(result)}", warning=True)
		else:
			yield self._line(True, f"API {version} is supported")

	def _clock(self, result: Result) -> Iterator[Check]:
		theirs = result.answered_at
		if theirs is None:
			return
		off = abs(theirs - self._now)
		if off <= CLOCK_WARNING:
			yield self._line(True, "Shopify's clock agrees with ours")
			return
		title = f"This server's clock is {int(off.total_seconds())} s off: access tokens end by it"
		yield self._line(False, title, "Synchronise this server's clock (NTP)", warning=True)

	def _locations(self) -> Iterator[Check]:
		there = {legacy_id(row["id"]): row for row in self._client.pages(LOCATIONS, "locations")}
		active = {number: row["name"] for number, row in there.items() if row["isActive"]}
		choice = ", ".join(f"{number} ({name})" for number, name in active.items()) or "none"
		mapped = mapped_locations(self._channel)
		for number in mapped:
			if number not in there:
				title = f"Location {number} of the warehouse table is not one of the shop's"
				yield self._line(False, title, f"Enter one of: {choice}")
			elif number not in active:
				title = f"Location {number} ({there[number]['name']}) is deactivated in Shopify"
				yield self._line(False, title, "Activate it in Shopify, or take its row out")
		if self._channel.stock.push and not mapped:
			title = "No warehouse has a location: Shopify counts stock by location"
			yield self._line(False, title, f"Enter in Warehouses the Location of each: {choice}")
		left = [f"{number} ({name})" for number, name in active.items() if number not in mapped]
		if mapped and left:
			title = (
				f"Locations without a warehouse: {', '.join(left)}. Their orders go to the default warehouse"
			)
			yield self._line(
				False, title, "Add them to Warehouses if goods are sent from there", warning=True
			)

	def _line(self, ok: bool, title: str, fix: str | None = None, warning: bool = False) -> Check:
		return _line(self._channel, ok, title, fix, warning)


_LABELS = {
	"store_url": "Store URL",
	"api_version": "API Version",
	"authentication": "Authentication",
	"api_key": "API Key",
	"api_secret": "API Secret",
	"access_token": "Access Token",
}


def _supported(result: Result) -> list[str]:
	versions = result.data.get("publicApiVersions") or ()
	return sorted(row["handle"] for row in versions if row["supported"])


def _newest(result: Result) -> str:
	"""The newest version that Shopify supports and this connector was tested with."""
	both = [version for version in SUPPORTED_VERSIONS if version in _supported(result)]
	return both[-1] if both else DEFAULT_VERSION


def _end_of(version: str) -> datetime:
	"""A version is supported for at least twelve months: https://shopify.dev/docs/api/usage/versioning"""
	year, month = version.split("-")
	return datetime(int(year) + 1, int(month), 1, tzinfo=timezone.utc)
