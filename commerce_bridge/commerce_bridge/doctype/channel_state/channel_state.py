"""What a channel remembers between units of work; `erpnext/channel_state.py` is its one writer."""

from __future__ import annotations

from frappe.model.document import Document

from commerce_bridge.permissions import refuse_by_hand


class ChannelState(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		alerted: DF.SmallText | None
		channel: DF.Link
		circuit_failures: DF.Int
		circuit_opened_until: DF.Datetime | None
		circuit_probing_since: DF.Datetime | None
		cursors: DF.SmallText | None
		facts: DF.SmallText | None
		progress: DF.SmallText | None
		token: DF.Password | None
		token_expires: DF.Datetime | None

	# end: auto-generated types
	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)
