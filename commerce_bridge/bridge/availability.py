"""From what is available to what a shop is told: the channel's policy, as arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple, TypeVar

from commerce_bridge.bridge.channel import StockPolicy

#: What is counted where a shop takes fractions.
FRACTION = Decimal("0.001")


def offered(policy: StockPolicy, available: Decimal, factor: Decimal = Decimal(1)) -> Decimal:
	"""Less the buffer, never below 0, rounded down: what is not whole cannot be sold.

	:param available: in stock UOM, as the buffer is
	:param factor: stock units in one unit of the listing, above 0
	:return: in the listing's unit
	"""
	rest = max(available - policy.buffer, Decimal(0)) / factor
	return rest.quantize(Decimal(1) if policy.whole_units else FRACTION, rounding=ROUND_FLOOR)


# --- single units ----------------------------------------------------------------------------------------

#: Units that are alike, condition and grade; and the warehouse they are in.
Sort = tuple[str, str]
Place = tuple[str, Sort]
Key = TypeVar("Key", bound=Hashable)


class OnOffer(NamedTuple):
	"""What all listings of one item may offer together: units by sort, and which of them may be sold on their own."""

	sorts: Mapping[Sort, int]
	alone: frozenset[str]


def on_offer(
	units: Mapping[Place, int], alone: Mapping[str, Place], left: Mapping[str, int], at_most: int
) -> OnOffer:
	"""Which units a channel's listings of an item offer at a location, where documents that name no unit leave fewer
	than there are. A unit counts once, however many listings show it.

	What gives way: the sort with the most units, until it has no more than the next one; of sorts with equally many
	the last by name. Units that are sold on their own give way last, the last serial number first.

	:param units: how many are free, at every place some listing sells from, those sold on their own among them
	:param alone: serial numbers that are sold on their own, and where each is
	:param left: how many may be taken from each warehouse
	:param at_most: how many may be taken from all of them together
	"""
	single: list[str] = []
	rest: Counter[Sort] = Counter()
	for warehouse in sorted({warehouse for warehouse, _sort in units}):
		names, sorts = _in_warehouse(warehouse, units, alone)
		kept = sorted(names)[: max(left.get(warehouse, 0), 0)]
		rest.update(shared(sorts, left.get(warehouse, 0) - len(kept)))
		single += kept
	kept = sorted(single)[: max(at_most, 0)]
	sorts = Counter(shared(rest, at_most - len(kept)))
	sorts.update(alone[name][1] for name in kept)
	return OnOffer(dict(sorts), frozenset(kept))


def _in_warehouse(
	warehouse: str, units: Mapping[Place, int], alone: Mapping[str, Place]
) -> tuple[list[str], dict[Sort, int]]:
	"""Serial numbers sold on their own in a warehouse, no more than are free of their sort, and how many others."""
	names: list[str] = []
	others: dict[Sort, int] = {}
	for place, count in units.items():
		if place[0] != warehouse:
			continue
		mine = sorted(name for name, where in alone.items() if where == place)[: max(count, 0)]
		names += mine
		others[place[1]] = max(count, 0) - len(mine)
	return names, others


def shared(counts: Mapping[Key, int], limit: int) -> dict[Key, int]:
	"""Counts cut until they are together no more than the limit: the largest first, down to one height for all that
	are cut; where the limit leaves some of that height over, the first by key have one more.

	:param limit: below 0 is 0
	"""
	if sum(counts.values()) <= limit:
		return dict(counts)
	limit = max(limit, 0)
	low, high = 0, max(counts.values(), default=0)
	while low < high:  # the greatest height that fits
		height = (low + high + 1) // 2
		if sum(min(count, height) for count in counts.values()) <= limit:
			low = height
		else:
			high = height - 1
	cut = {key: min(count, low) for key, count in counts.items()}
	over = limit - sum(cut.values())
	higher: list[Any] = sorted(key for key in counts if counts[key] > low)  # type: ignore[type-var]
	return {**cut, **{key: low + 1 for key in higher[:over]}}
