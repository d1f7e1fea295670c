"""DocType Channel Settings as the engine's `Channel` and `Credentials`.

Kept in the process between units of work; a stamp in Redis, renewed whenever a channel is saved, says when
what is kept is old. Without Redis nothing is kept. What a channel draws from other documents (a warehouse
made a group, a company's currency) is at most a minute old.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import frappe
import redis
from frappe.utils import cstr, escape_html, get_system_timezone
from frappe.utils.password import get_decrypted_password

from commerce_bridge import connectors
from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.channel import (
	BundleRows,
	CatalogField,
	CatalogPolicy,
	Channel,
	ChannelStatus,
	Credentials,
	EventPolicy,
	FieldMap,
	InvoicePolicy,
	LineItems,
	OrderPolicy,
	Ownership,
	PaymentMap,
	RefundPolicy,
	RowMap,
	ShippedPolicy,
	ShippingMap,
	StockPolicy,
	TaxMap,
	WarehouseMap,
)
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import BridgeError, Misconfigured
from commerce_bridge.erpnext import channel_state
from commerce_bridge.erpnext.time import from_site, to_site

DOCTYPE = "Channel Settings"
STAMP = "commerce_bridge_settings_stamp"
SITE_ID = "commerce_bridge_site_id"
KEEP_SECONDS = 60
#: How long a replaced secret, with which storefronts sign, stays valid.
OVERLAP = timedelta(days=1)
#: A token was given to these credentials, for this shop.
TOKEN_OF = ("store_url", "authentication", "api_key", "platform")
#: What was found out about the shop is of this one.
FACTS_OF = ("store_url", "platform")
SECRETS = ("api_secret", "access_token", "webhook_secret", "previous_webhook_secret")


@dataclass(frozen=True, slots=True)
class Loaded:
	"""A channel and its secrets; the previous webhook secret with the time it ends."""

	channel: Channel
	secrets: dict[str, str | None] = field(repr=False)  # Frappe's logs show the variables of a frame
	previous_until: datetime | None
	allowed_ips: tuple[str, ...]


@dataclass(slots=True)
class Kept:
	stamp: bytes
	until: float
	value: Any


_kept: dict[tuple[str, str], Kept] = {}


# --- kept in the process ---------------------------------------------------------------------------------


def load(name: str, anew: bool = False) -> Loaded:
	"""The channel of this name. Raises `Misconfigured` where there is none.

	:param anew: whatever is kept of it. A transaction that began before a change reads, and keeps, what was before
		it, although the stamp is the new one already
	"""
	if anew:
		_kept.pop((frappe.local.site, f"channel:{name}"), None)
	return _keep(f"channel:{name}", lambda: _read(name))


def usable(names: Iterable[str]) -> list[Channel]:
	"""Those of these channels that can be read. One that cannot, say without a company, is logged and left out:
	it must keep nobody from saving a document."""
	found = []
	for name in names:
		try:
			found.append(load(name).channel)
		except BridgeError as error:
			frappe.logger("commerce_bridge").error(f"channel {name} is left out: {error}")
	return found


def active_channels() -> tuple[str, ...]:
	"""Channels that may work: Active, and enabled on this very site."""
	return _keep("active", lambda: tuple(_of_this_site("Active")))


def listing_channels() -> tuple[str, ...]:
	"""Active channels that show our stock, prices or products, whether we push them or they are read."""
	return _keep(
		"listing", lambda: tuple(channel.name for channel in usable(active_channels()) if _lists(channel))
	)


def telling_channels(what: str) -> tuple[str, ...]:
	"""Channels, not Disabled, that are told of "order_status" or of "customers". What is told while a channel is
	Paused waits for it."""
	return _keep(
		f"telling:{what}", lambda: tuple(row.name for row in usable(_open_channels()) if _is_told(row, what))
	)


def preorder_channels() -> tuple[str, ...]:
	"""Those of them that offer what is on order."""
	return _keep(
		"preorder",
		lambda: tuple(row.name for row in usable(listing_channels()) if row.stock.preorder),
	)


def disabled_channels() -> tuple[str, ...]:
	"""Channels switched off here. On a copy there are none: it must take nothing back at the live shop."""
	return _keep("disabled", lambda: tuple(_of_this_site("Disabled")))


def exists(name: str) -> bool:
	return name in _keep("names", lambda: frozenset(frappe.get_all(DOCTYPE, pluck="name")))


def forget() -> None:
	"""Everybody reads channels anew, from the commit of this transaction on."""
	_kept.clear()
	frappe.db.after_commit.add(_renew_stamp)
	frappe.db.after_rollback.add(_kept.clear)


def pause(name: str, reason: str) -> None:
	"""See `ChannelState.pause`. By column, since nothing that keeps the document from being saved may keep it going."""
	frappe.db.set_value(DOCTYPE, name, "state", ChannelStatus.PAUSED.value)
	frappe.get_doc(DOCTYPE, name).add_comment("Info", escape_html(reason))
	forget()


def on_change(doc: Any, method: str | None = None) -> None:
	"""Channel Settings was saved or deleted."""
	forget()


def _renew_stamp() -> None:
	_kept.clear()
	try:
		frappe.cache.set(frappe.cache.make_key(STAMP), secrets.token_bytes(8))
	except redis.exceptions.RedisError:
		return  # nobody keeps anything without Redis


def _stamp() -> bytes | None:
	key = frappe.cache.make_key(STAMP)
	try:
		stamp = frappe.cache.get(key)
		if stamp is None:
			frappe.cache.set(key, secrets.token_bytes(8), nx=True)
			stamp = frappe.cache.get(key)
		return stamp
	except redis.exceptions.RedisError:
		return None


def _keep(what: str, read: Callable[[], Any]) -> Any:
	key, stamp = (frappe.local.site, what), _stamp()
	kept = _kept.get(key)
	if kept and stamp and kept.stamp == stamp and kept.until > time.monotonic():
		return kept.value
	value = read()
	if stamp:
		_kept[key] = Kept(stamp, time.monotonic() + KEEP_SECONDS, value)
	return value


def register_platforms() -> None:
	"""Other apps name their connectors in a hook: what is asked of a platform by its name is asked of theirs too."""
	for platform, paths in (frappe.get_hooks("commerce_bridge_connectors") or {}).items():
		connectors.register(platform, paths[-1] if isinstance(paths, list) else paths)


# --- the site a channel belongs to -----------------------------------------------------------------------


def remember_site(doc: Any) -> None:
	"""Binds a channel to this site: on a copy of it the channel is Paused."""
	doc.enabled_site, doc.enabled_host, doc.enabled_id = _identity(create=True)


def is_copy(doc: Any) -> bool:
	"""True where the channel was enabled on another site than this one, or on none."""
	return (doc.enabled_site, doc.enabled_host, doc.enabled_id) != _identity()


def is_foreign(doc: Any) -> bool:
	"""True where the channel was enabled on another site: nothing of it may reach the live shop from here."""
	return bool(doc.enabled_site) and is_copy(doc)


def _identity(create: bool = False) -> tuple[str, str, str]:
	"""Name, host and the random id in site_config, which a restored database does not bring along."""
	site_id = frappe.conf.get(SITE_ID)
	if not site_id and create:
		from frappe.installer import update_site_config

		site_id = secrets.token_hex(16)
		update_site_config(SITE_ID, site_id)
		frappe.conf[SITE_ID] = site_id
	return frappe.local.site, cstr(frappe.conf.get("host_name")) or frappe.local.site, cstr(site_id)


def effective_status(doc: Any) -> ChannelStatus:
	status = ChannelStatus(doc.state)
	return ChannelStatus.PAUSED if status is ChannelStatus.ACTIVE and is_copy(doc) else status


def _of_this_site(state: str) -> Iterator[str]:
	fields = ["name", "state", "enabled_site", "enabled_host", "enabled_id"]
	for row in frappe.get_all(DOCTYPE, filters={"state": state}, fields=fields, order_by="name"):
		if not is_copy(row):
			yield row.name


def _open_channels() -> Iterator[str]:
	for state in ("Active", "Paused"):
		yield from _of_this_site(state)


def _is_told(channel: Channel, what: str) -> bool:
	return getattr(channel.events, what) != "Nothing"


def _lists(channel: Channel) -> bool:
	owned = channel.ownership
	return "ERPNext" in (owned.stock, owned.price, owned.title, owned.images)


# --- reading ---------------------------------------------------------------------------------------------


def credentials(name: str) -> Credentials:
	"""Secrets in force now: the current ones, and the previous webhook secret until it ends."""
	loaded = load(name)
	webhook_secrets = [loaded.secrets["webhook_secret"]]
	if loaded.previous_until and loaded.previous_until > utc_now():
		webhook_secrets.append(loaded.secrets["previous_webhook_secret"])
	return Credentials(
		webhook_secrets=tuple(secret for secret in webhook_secrets if secret),
		api_key=loaded.secrets["api_key"],
		api_secret=loaded.secrets["api_secret"],
		access_token=loaded.secrets["access_token"],
	)


def credentials_of(doc: Any) -> Credentials:
	"""Secrets of a document that is being saved: those just entered, else those kept under its name."""
	given = {field: _entered(doc, field) for field in SECRETS}
	return Credentials(
		webhook_secrets=tuple(filter(None, (given["webhook_secret"],))),
		api_key=doc.api_key,
		api_secret=given["api_secret"],
		access_token=given["access_token"],
	)


def _entered(doc: Any, field: str) -> str | None:
	value = doc.get(field)
	if value and doc.is_dummy_password(value):
		return get_decrypted_password(DOCTYPE, doc.name, field, raise_exception=False)
	return value or None


def given_credentials(doc: Any) -> set[str]:
	"""Fieldnames of the credentials that are filled in; "token" where the shop gave one."""
	given = {field for field in ("api_key", *SECRETS) if doc.get(field)}
	return given | {"token"} if channel_state.get_token(doc.name) else given


def new_webhook_secret(platform: str) -> str:
	"""In the form of Standard Webhooks; letters and digits alone where the storefront is told of it: some take other
	characters for something else."""
	return secrets.token_hex(32) if connectors.sets_webhook_secret(platform) else signatures.new_secret()


def follow_credentials(doc: Any) -> None:
	"""Called while settings are validated, before Frappe puts secrets away: a token that was given to other
	credentials is dropped, so is what was found out about another shop, and an API secret with which the platform
	signs stays valid for a day."""
	before = doc.get_doc_before_save()
	if not before:
		return
	replaced = _replaced_api_secret(doc)
	if replaced and connectors.signs_with_api_secret(doc.platform):
		doc.previous_webhook_secret = replaced
		doc.previous_secret_expires = to_site(utc_now() + OVERLAP)
	if replaced or _differs(doc, before, TOKEN_OF):
		channel_state.forget_token(doc.name)
	if _differs(doc, before, FACTS_OF):
		channel_state.forget_facts(doc.name)


def _differs(doc: Any, before: Any, fieldnames: Sequence[str]) -> bool:
	return any(cstr(doc.get(fieldname)) != cstr(before.get(fieldname)) for fieldname in fieldnames)


def _replaced_api_secret(doc: Any) -> str | None:
	"""The API secret there was, where another one is being saved, or none."""
	if doc.api_secret and doc.is_dummy_password(doc.api_secret):
		return None
	kept = get_decrypted_password(DOCTYPE, doc.name, "api_secret", raise_exception=False)
	return kept if kept and kept != doc.api_secret else None


def _read(name: str) -> Loaded:
	if not frappe.db.exists(DOCTYPE, name):
		raise Misconfigured(f"There is no channel {name}", doctype=DOCTYPE)
	doc = frappe.get_doc(DOCTYPE, name)
	passwords = {
		field: get_decrypted_password(DOCTYPE, name, field, raise_exception=False) if doc.get(field) else None
		for field in SECRETS
	}
	return Loaded(
		channel=channel_of(doc),
		secrets={**passwords, "api_key": doc.api_key},
		previous_until=from_site(doc.previous_secret_expires),
		allowed_ips=lines_of(doc.allowed_ips),
	)


def channel_of(doc: Any) -> Channel:
	"""The settings as a value. Raises `Misconfigured` where the company is missing."""
	if not doc.company:
		raise Misconfigured(f"Channel {doc.name} has no company", DOCTYPE, doc.name, "company")
	company_currency = frappe.get_cached_value("Company", doc.company, "default_currency")
	return Channel(
		name=doc.name,
		platform=doc.platform,
		status=effective_status(doc),
		company=doc.company,
		company_currency=company_currency,
		store_url=cstr(doc.store_url),
		api_version=cstr(doc.api_version),
		authentication=doc.authentication or "Access Token",
		integration_user=cstr(doc.integration_user),
		price_list=cstr(doc.price_list),
		currency=doc.currency or company_currency,
		customer_group=cstr(doc.customer_group),
		territory=cstr(doc.territory),
		naming_series=doc.naming_series or None,
		cost_center=doc.cost_center or frappe.get_cached_value("Company", doc.company, "cost_center"),
		default_warehouse=cstr(doc.default_warehouse),
		time_zone=get_system_timezone(),
		default_country=_country_code(doc.default_country),
		**_tables(doc),
		**_policies(doc),
		bundle_rows=_bundle_rows(doc),
		tax_id_keys=lines_of(doc.tax_id_keys),
		notify_customer=bool(doc.notify_customer),
		line_items=LineItems(custom=doc.custom_line_item or None, gift_card=doc.gift_card_item or None),
		fee_item=doc.fee_item or None,
		tolerance=decimal(doc.tolerance),
		rounding_account=doc.rounding_account or None,
		dry_run=bool(doc.dry_run),
	)


def _tables(doc: Any) -> dict[str, Any]:
	return {
		"warehouses": _warehouses(doc),
		"taxes": tuple(
			TaxMap(title=row.title or None, code=row.code or None, rate=_rate(row.rate), account=row.account)
			for row in doc.taxes
		),
		"shipping": tuple(
			ShippingMap(method=row.method, item=row.item or None, account=row.account or None)
			for row in doc.shipping_methods
		),
		"fields": tuple(_field_map(row) for row in doc.field_map),
		"payments": tuple(_payment_map(doc.company, row) for row in doc.payment_map),
	}


def _policies(doc: Any) -> dict[str, Any]:
	return {
		"ownership": _ownership(doc),
		"stock": _stock_policy(doc),
		"catalog": _catalog_policy(doc),
		"events": EventPolicy(
			order_status=doc.send_order_status or "Nothing",
			customers=doc.send_customers or "Nothing",
			invoices=doc.send_invoices or "Nothing",
		),
		"orders": _order_policy(doc),
		"shipped": ShippedPolicy(whole=cstr(doc.shipped_status), part=cstr(doc.partly_shipped_status)),
		"invoices": _invoice_policy(doc),
		"refunds": _refund_policy(doc),
	}


def decimal(value: Any) -> Decimal:
	"""A database number (a float in Frappe) as the decimal it was written as."""
	return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value or 0))


def _rate(text: Any) -> Decimal | None:
	return Decimal(str(text)) if text not in (None, "") else None


def lines_of(text: str | None) -> tuple[str, ...]:
	"""Of a field with one value per line, what is not blank."""
	return tuple(line.strip() for line in cstr(text).splitlines() if line.strip())


def _country_code(country: str | None) -> str | None:
	code = frappe.get_cached_value("Country", country, "code") if country else None
	return code.upper() if code else None


def _warehouses(doc: Any) -> tuple[WarehouseMap, ...]:
	return tuple(
		WarehouseMap(
			warehouse=row.warehouse,
			location_id=row.location_id or None,
			is_group=bool(frappe.get_cached_value("Warehouse", row.warehouse, "is_group")),
		)
		for row in doc.warehouses
	)


def _field_map(row: Any) -> FieldMap:
	return FieldMap(
		path=row.path,
		doctype=row.target_doctype,
		fieldname=row.fieldname,
		transform=row.transform or None,
		default=row.default_value or None,
	)


def _ownership(doc: Any) -> Ownership:
	return Ownership(
		title=doc.owner_title or "ERPNext",
		images=doc.owner_images or "ERPNext",
		price=doc.owner_price or "ERPNext",
		stock=doc.owner_stock or "ERPNext",
		customer=doc.owner_customer or "Storefront",
	)


def _stock_policy(doc: Any) -> StockPolicy:
	return StockPolicy(
		push=bool(doc.push_stock),
		buffer=decimal(doc.stock_buffer),
		whole_units=bool(doc.whole_units),
		first_push_confirmed=bool(doc.first_push_confirmed),
		preorder=bool(doc.preorder),
		watch=bool(doc.watch_stock),
	)


def _catalog_policy(doc: Any) -> CatalogPolicy:
	return CatalogPolicy(
		push_listings=bool(doc.push_listings),
		push_prices=bool(doc.push_prices),
		compare_at_list=doc.compare_at_price_list or None,
		grade_factor=bool(doc.grade_factor),
		fields=tuple(
			CatalogField(fieldname=row.item_field, key=row.custom_key or row.item_field)
			for row in doc.catalog_fields
		),
		item_group=doc.new_item_group or None,
	)


def _bundle_rows(doc: Any) -> BundleRows:
	halves = (line.partition("=") for line in lines_of(doc.bundle_keys))
	return BundleRows(
		book=doc.bundle_rows or "Every Row",
		keys=tuple(RowMap(part=part.strip(), container=container.strip()) for part, _, container in halves),
	)


def _order_policy(doc: Any) -> OrderPolicy:
	register_platforms()
	return OrderPolicy(
		submit=doc.order_docstatus != "Draft",
		statuses=lines_of(doc.order_statuses) or connectors.default_statuses(doc.platform),
		from_date=from_site(doc.orders_from),
		afterwards=doc.afterwards or "Nothing",
		send_local_changes=bool(doc.send_local_changes),
		test_orders=bool(doc.test_orders),
		renewals=bool(doc.import_renewals),
		fulfilled_in_shop=doc.fulfilled_in_shop or "Draft Delivery Note",
		numbering="In its own transaction" if doc.own_numbering else "In the order's transaction",
	)


def _invoice_policy(doc: Any) -> InvoicePolicy:
	return InvoicePolicy(
		when=doc.invoice_when or "Never",
		submit=doc.invoice_docstatus != "Draft",
		update_stock=bool(doc.invoice_update_stock),
		dated="Order" if doc.invoice_dated == "Order" else "Event",
		naming_series=doc.invoice_series or None,
		credit_note_series=doc.credit_note_series or None,
	)


def _payment_map(company: str, row: Any) -> PaymentMap:
	return PaymentMap(
		gateway=cstr(row.gateway),
		currency=row.order_currency or None,
		mode_of_payment=cstr(row.mode_of_payment),
		account=payment_account(company, row),
		fee_account=row.fee_account or None,
		fee_tax_account=row.fee_tax_account or None,
		book=row.book or "On Capture",
	)


def payment_account(company: str, row: Any) -> str:
	"""The clearing account of a row of the payment map: its own, else its mode of payment's for the company, else ""."""
	if row.account or not row.mode_of_payment:
		return cstr(row.account)
	of_mode = {"parent": row.mode_of_payment, "parenttype": "Mode of Payment", "company": company}
	return cstr(frappe.db.get_value("Mode of Payment Account", of_mode, "default_account"))


def _refund_policy(doc: Any) -> RefundPolicy:
	return RefundPolicy(
		credit_notes=bool(doc.credit_notes),
		submit=doc.credit_note_docstatus != "Draft",
		adjustment_item=doc.adjustment_item or None,
		returns=doc.returns or "Draft",
		return_warehouse=doc.return_warehouse or None,
		send_refunds=bool(doc.send_refunds),
	)
