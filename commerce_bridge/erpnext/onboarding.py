"""Steps towards a first channel tick themselves off, whoever did what they ask for and however."""

from __future__ import annotations

from typing import Any

import frappe

STEPS: dict[str, tuple[str, dict[str, Any]]] = {
	"Commerce Bridge Channel": ("Channel Settings", {}),
	# a channel cannot become Active while its check has errors
	"Commerce Bridge Connection": ("Channel Settings", {"state": "Active"}),
	"Commerce Bridge Products": ("Channel Listing", {}),
	"Commerce Bridge Order": ("Channel Record", {"record_type": "order"}),
	"Commerce Bridge Push": ("Channel Listing Level", {"pushed_at": ("is", "set")}),
}


def tick() -> None:
	"""Part of the caller's transaction; costs one query once all is done."""
	for step in frappe.get_all(
		"Onboarding Step", {"name": ("in", list(STEPS)), "is_complete": 0}, pluck="name"
	):
		doctype, filters = STEPS[step]
		if frappe.db.exists(doctype, filters):
			frappe.db.set_value("Onboarding Step", step, "is_complete", 1)
