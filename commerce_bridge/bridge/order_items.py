"""The items of an order's lines: of the catalog, of the Sales Order that is there, or the channel's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.details import Unmapped
from commerce_bridge.bridge.errors import ItemsMissing
from commerce_bridge.bridge.model import Order, OrderLine
from commerce_bridge.bridge.plan import Item, ItemKey, OrderedLine, SalesOrderState
from commerce_bridge.bridge.protocols import Erp
from commerce_bridge.bridge.totals import key_of

#: Kind of line → what it is called where no item was found for it, what to do, and the channel's field.
_NO_ITEM: dict[str, tuple[str, str, str | None]] = {
	"product": ("", "Create the Item, its barcode or a Channel Listing", None),
	"custom": ("the custom line ", "Choose the Custom Line Item of the channel", "custom_line_item"),
	"gift_card": ("the gift card ", "Choose the Gift Card Item of the channel", "gift_card_item"),
}


def find_items(erp: Erp, channel: Channel, order: Order) -> Mapping[ItemKey, Item]:
	"""The items of all lines. Raises `Misconfigured` that names every line without one."""
	keys = {key_of(line): line for line in order.lines if line.quantity}
	items = dict(erp.find_items(channel, keys))
	_add_line_items(erp, channel, {key: line for key, line in keys.items() if key not in items}, items)
	missing = [line for key, line in keys.items() if key not in items]
	if missing:
		_refuse_without_items(channel, missing)
	return items


def _refuse_without_items(channel: Channel, missing: Sequence[OrderLine]) -> NoReturn:
	"""Names every line, and of lines without a product the field of the channel to be filled in."""
	texts, fieldnames = [], []
	for kind, (what, fix, fieldname) in _NO_ITEM.items():
		lines = [line for line in missing if line.kind == kind]
		if lines:
			names = ", ".join(f'"{line.sku or line.barcode or line.name or line.id}"' for line in lines)
			texts.append(f"No item for {what}{names}. {fix}, then retry.")
			fieldnames.append(fieldname)
	fieldname = fieldnames[0]
	unmapped = [_unmapped(line) for line in missing if line.kind == "product"]
	if fieldname is None:
		raise ItemsMissing(" ".join(texts), doctype="Item", unmapped=unmapped)
	raise ItemsMissing(" ".join(texts), "Channel Settings", channel.name, fieldname, unmapped)


def _unmapped(line: OrderLine) -> Unmapped:
	return Unmapped(
		sku=line.sku,
		barcode=line.barcode,
		product_id=line.product_id,
		variant_id=line.variant_id,
		name=line.name,
	)


def _add_line_items(
	erp: Erp, channel: Channel, missing: Mapping[ItemKey, OrderLine], items: dict[ItemKey, Item]
) -> None:
	"""The channel's own items for lines that no product stands behind: custom lines, gift cards sold."""
	codes = {"custom": channel.line_items.custom, "gift_card": channel.line_items.gift_card, "product": None}
	wanted = {key: ItemKey(sku=code) for key, line in missing.items() if (code := codes[line.kind])}
	found = erp.find_items(channel, set(wanted.values())) if wanted else {}
	items.update({key: found[named] for key, named in wanted.items() if named in found})


def with_known_items(erp: Erp, channel: Channel, order: Order, state: SalesOrderState | None) -> Order:
	"""The order with the items of its Sales Order where the shop does not have the product any more."""
	if state is None or not any(map(is_nameless, order.lines)):
		return order
	rows = erp.get_deliveries(state.name).lines
	return order.model_copy(
		update={"lines": tuple(_with_known_item(channel, line, rows.get(line.id)) for line in order.lines)}
	)


def _with_known_item(channel: Channel, line: OrderLine, row: OrderedLine | None) -> OrderLine:
	if row is None or not is_nameless(line) or row.item_code == channel.line_items.custom:
		return line
	return line.model_copy(update={"sku": row.item_code, "kind": "product"})


def is_nameless(line: OrderLine) -> bool:
	"""Whether a line says of no product: it was typed in by hand, or its product was deleted since it was sold."""
	named = line.product_id or line.variant_id or line.sku or line.barcode
	return bool(line.quantity) and not named and line.kind != "gift_card"
