"""DocType Item Price: what every listing costs today, for any number of items, in a fixed number of queries.

As ERPNext chooses the price of an order row without customer and batch (`get_price_list_rate_for` in
stock/get_item_details.py): the listing's UOM first, else the stock UOM times the conversion factor; of several
the one that began last; a variant without a price has its template's. A bundle has a price of its own or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge import money
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.model import Price
from commerce_bridge.bridge.protocols import ListingPrice
from commerce_bridge.erpnext import channel_listing, channel_settings, serial_no, stock_change, wake
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.time import site_date

#: The grade whose factor counts is the unit's own, the listing's, or that of goods without serial numbers.
LISTINGS = f"""SELECT listing.name, listing.item_code, listing.sku, listing.product_id, listing.variant_id,
		listing.pushed_listing, listing.pushed_price, listing.price AS override,
		COALESCE(NULLIF(listing.uom, ''), item.stock_uom) AS uom, item.stock_uom, item.variant_of,
		{channel_listing.UOM_FACTOR} AS factor, grade.sell_factor
	FROM `tabChannel Listing` listing JOIN `tabItem` item ON item.name = listing.item_code
	{channel_listing.UOM_JOINS}
	LEFT JOIN `tabSerial No` serial ON serial.name = listing.serial_no
	LEFT JOIN `tabCondition Grade` grade
		ON grade.name = {serial_no.GRADE}
	WHERE listing.channel = %s AND listing.item_code IN %s AND listing.publication != 'Delisted'
	ORDER BY listing.item_code, listing.name"""
PRICES = """SELECT price_list, item_code, COALESCE(uom, '') AS uom, price_list_rate, valid_from, valid_upto
	FROM `tabItem Price` WHERE price_list IN %(lists)s AND item_code IN %(items)s
		AND COALESCE(customer, '') = '' AND COALESCE(supplier, '') = '' AND COALESCE(batch_no, '') = ''
		AND COALESCE(valid_from, '2000-01-01') <= %(today)s AND COALESCE(valid_upto, '2500-12-31') >= %(today)s
	ORDER BY valid_from DESC, uom DESC, creation DESC"""
LISTS = "SELECT name, currency, enabled FROM `tabPrice List` WHERE name IN %s"
#: Items whose price began, or ended, in these days: a price that ends on a day is gone the day after.
BEGAN_OR_ENDED = """SELECT DISTINCT item_code FROM `tabItem Price` WHERE price_list IN %(lists)s AND (
	valid_from BETWEEN %(first)s AND %(today)s
	OR valid_upto BETWEEN DATE_SUB(%(first)s, INTERVAL 1 DAY) AND DATE_SUB(%(today)s, INTERVAL 1 DAY))"""
#: From its end of life on, an item is sold no more.
ENDED = """SELECT DISTINCT item.name FROM `tabItem` item JOIN `tabChannel Listing` listing
	ON listing.item_code = item.name WHERE item.end_of_life BETWEEN %(first)s AND %(today)s"""
#: Days looked back for beginnings and ends: the scheduler may have stood still for some.
LOOK_BACK = timedelta(days=7)
AT_ONCE = 1_000


@dataclass(slots=True)
class PriceList:
	"""The prices of one list that hold today, by item, in the order in which they are chosen."""

	currency: str
	enabled: bool
	rows: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

	def find(self, listing: Any) -> tuple[Any, Decimal] | None:
		"""The row that counts for a listing, and its price for one of the listing's UOM."""
		for item in (listing.item_code, listing.variant_of):
			found = self._of_item(item, listing)
			if found:
				return found
		return None

	def _of_item(self, item: str | None, listing: Any) -> tuple[Any, Decimal] | None:
		rows = self.rows.get(item or "", ())
		for uom in (listing.uom, listing.stock_uom):
			row = next((row for row in rows if row.uom in ("", uom)), None)
			factor = Decimal(1) if row and row.uom == listing.uom else _factor(listing)
			if row and factor is not None:
				return row, decimal(row.price_list_rate) * factor
		return None


def _factor(listing: Any) -> Decimal | None:
	"""Stock units in one of the listing's UOM; None where the item does not say."""
	if listing.uom == listing.stock_uom:
		return Decimal(1)
	return decimal(listing.factor) if listing.factor else None


def prices(channel: Channel, item_codes: Sequence[str]) -> list[ListingPrice]:
	"""See `Erp.listing_prices`: three queries. Listings the shop does not have yet get theirs with the content."""
	rows = _listings(channel, item_codes)
	in_shop = [row for row in rows if channel_listing.is_in_shop(channel, row)]
	return list(_priced(channel, in_shop).values())


def by_listing(channel: Channel, item_codes: Sequence[str]) -> dict[str, ListingPrice]:
	"""The price of every listing that is not delisted, whether the shop has it yet or not; three queries."""
	return _priced(channel, _listings(channel, item_codes))


def _listings(channel: Channel, item_codes: Sequence[str]) -> list[Any]:
	if not item_codes:
		return []
	return frappe.db.sql(LISTINGS, (channel.name, tuple(item_codes)), as_dict=True)


def _priced(channel: Channel, listings: Sequence[Any]) -> dict[str, ListingPrice]:
	if not listings:
		return {}
	lists = _price_lists(channel, listings)
	return {listing.name: _listing_price(channel, listing, lists) for listing in listings}


def _price_lists(channel: Channel, listings: Iterable[Any]) -> dict[str, PriceList]:
	names = tuple(name for name in (channel.price_list, channel.catalog.compare_at_list) if name)
	lists = {
		name: PriceList(currency, bool(enabled))
		for name, currency, enabled in frappe.db.sql(LISTS, (names or ("",),))
	}
	items = {item for listing in listings for item in (listing.item_code, listing.variant_of) if item}
	values = {"lists": names or ("",), "items": tuple(items), "today": site_date(utc_now())}
	for row in frappe.db.sql(PRICES, values, as_dict=True):
		if row.price_list in lists:
			lists[row.price_list].rows[row.item_code].append(row)
	return lists


def _listing_price(channel: Channel, listing: Any, lists: Mapping[str, PriceList]) -> ListingPrice:
	price = Price(
		listing=listing.name,
		item_code=listing.item_code,
		sku=listing.sku or listing.item_code,
		product_id=listing.product_id or None,
		variant_id=listing.variant_id or None,
		currency=channel.currency,
		amount=None,
	)
	problem = None
	if listing.override:
		price = price.model_copy(update={"amount": _rounded(channel, decimal(listing.override))})
	else:
		problem = _why_no_list(channel, lists.get(channel.price_list))
		found = None if problem else lists[channel.price_list].find(listing)
		if found and found[1] <= 0:
			problem = f"The price of {listing.item_code} in price list {channel.price_list} is 0"
		elif found:
			price = price.model_copy(update=_of_list(channel, listing, *found))
		elif not problem:
			problem = (
				f"No price for {listing.item_code} in price list {channel.price_list}: add an Item Price"
			)
	compare_at = _compare_at(channel, listing, lists, price.amount)
	return ListingPrice(
		price.model_copy(update={"compare_at": compare_at}), listing.pushed_price or None, problem
	)


def _why_no_list(channel: Channel, price_list: PriceList | None) -> str | None:
	if price_list is None:
		return f"Channel {channel.name} has no price list: choose one in Channel Settings"
	if not price_list.enabled:
		return f"Price list {channel.price_list} is disabled"
	if price_list.currency != channel.currency:
		return (
			f"Price list {channel.price_list} is in {price_list.currency}, the channel in {channel.currency}"
		)
	return None


def _of_list(channel: Channel, listing: Any, row: Any, amount: Decimal) -> dict[str, Any]:
	if channel.catalog.grade_factor and listing.sell_factor:
		amount *= decimal(listing.sell_factor)
	return {
		"amount": _rounded(channel, amount),
		"valid_from": row.valid_from or None,
		"valid_until": row.valid_upto or None,
	}


def _compare_at(
	channel: Channel, listing: Any, lists: Mapping[str, PriceList], amount: Decimal | None
) -> Decimal | None:
	"""The price of the other list, where it is higher: what it cost before, or costs new."""
	before = lists.get(channel.catalog.compare_at_list or "")
	if amount is None or before is None or not before.enabled or before.currency != channel.currency:
		return None
	found = before.find(listing)
	compare_at = _rounded(channel, found[1]) if found else None
	return compare_at if compare_at is not None and compare_at > amount else None


def _rounded(channel: Channel, amount: Decimal) -> Decimal:
	return money.quantise(amount, money.decimals_of(channel.currency))


# --- taken over from a shop --------------------------------------------------------------------------------


def require_list(channel: Channel, currencies: Iterable[str]) -> None:
	"""Raises `Misconfigured` unless the channel's price list takes prices in these currencies."""
	row = frappe.db.get_value("Price List", channel.price_list, ["currency", "enabled"]) or (None, 0)
	problem = None
	if not row[1]:
		problem = f"Price list {channel.price_list or '(none)'} does not exist or is disabled"
	elif others := {currency for currency in currencies if currency != row[0]}:
		problem = f"Price list {channel.price_list} is in {row[0]}, the shop in {', '.join(sorted(others))}"
	if problem:
		raise Misconfigured(
			f"{problem}: choose another price list, or import without prices",
			doctype="Channel Settings",
			document=channel.name,
			fieldname="price_list",
		)


def without_price(price_list: str, item_codes: Sequence[str]) -> list[str]:
	"""Those of the items that the list has no price of, for whomever and whenever it may be."""
	if not item_codes:
		return []
	rows = frappe.db.sql(
		"SELECT DISTINCT item_code FROM `tabItem Price` WHERE price_list = %s AND item_code IN %s",
		(price_list, tuple(item_codes)),
		pluck=True,
	)
	return [code for code in item_codes if code not in set(rows)]


def add(price_list: str, item_code: str, amount: Decimal) -> None:
	"""A price for one of the item's stock UOM, from now on and for everybody."""
	uom = frappe.get_cached_value("Item", item_code, "stock_uom")
	values = {"price_list": price_list, "item_code": item_code, "uom": uom, "price_list_rate": float(amount)}
	frappe.get_doc({"doctype": "Item Price", **values}).insert()


# --- into the outbox -------------------------------------------------------------------------------------


def on_change(doc: Any, method: str | None = None) -> None:
	"""Hook: an Item Price was saved or deleted. A price that begins or ends makes a listing appear or vanish."""
	before = doc.get_doc_before_save()
	used = _used_lists()
	if doc.price_list not in used and (before is None or before.price_list not in used):
		return
	for item in _with_variants({doc.item_code, before.item_code if before else doc.item_code}):
		stock_change.note(item, "", doc.doctype, doc.name, "price")
		stock_change.note(item, "", doc.doctype, doc.name, "listing")


def _with_variants(items: Iterable[str]) -> set[str]:
	templates = [item for item in items if frappe.get_cached_value("Item", item, "has_variants")]
	if not templates:
		return set(items)
	return {*items, *frappe.get_all("Item", {"variant_of": ("in", templates)}, pluck="name")}


def _used_lists() -> set[str]:
	"""Price lists of the channels that show something of ours."""
	channels = channel_settings.usable(channel_settings.listing_channels())
	return {
		name for channel in channels for name in (channel.price_list, channel.catalog.compare_at_list) if name
	}


def note_ended_items() -> int:
	"""Puts listed items whose end of life came lately into the outbox: nobody saves a document at midnight.

	:return: how many items
	"""
	today: date = site_date(utc_now())
	items = frappe.db.sql(ENDED, {"first": today - LOOK_BACK, "today": today}, pluck=True)
	for start in range(0, len(items), AT_ONCE):
		for kind in ("stock", "listing"):
			stock_change.add_items(items[start : start + AT_ONCE], "Item", kind)
	frappe.db.after_commit.add(wake.wake)
	return len(items)


def note_beginnings_and_ends() -> int:
	"""Puts items whose price began or ended lately into the outbox: nobody saves a document at midnight.

	:return: how many items; those whose price is shown already cost no call
	"""
	lists = _used_lists()
	if not lists:
		return 0
	today: date = site_date(utc_now())
	values = {"lists": tuple(lists), "first": today - LOOK_BACK, "today": today}
	items = sorted(_with_variants(frappe.db.sql(BEGAN_OR_ENDED, values, pluck=True)))
	for start in range(0, len(items), AT_ONCE):
		for kind in ("price", "listing"):
			stock_change.add_items(items[start : start + AT_ONCE], "Item Price", kind)
	frappe.db.after_commit.add(wake.wake)
	return len(items)
