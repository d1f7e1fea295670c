"""What was last sent for a listing at a location."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelListingLevel(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		last_pushed: DF.Float
		location_id: DF.Data | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		pushed_at: DF.Datetime | None
	# end: auto-generated types
	pass
