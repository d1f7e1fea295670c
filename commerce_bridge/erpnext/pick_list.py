"""DocType Pick List: made for an order right after it was submitted, where the channel asks for it."""

from __future__ import annotations

from typing import Any

from erpnext.selling.doctype.sales_order.sales_order import create_pick_list


def make(sales_order: Any) -> str | None:
	"""A draft Pick List of everything the warehouses have for the order; None where they have nothing."""
	pick_list = create_pick_list(sales_order.name)
	if not pick_list.locations:
		return None
	pick_list.insert()
	return pick_list.name
