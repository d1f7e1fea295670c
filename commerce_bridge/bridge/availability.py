"""From what is available to what a shop is told: the channel's policy, as arithmetic."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

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
