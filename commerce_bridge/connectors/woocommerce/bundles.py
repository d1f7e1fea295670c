"""Rows that belong together: extensions add a row for a bundle and one for each of its parts.

Which row contains which stands in the rows' meta data: a part has the key of its container under one name, the
container has it under another. All rows are booked unless the channel says otherwise; then what the rows left out
cost goes to those that stay, so that the sum does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import BundleRows, RowMap
from commerce_bridge.bridge.model import OrderLine, TaxLine
from commerce_bridge.connectors.woocommerce.amounts import price_of, shares

#: Product Bundles, Composite Products, Mix and Match Products; after the channel's own.
KNOWN_KEYS = (
	RowMap(part="_bundled_by", container="_bundle_cart_key"),
	RowMap(part="_composite_parent", container="_composite_cart_key"),
	RowMap(part="_mnm_container", container="_mnm_cart_key"),
)


def booked_rows(lines: tuple[OrderLine, ...], policy: BundleRows, unit: Decimal) -> tuple[OrderLine, ...]:
	"""The rows that are booked by the channel's policy, in their order.

	:param unit: the order's minor unit: amounts are shared in whole ones of it
	"""
	if policy.book == "Every Row":
		return lines
	inside = _containers(lines, (*policy.keys, *KNOWN_KEYS))
	if not inside:
		return lines
	if policy.book == "Containers":
		return _only_containers(lines, inside, unit)
	return _only_parts(lines, inside, unit)


def _containers(lines: Sequence[OrderLine], keys: Iterable[RowMap]) -> dict[str, str]:
	"""Id of a row → id of the row it is a part of."""
	found: dict[str, str] = {}
	for names in keys:
		owners = {key: line.id for line in lines if (key := _meta(line, names.container))}
		for line in lines:
			owner = owners.get(_meta(line, names.part) or "")
			if owner and owner != line.id:
				found.setdefault(line.id, owner)
	return {row: owner for row, owner in found.items() if not _is_circle(row, found)}


def _is_circle(row: str, inside: Mapping[str, str]) -> bool:
	seen = {row}
	while (row := inside.get(row, "")) and row not in seen:
		seen.add(row)
	return bool(row)


def _meta(line: OrderLine, name: str) -> str | None:
	meta: Any = line.custom.get("meta")
	value = meta.get(name) if isinstance(meta, dict) else None
	return value if isinstance(value, str) and value else None


def _outermost(row: str, inside: Mapping[str, str]) -> str:
	while row in inside:
		row = inside[row]
	return row


def _only_containers(
	lines: Sequence[OrderLine], inside: Mapping[str, str], unit: Decimal
) -> tuple[OrderLine, ...]:
	parts: dict[str, list[OrderLine]] = {}
	for line in lines:
		if line.id in inside:
			parts.setdefault(_outermost(line.id, inside), []).append(line)
	return tuple(_with(line, parts.get(line.id, ()), unit) for line in lines if line.id not in inside)


def _with(container: OrderLine, parts: Sequence[OrderLine], unit: Decimal) -> OrderLine:
	rows = [container, *parts]
	return _changed(
		container,
		sum((row.total for row in rows), Decimal(0)),
		sum((row.total + row.discount for row in rows), Decimal(0)),
		_summed(tax for row in rows for tax in row.taxes),
		unit,
	)


def _only_parts(
	lines: Sequence[OrderLine], inside: Mapping[str, str], unit: Decimal
) -> tuple[OrderLine, ...]:
	"""Each container goes to the innermost rows it contains, in proportion to what they cost."""
	owners = set(inside.values())
	leaves: dict[str, list[OrderLine]] = {}
	for line in lines:
		if line.id in inside and line.id not in owners and line.quantity:
			row = line.id
			while row in inside:
				row = inside[row]
				leaves.setdefault(row, []).append(line)
	now = {line.id: line for line in lines}
	for line in lines:
		if line.id in leaves:
			_share_out(line, [now[leaf.id] for leaf in leaves[line.id]], now, unit)
			del now[line.id]
	return tuple(now[line.id] for line in lines if line.id in now)


def _share_out(
	container: OrderLine, parts: Sequence[OrderLine], now: dict[str, OrderLine], unit: Decimal
) -> None:
	weights = [part.total for part in parts]
	if not any(weights):
		weights = [part.quantity for part in parts]
	totals = shares(container.total, weights, unit)
	listed = shares(container.total + container.discount, weights, unit)
	taxes = [(tax, shares(tax.amount, weights, unit)) for tax in container.taxes]
	for index, part in enumerate(parts):
		more = [tax.model_copy(update={"amount": share[index]}) for tax, share in taxes]
		total = part.total + totals[index]
		price = part.total + part.discount + listed[index]
		now[part.id] = _changed(part, total, price, _summed((*part.taxes, *more)), unit)


def _changed(
	line: OrderLine, total: Decimal, listed: Decimal, taxes: tuple[TaxLine, ...], unit: Decimal
) -> OrderLine:
	price = price_of(max(total, listed), line.quantity, unit)
	return line.model_copy(
		update={
			"unit_price": price,
			"discount": line.quantity * price - total,
			"total": total,
			"taxes": taxes,
		}
	)


def _summed(taxes: Iterable[TaxLine]) -> tuple[TaxLine, ...]:
	"""One row for each rate."""
	found: dict[tuple[str, str | None, Decimal | None], TaxLine] = {}
	for tax in taxes:
		key = (tax.title, tax.code, tax.rate)
		before = found.get(key)
		amount = tax.amount + (before.amount if before else Decimal(0))
		found[key] = tax.model_copy(update={"amount": amount})
	return tuple(found.values())
