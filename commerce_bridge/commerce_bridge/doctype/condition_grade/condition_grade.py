"""How used goods look. P, A, B, C, D and X come with the app; merchants may add others."""

from __future__ import annotations

from frappe.model.document import Document


class ConditionGrade(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		buy_factor: DF.Float
		default_warranty_months: DF.Int
		description: DF.Data | None
		grade: DF.Data
		min_battery: DF.Percent
		r2_cosmetic: DF.Data | None
		rank: DF.Int
		sell_factor: DF.Float
		sellable: DF.Check
	# end: auto-generated types
	pass
