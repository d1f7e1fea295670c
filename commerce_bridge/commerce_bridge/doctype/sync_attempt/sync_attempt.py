"""One attempt to work off a Sync Log entry."""

from __future__ import annotations

from frappe.model.document import Document


class SyncAttempt(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		duration: DF.Float
		message: DF.SmallText | None
		outcome: DF.Data | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		started: DF.Datetime | None
	# end: auto-generated types
	pass
