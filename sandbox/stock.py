"""Items, bundles, quantities and listings of the embedded ERP; every change leaves a Stock Change row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from commerce_bridge.bridge.availability import offered
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import ShownLevel, StockLevel
from commerce_bridge.bridge.plan import Item, ItemKey
from commerce_bridge.bridge.protocols import Kind, ListingLevel, Outcome
from commerce_bridge.bridge.shown import NOT_LISTED, judged
from sandbox.catalog import is_in_shop
from sandbox.database import Database, Row, marks, to_decimal, to_text
from sandbox.unbooked import Unbooked

ZERO = Decimal(0)
RETURNED = """select item.qty from return_note_items item join return_notes back on back.name = item.parent
	join delivery_notes note on note.name = back.delivery_note
	where note.sales_order = ? and item.order_idx = ? and back.status = 'Submitted'"""
CREDITED = """select item.qty from sales_invoice_items item join sales_invoices note on note.name = item.parent
	where note.sales_order = ? and item.line_id = ? and note.is_return and note.status = 'Submitted'"""
NO_LOCATION = ""  # a primary key column cannot hold null


class Stock(Unbooked):
	_database: Database

	# --- the protocol

	def find_items(self, channel: Channel, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
		listed = self._database.read("select * from listings where channel = ?", channel.name)
		by_product = {(row["product_id"], row["variant_id"]): row for row in listed if row["product_id"]}
		by_sku = {row["sku"]: row for row in listed}
		found = {}
		for key in keys:
			listing = by_product.get((key.product_id, key.variant_id)) or by_sku.get(key.sku)
			item = self._item(listing["item_code"] if listing else key.sku) or self._item_with_barcode(
				key.barcode
			)
			if item is not None:
				found[key] = self._found(item, listing)
		return found

	def take_changes(self, limit: int) -> dict[Kind, list[str]]:
		rows = self._database.read("select id, kind, item_code from stock_changes order by id limit ?", limit)
		if rows:
			self._database.write("delete from stock_changes where id <= ?", rows[-1]["id"])
		taken: dict[Kind, dict[str, None]] = {}
		for row in rows:
			taken.setdefault(row["kind"], {})[row["item_code"]] = None
		return {kind: list(items) for kind, items in taken.items()}

	def mark_changed(self, kind: Kind, item_codes: Sequence[str], now: datetime) -> None:
		"""Nobody reads the embedded ERP by time."""

	def listed_items(self, channel: str, item_codes: Sequence[str]) -> list[str]:
		bundles = self._database.read(
			f"select distinct parent from bundles where child in ({marks(item_codes)})", *item_codes
		)
		wanted = {*item_codes, *(row["parent"] for row in bundles)}
		return [item for item in self._listed(channel) if item in wanted]

	def listed_after(
		self, channel: str, after: str | None, limit: int, among: Sequence[str] | None = None
	) -> list[str]:
		rest = [item for item in self._listed(channel) if item > (after or "")]
		return [item for item in rest if among is None or item in among][:limit]

	def count_listed(self, channel: str) -> int:
		return len(self._listed(channel))

	def _listed(self, channel: str) -> list[str]:
		rows = self._database.read(
			"select distinct item_code from listings where channel = ?"
			" and (publication != 'Delisted' or pushed_listing is not null or exists (select 1 from listing_levels"
			" where listing = name and cast(last_pushed as real) > 0)) order by item_code",
			channel,
		)
		return [row["item_code"] for row in rows]

	def stock_levels(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
		rows = self._database.read(
			f"select * from listings where channel = ? and item_code in ({marks(item_codes)}) order by name",
			*(channel.name, *item_codes),
		)
		return [
			self._listing_level(channel, row, location, warehouses)
			for row in rows
			for location, warehouses in self._places(channel, row).items()
		]

	def _places(self, channel: Channel, listing: Row) -> dict[str | None, list[str]]:
		"""Where a listing has a level; of one that is delisted where the shop still shows some of it."""
		if listing["publication"] != "Delisted":
			return self._locations(channel) if is_in_shop(channel, listing) else {}
		if channel.catalog.push_listings:  # then the product is taken down, with whatever is left of it
			return {}
		shown = self._database.read(
			"select location_id from listing_levels where listing = ? and cast(last_pushed as real) > 0",
			listing["name"],
		)
		return {row["location_id"] or None: [] for row in shown}

	def save_pushed(self, channel: str, pushed: Sequence[StockLevel], now: datetime) -> None:
		for level in pushed:
			self._database.write(
				"insert or replace into listing_levels values (?, ?, ?, ?)",
				*(level.listing, level.location_id or NO_LOCATION, str(level.quantity), to_text(now)),
			)
			self._database.write("update listings set stock_error = null where name = ?", level.listing)

	def save_stock_ids(self, channel: str, ids: Mapping[str, str]) -> None:
		for listing, stock_id in ids.items():
			self._database.write("update listings set stock_id = ? where name = ?", stock_id, listing)

	def forget_levels(self, channel: str, levels: Sequence[StockLevel]) -> None:
		for level in levels:
			self._database.write(
				"update listing_levels set pushed_at = null where listing = ? and location_id = ?",
				*(level.listing, level.location_id or NO_LOCATION),
			)

	def note_shown(self, channel: Channel, shown: ShownLevel) -> Outcome:
		listing = self._shown_listing(channel, shown)
		if listing is None:
			return Outcome("Skipped", NOT_LISTED)
		pushed = self._database.read_one(
			"select last_pushed from listing_levels where listing = ? and location_id = ?"
			" and pushed_at is not null",
			*(listing["name"], shown.location_id or NO_LOCATION),
		)
		outcome, again = judged(shown.quantity, to_decimal(pushed["last_pushed"]) if pushed else None)
		if again:
			self._database.write(
				"update listing_levels set pushed_at = null where listing = ? and location_id = ?",
				*(listing["name"], shown.location_id or NO_LOCATION),
			)
			self._database.insert("stock_changes", item_code=listing["item_code"])
		return outcome

	def _shown_listing(self, channel: Channel, shown: ShownLevel) -> Row | None:
		return self._database.read_one(
			"select * from listings where channel = ? and (stock_id = ? or (stock_id is null and (sku = ?"
			" or (product_id = ? and variant_id is ?)))) order by stock_id is null limit 1",
			*(channel.name, shown.stock_id, shown.sku, shown.product_id, shown.variant_id),
		)

	def save_not_listed(self, channel: str, reasons: Mapping[str, str | None]) -> None:
		for listing, reason in reasons.items():
			self._database.write("update listings set not_listed_because = ? where name = ?", reason, listing)

	def save_warnings(self, channel: str, warnings: Mapping[str, str | None]) -> None:
		"""The embedded ERP leaves nothing out of a listing."""

	def forget_pushed(self, channel: str, sales_order: str) -> None:
		self._database.write(
			"update listing_levels set pushed_at = null where listing in (select listings.name from listings"
			" join sales_order_items line on line.item_code = listings.item_code"
			" where line.parent = ? and listings.channel = ?)",
			*(sales_order, channel),
		)

	def push_again(self, channel: str, sales_order: str) -> None:
		self.forget_pushed(channel, sales_order)
		for row in self._database.read(
			"select distinct item_code from sales_order_items where parent = ?", sales_order
		):
			self._database.insert("stock_changes", item_code=row["item_code"])

	def save_push_errors(self, channel: str, kind: Kind, errors: Mapping[str, str]) -> None:
		for listing, error in errors.items():
			self._database.write(f"update listings set {kind}_error = ? where name = ?", error, listing)

	# --- quantities

	def available(self, item_code: str, warehouses: Sequence[str]) -> Decimal:
		"""What may still be sold: of a bundle as many as its scarcest component allows."""
		parts = self._database.read("select child, qty from bundles where parent = ?", item_code)
		if parts:
			sets = [self.available(part["child"], warehouses) / Decimal(part["qty"]) for part in parts]
			return min(sets).to_integral_value(ROUND_FLOOR)
		bins = self._database.read(
			f"select actual_qty, reserved_qty from bins where item_code = ? and warehouse in ({marks(warehouses)})",
			*(item_code, *warehouses),
		)
		on_hand = sum((Decimal(row["actual_qty"]) - Decimal(row["reserved_qty"]) for row in bins), ZERO)
		return on_hand - self._unreserved(item_code, warehouses) - self.unbooked(item_code, warehouses)

	def _unreserved(self, item_code: str, warehouses: Sequence[str]) -> Decimal:
		"""Sold in orders that are not submitted yet, or whose Sales Invoice stands for them: no reservation counts it."""
		rows = self._database.read(
			"select line.*, parent.status, bundle.qty as factor from sales_order_items line"
			" join sales_orders parent on parent.name = line.parent and (parent.status = 'Draft' or"
			"  (parent.status = 'Submitted' and parent.doctype = 'Sales Invoice' and not parent.update_stock))"
			" left join bundles bundle on bundle.parent = line.item_code and bundle.child = ?"
			f" where (line.item_code = ? or bundle.child = ?) and line.warehouse in ({marks(warehouses)})",
			*(item_code, item_code, item_code, *warehouses),
		)
		return sum((self._still_to_send(row) * Decimal(row["factor"] or 1) for row in rows), ZERO)

	def _still_to_send(self, line: Row) -> Decimal:
		"""Of a line that nothing reserves: what did not leave, or came back, and was not credited."""
		ordered = Decimal(line["qty"])
		if line["status"] == "Draft":
			return ordered
		back = self._database.read(RETURNED, line["parent"], line["idx"])
		credited = self._database.read(CREDITED, line["parent"], line["line_id"])
		gone = Decimal(line["delivered_qty"]) - _sum(back) + _sum(credited)
		return max(ordered - gone, ZERO)

	def change_bin(
		self, item_code: str, warehouse: str, actual: Decimal = ZERO, reserved: Decimal = ZERO
	) -> None:
		"""Moves quantities of an item, or of the components of a bundle; services have none."""
		for component, factor in self._components(item_code):
			self._database.write(
				"insert or ignore into bins (item_code, warehouse) values (?, ?)", component, warehouse
			)
			row = self._database.read_one(
				"select * from bins where item_code = ? and warehouse = ?", component, warehouse
			)
			self._database.write(
				"update bins set actual_qty = ?, reserved_qty = ? where item_code = ? and warehouse = ?",
				str(Decimal(row["actual_qty"]) + actual * factor),
				str(Decimal(row["reserved_qty"]) + reserved * factor),
				*(component, warehouse),
			)
			self._database.insert("stock_changes", item_code=component)

	def _components(self, item_code: str) -> list[tuple[str, Decimal]]:
		parts = self._database.read("select child, qty from bundles where parent = ?", item_code)
		if parts:
			return [(part["child"], Decimal(part["qty"])) for part in parts]
		item = self._item(item_code)
		return [(item_code, Decimal(1))] if item is not None and item["is_stock_item"] else []

	# --- how rows are found

	def _item(self, item_code: str | None) -> Row | None:
		return self._database.read_one("select * from items where item_code = ? and disabled = 0", item_code)

	def _item_with_barcode(self, barcode: str | None) -> Row | None:
		row = self._database.read_one("select item_code from barcodes where barcode = ?", barcode)
		return self._item(row["item_code"]) if row else None

	def _found(self, item: Row, listing: Row | None) -> Item:
		is_bundle = self._database.read_one(
			"select 1 from bundles where parent = ? limit 1", item["item_code"]
		)
		return Item(
			item_code=item["item_code"],
			item_name=item["item_name"],
			stock_uom=item["stock_uom"],
			is_bundle=is_bundle is not None,
			listing=listing["name"] if listing else None,
			uom=(listing["uom"] if listing else None) or item["stock_uom"],
			grade=listing["grade"] if listing else None,
		)

	def _locations(self, channel: Channel) -> dict[str | None, list[str]]:
		"""The warehouses, groups opened, behind each location of the shop."""
		locations: dict[str | None, list[str]] = {}
		for row in channel.warehouses:
			locations.setdefault(row.location_id, []).extend(self._leaves(row.warehouse))
		return locations or {None: self._leaves(channel.default_warehouse)}

	def _leaves(self, warehouse: str) -> list[str]:
		children = self._database.read(
			"select name from warehouses where parent = ? order by name", warehouse
		)
		return [leaf for child in children for leaf in self._leaves(child["name"])] or [warehouse]

	def _listing_level(
		self, channel: Channel, listing: Row, location: str | None, warehouses: Sequence[str]
	) -> ListingLevel:
		pushed = self._database.read_one(
			"select last_pushed from listing_levels where listing = ? and location_id = ?"
			" and pushed_at is not null",
			*(listing["name"], location or NO_LOCATION),
		)
		last = to_decimal(pushed["last_pushed"]) if pushed else None
		reason = self._why_not(listing)
		quantity = ZERO if reason else self.available(listing["item_code"], warehouses)
		level = StockLevel(
			listing=listing["name"],
			item_code=listing["item_code"],
			sku=listing["sku"],
			product_id=listing["product_id"],
			variant_id=listing["variant_id"],
			location_id=location,
			stock_id=listing["stock_id"],
			quantity=offered(channel.stock, quantity),
			expected=last,
		)
		return ListingLevel(level, last, reason)

	def _why_not(self, listing: Row) -> str | None:
		"""Why nothing of a listing is offered, whatever there is of it."""
		item = listing["item_code"]
		nested = self._database.read_one(
			"select inner_part.parent from bundles outer_part"
			" join bundles inner_part on inner_part.parent = outer_part.child where outer_part.parent = ?",
			item,
		)
		if listing["publication"] != "Published":
			return listing["publication"]
		if self._item(item) is None:
			return f"Item {item} is disabled"
		return f"Product Bundle {item} contains the Product Bundle {nested['parent']}" if nested else None


def _sum(rows: Iterable[Row]) -> Decimal:
	return sum((Decimal(row["qty"]) for row in rows), ZERO)
