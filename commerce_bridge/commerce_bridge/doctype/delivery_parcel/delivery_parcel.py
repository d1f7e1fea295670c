"""One of several parcels of a Delivery Note or Sales Invoice."""

from __future__ import annotations

from frappe.model.document import Document


class DeliveryParcel(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		carrier: DF.Data | None
		delivered: DF.Check
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		tracking_number: DF.Data | None
		tracking_url: DF.Data | None
	# end: auto-generated types
	pass
