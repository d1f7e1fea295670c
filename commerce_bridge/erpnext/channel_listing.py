"""DocType Channel Listing: which item is shown as which product, and what was last pushed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import frappe
from frappe import _
from frappe.utils import cstr, escape_html, now_datetime

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.feeds import fingerprint_of
from commerce_bridge.bridge.model import Listing, Price, ShownLevel, StockLevel
from commerce_bridge.bridge.protocols import Kind, Outcome, PushResult
from commerce_bridge.bridge.shown import NOT_LISTED, judged
from commerce_bridge.erpnext import direct_invoice, sql, stock_change, wake
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.time import to_site

DOCTYPE = "Channel Listing"
LEVEL = "Channel Listing Level"
#: What is delisted counts until the shop was told to take it down, and as long as it shows some of it anywhere.
LISTED = """FROM `tabChannel Listing` WHERE channel = %(channel)s
	AND (publication != 'Delisted' OR pushed_listing IS NOT NULL OR EXISTS (
		SELECT 1 FROM `tabChannel Listing Level` level WHERE level.parent = `tabChannel Listing`.name
			AND level.parenttype = 'Channel Listing' AND level.last_pushed > 0))"""
#: Stock units in one of the listing's UOM, its own or its template's: for statements that join `listing` and `item`.
UOM_FACTOR = "COALESCE(NULLIF(own.conversion_factor, 0), NULLIF(inherited.conversion_factor, 0))"
UOM_JOINS = """LEFT JOIN `tabUOM Conversion Detail` own ON own.parent = item.name
		AND own.parenttype = 'Item' AND own.uom = listing.uom
	LEFT JOIN `tabUOM Conversion Detail` inherited ON inherited.parent = item.variant_of
		AND inherited.parenttype = 'Item' AND inherited.uom = listing.uom"""
#: Before the fingerprint of a listing that the shop was told not to show.
HIDDEN = "hidden:"
KINDS: tuple[Kind, ...] = ("listing", "price", "stock")
OF_ITEMS = """ AND (item_code IN %(items)s OR item_code IN (
	SELECT bundle.new_item_code FROM `tabProduct Bundle` bundle
	JOIN `tabProduct Bundle Item` component ON component.parent = bundle.name
	WHERE component.item_code IN %(items)s))"""
BUNDLES = """SELECT DISTINCT bundle.new_item_code FROM `tabProduct Bundle Item` component
	JOIN `tabProduct Bundle` bundle ON bundle.name = component.parent WHERE component.item_code IN %(items)s"""
CHANGED: dict[Kind, str] = {
	"stock": "stock_changed_at",
	"price": "price_changed_at",
	"listing": "listing_changed_at",
}
#: One for each feed: a level that is taken says nothing about a price that was refused.
ERRORS: dict[Kind, str] = {
	"stock": "stock_error",
	"price": "price_error",
	"listing": "listing_error",
}


def listing_key(channel: str, product_id: str | None, variant_id: str | None, sku: str | None) -> str:
	"""What is unique about a listing."""
	return sha256("\0".join((channel, product_id or "", variant_id or "", sku or "")).encode()).hexdigest()


def is_in_shop(channel: Channel, row: Any) -> bool:
	"""Whether the shop has the product: where we create products, not before it took the first visible content.

	:param row: with the columns product_id and pushed_listing
	"""
	if not channel.catalog.push_listings or row.product_id:
		return True
	return bool(row.pushed_listing) and not row.pushed_listing.startswith(HIDDEN)


def listed(channel: str, item_codes: Sequence[str]) -> list[str]:
	"""See `Erp.listed_items`."""
	if not item_codes:
		return []
	values = {"channel": channel, "items": tuple(item_codes)}
	return frappe.db.sql(
		f"SELECT DISTINCT item_code {LISTED}{OF_ITEMS} ORDER BY item_code", values, pluck=True
	)


def listed_after(
	channel: str, after: str | None, limit: int, among: Sequence[str] | None = None
) -> list[str]:
	"""See `Erp.listed_after`."""
	only = "" if among is None else " AND item_code IN %(among)s"
	return frappe.db.sql(
		f"""SELECT DISTINCT item_code {LISTED} AND item_code > %(after)s{only}
		ORDER BY item_code LIMIT {int(limit)}""",
		{"channel": channel, "after": after or "", "among": tuple(among or ("",))},
		pluck=True,
	)


def count_listed(channel: str) -> int:
	"""See `Erp.count_listed`."""
	return frappe.db.sql(f"SELECT COUNT(DISTINCT item_code) {LISTED}", {"channel": channel})[0][0]


def mark_changed(kind: Kind, item_codes: Sequence[str], now: datetime) -> None:
	"""See `Erp.mark_changed`. Delisted ones are marked too: whoever reads what changed must hear that they are
	gone. Bundles are looked up first: with them in one condition, no index would serve."""
	if not item_codes:
		return
	bundles = frappe.db.sql(BUNDLES, {"items": tuple(item_codes)}, pluck=True)
	sql.execute(
		f"UPDATE `tab{DOCTYPE}` SET {CHANGED[kind]} = %(now)s WHERE item_code IN %(items)s",
		{"now": to_site(now), "items": (*item_codes, *bundles)},
	)


def mark_channel_changed(channel: str, kinds: Sequence[Kind]) -> None:
	"""Stamps every listing of a channel: its settings changed what is shown."""
	stamps = ", ".join(f"{CHANGED[kind]} = %(now)s" for kind in kinds)
	sql.execute(
		f"UPDATE `tab{DOCTYPE}` SET {stamps} WHERE channel = %(channel)s",
		{"now": now_datetime(), "channel": channel},
	)


def save_pushed(channel: str, pushed: Sequence[StockLevel], now: datetime) -> None:
	"""Keeps what the storefront shows now, and clears the stock errors of these listings."""
	if not pushed:
		return
	stamp = to_site(now)
	rows = [
		{
			"name": _level_name(level.listing, level.location_id),
			"parent": level.listing,
			"parenttype": DOCTYPE,
			"parentfield": "levels",
			"location_id": level.location_id,
			"last_pushed": level.quantity,
			"pushed_at": stamp,
		}
		for level in pushed
	]
	sql.insert_rows(LEVEL, rows, on_duplicate=("last_pushed", "pushed_at"))
	names = tuple({level.listing for level in pushed})
	sql.execute(
		f"""UPDATE `tab{DOCTYPE}` SET stock_error = NULL
		WHERE channel = %s AND stock_error IS NOT NULL AND name IN %s""",
		(channel, names),
	)


def save_pushed_prices(channel: str, pushed: Sequence[Price], now: datetime) -> None:
	"""See `Erp.save_pushed_prices`: one statement."""
	_save_columns(channel, {price.listing: _pushed_price(price, now) for price in pushed})


def _pushed_price(price: Price, now: datetime) -> dict[str, Any]:
	amounts = (price.amount, price.compare_at)
	text = " / ".join(f"{amount:f} {price.currency}" for amount in amounts if amount is not None)
	return {
		"pushed_price": fingerprint_of(price),
		"pushed_amount": text,
		"price_pushed_at": to_site(now),
		"price_error": None,
	}


def save_pushed_listings(channel: str, pushed: Sequence[tuple[Listing, PushResult]], now: datetime) -> None:
	"""See `Erp.save_pushed_listings`. What the shop shows from now on gets its stock, and its price if that
	changed meanwhile; what is delisted and told so is forgotten."""
	known = _locked(channel, [listing.listing for listing, _result in pushed])
	listings = [_with_ids(listing, result) for listing, result in pushed if listing.listing in known]
	for listing in listings:
		_save_ids(channel, listing, known[listing.listing])
	_save_columns(channel, {row.listing: _pushed_listing(row, known[row.listing], now) for row in listings})
	_forget_levels([row.listing for row in listings if _is_gone(row, known[row.listing])])
	appeared = [
		row.item_code
		for row in listings
		if row.published and (known[row.listing].pushed_listing or HIDDEN).startswith(HIDDEN)
	]
	for kind in ("stock", "price"):
		stock_change.add_items(dict.fromkeys(appeared), DOCTYPE, kind)


def _locked(channel: str, names: Sequence[str]) -> dict[str, Any]:
	rows = frappe.db.sql(
		f"""SELECT name, sku, product_id, variant_id, publication, pushed_listing, pushed_price,
			pushed_amount, price_pushed_at, price_error
		FROM `tab{DOCTYPE}` WHERE channel = %s AND name IN %s FOR UPDATE""",
		(channel, tuple(names) or ("",)),
		as_dict=True,
	)
	return {row.name: row for row in rows}


def _with_ids(listing: Listing, result: PushResult) -> Listing:
	ids = {
		"product_id": result.product_id or listing.product_id,
		"variant_id": result.variant_id or listing.variant_id,
	}
	price = listing.price.model_copy(update=ids) if listing.price else None
	return listing.model_copy(update={**ids, "price": price})


def _is_gone(listing: Listing, row: Any) -> bool:
	return row.publication == "Delisted" and not listing.published


def _forget_levels(listings: Sequence[str]) -> None:
	"""The shop took these down: it sells none of them, and if they come back it needs every level anew."""
	if listings:
		sql.execute(
			f"""UPDATE `tab{LEVEL}` SET last_pushed = 0, pushed_at = NULL
			WHERE parent IN %s AND parenttype = %s""",
			(tuple(listings), DOCTYPE),
		)


def _pushed_listing(listing: Listing, row: Any, now: datetime) -> dict[str, Any]:
	mark = "" if listing.published else HIDDEN
	kept = {name: row[name] for name in ("pushed_price", "pushed_amount", "price_pushed_at", "price_error")}
	return {
		"pushed_listing": None if _is_gone(listing, row) else mark + fingerprint_of(listing),
		"listing_pushed_at": to_site(now),
		"listing_error": None,
		**(_pushed_price(listing.price, now) if listing.price else kept),
	}


def _save_ids(channel: str, listing: Listing, row: Any) -> None:
	"""Keeps what the storefront calls a new product. An id that another listing has already is not kept."""
	ids = (listing.product_id, listing.variant_id)
	if ids == (row.product_id or None, row.variant_id or None):
		return
	key = listing_key(channel, *ids, row.sku)
	if frappe.db.exists(DOCTYPE, {"listing_key": key, "name": ("!=", row.name)}):
		return
	sql.execute(
		f"UPDATE `tab{DOCTYPE}` SET product_id = %s, variant_id = %s, listing_key = %s WHERE name = %s",
		(*ids, key, row.name),
	)


def _save_columns(channel: str, values: Mapping[str, Mapping[str, Any]]) -> None:
	"""Values by listing and column, of the same columns for all, in one statement."""
	if not values:
		return
	columns = list(next(iter(values.values())))
	cases = [f"{column} = CASE name {'WHEN %s THEN %s ' * len(values)}END" for column in columns]
	pairs = [part for column in columns for name, row in values.items() for part in (name, row[column])]
	sql.execute(
		f"UPDATE `tab{DOCTYPE}` SET {', '.join(cases)} WHERE channel = %s AND name IN %s",
		(*pairs, channel, tuple(values)),
	)


# --- what people do ---------------------------------------------------------------------------------------

#: What is shown, or decides on it; the rest is written by the machine.
SHOWN = "item_code publication sku product_id variant_id uom price grade condition serial_no".split()


def on_change(doc: Any, method: str | None = None) -> None:
	"""Hook: a listing was made or changed: all of it is looked at anew."""
	before = doc.get_doc_before_save()
	if before and all(cstr(before.get(name)) == cstr(doc.get(name)) for name in SHOWN):
		return
	for item in {doc.item_code, before.item_code if before else doc.item_code}:
		for kind in KINDS:
			stock_change.note(item, "", doc.doctype, doc.name, kind)


def set_publication(names: Sequence[str], publication: str) -> int:
	"""Publishes, pauses or delists listings. The caller has checked the rights.

	:return: how many were changed
	"""
	if publication not in ("Published", "Paused", "Delisted"):
		frappe.throw(_("{0} is no publication").format(escape_html(publication)))
	changed = 0
	for name in names:
		doc = frappe.get_doc(DOCTYPE, name)
		if doc.publication != publication:
			doc.publication = publication
			doc.save()
			changed += 1
	return changed


def forget_pushed(channel: str, sales_order: str) -> None:
	"""See `Erp.forget_pushed`. The row stays: what had a level once gets one for ever, see `bin.py`."""
	sql.execute(
		f"""UPDATE `tab{LEVEL}` level
		JOIN `tab{DOCTYPE}` listing ON listing.name = level.parent
		JOIN (SELECT item_code FROM `tabSales Order Item` WHERE parent = %(order)s
			UNION SELECT row.item_code FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice
				ON invoice.name = row.parent AND invoice.cb_instead_of_order = 1
			WHERE row.parent = %(order)s) line ON line.item_code = listing.item_code
		SET level.pushed_at = NULL
		WHERE listing.channel = %(channel)s""",
		{"order": sales_order, "channel": channel},
	)


def push_again(channel: str, sales_order: str) -> None:
	"""See `Erp.push_again`."""
	forget_pushed(channel, sales_order)
	stock_change.note_order(frappe.get_doc(direct_invoice.doctype_of(sales_order), sales_order))


def save_stock_ids(channel: str, ids: Mapping[str, str]) -> None:
	"""See `Erp.save_stock_ids`: one statement."""
	_save_columns(channel, {listing: {"stock_id": stock_id} for listing, stock_id in ids.items()})


def forget_levels(channel: str, levels: Sequence[StockLevel]) -> None:
	"""See `Erp.forget_levels`: one statement, by primary key."""
	_forget([_level_name(level.listing, level.location_id) for level in levels])


def _forget(names: Sequence[str]) -> None:
	if names:
		sql.execute(f"UPDATE `tab{LEVEL}` SET pushed_at = NULL WHERE name IN %s", (tuple(sorted(names)),))


def _level_name(listing: str, location_id: str | None) -> str:
	return sha256(f"{listing}\0{location_id or ''}".encode()).hexdigest()[:40]


def note_shown(channel: Channel, shown: ShownLevel) -> Outcome:
	"""See `Erp.note_shown`: two queries."""
	listing = _shown(channel.name, shown)
	if not listing:
		return Outcome("Skipped", NOT_LISTED)
	level = _level_name(listing.name, shown.location_id)
	pushed = frappe.db.sql(
		f"SELECT last_pushed FROM `tab{LEVEL}` WHERE name = %s AND pushed_at IS NOT NULL", level, pluck=True
	)
	outcome, again = judged(shown.quantity, decimal(pushed[0]) if pushed else None)
	if again:
		_forget([level])
		stock_change.add_items([listing.item_code], DOCTYPE)
	return outcome


def _shown(channel: str, shown: ShownLevel) -> Any:
	"""The listing a level is of: by what the shop counts, else by its product, else by its SKU."""
	product = {"product_id": shown.product_id, "variant_id": shown.variant_id or ("is", "not set")}
	for wanted, filters in (
		(shown.stock_id, {"stock_id": shown.stock_id}),
		(shown.product_id, product),
		(shown.sku, {"sku": shown.sku}),
	):
		row = wanted and frappe.db.get_value(
			DOCTYPE, {"channel": channel, **filters}, ["name", "item_code"], as_dict=True, order_by="creation"
		)
		if row:
			return row
	return None


def save_not_listed(channel: str, reasons: Mapping[str, str | None]) -> None:
	"""See `Erp.save_not_listed`."""
	_save_texts(channel, "not_listed_because", reasons)


def save_warnings(channel: str, warnings: Mapping[str, str | None]) -> None:
	"""See `Erp.save_warnings`."""
	_save_texts(channel, "warning", warnings)


def _save_texts(channel: str, column: str, texts: Mapping[str, str | None]) -> None:
	"""Texts by listing: one query, and one statement for each text that is new."""
	if not texts:
		return
	kept = dict(
		frappe.db.sql(
			f"SELECT name, {column} FROM `tab{DOCTYPE}` WHERE channel = %s AND name IN %s",
			(channel, tuple(texts)),
		)
	)
	changed: dict[str | None, list[str]] = {}
	for listing, text in texts.items():
		if listing in kept and (kept[listing] or None) != text:
			changed.setdefault(text, []).append(listing)
	for text, listings in changed.items():
		sql.execute(f"UPDATE `tab{DOCTYPE}` SET {column} = %s WHERE name IN %s", (text, tuple(listings)))


def save_errors(channel: str, kind: Kind, errors: Mapping[str, str]) -> None:
	"""See `Erp.save_push_errors`."""
	for listing, text in errors.items():
		frappe.db.set_value(
			DOCTYPE, {"name": listing, "channel": channel}, ERRORS[kind], text, update_modified=False
		)


def add(channel: str, item_codes: Sequence[str]) -> int:
	"""Lists items under their item code as SKU; those that are listed already stay as they are.

	:return: how many were added
	"""
	stamp = now_datetime()
	rows = [
		{
			"channel": channel,
			"item_code": item,
			"sku": item,
			"publication": "Published",
			"listing_key": listing_key(channel, None, None, item),
			**dict.fromkeys(CHANGED.values(), stamp),
		}
		for item in dict.fromkeys(item_codes)
	]
	added = sql.insert_rows(DOCTYPE, rows, keep_first=True)
	if added:
		for kind in KINDS:
			stock_change.add_items(dict.fromkeys(item_codes), DOCTYPE, kind)
		frappe.db.after_commit.add(wake.wake)
	return added


def link(
	channel: str, item_code: str, product_id: str, variant_id: str | None, sku: str | None, write: bool = True
) -> Literal["made", "completed", "there", "other"]:
	"""Lists an item as the product a shop has it as already; a listing of this SKU without a product gets its ids.

	:param write: False only says what would be done
	:return: "other" where the product, or the SKU, is listed as something else
	"""
	sku = sku or item_code
	key = listing_key(channel, product_id, variant_id, sku)
	same = {"channel": channel, "product_id": product_id, "variant_id": variant_id or ("is", "not set")}
	known = _listing_like(same) or _listing_like({"channel": channel, "sku": sku})
	if known:
		if known.item_code != item_code or (known.product_id and known.product_id != product_id):
			return "other"
		if known.product_id:
			return "there"
	if write and known:
		row = {"product_id": product_id, "variant_id": variant_id, "listing_key": key}
		frappe.db.set_value(DOCTYPE, known.name, row)
	elif write:
		stamps = dict.fromkeys(CHANGED.values(), now_datetime())
		ids = {"product_id": product_id, "variant_id": variant_id, "sku": sku, "listing_key": key}
		row = {"channel": channel, "item_code": item_code, "publication": "Published", **ids, **stamps}
		sql.insert_rows(DOCTYPE, [row], keep_first=True)
	if write:
		for kind in KINDS:
			stock_change.add_items({item_code: None}, DOCTYPE, kind)
	return "completed" if known else "made"


def _listing_like(filters: dict[str, Any]) -> Any:
	return frappe.db.get_value(DOCTYPE, filters, ["name", "item_code", "product_id"], as_dict=True)
