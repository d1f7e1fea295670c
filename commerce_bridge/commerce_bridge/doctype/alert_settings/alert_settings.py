"""Who is told of what, and when; `erpnext/alert_settings.py` reads it."""

from __future__ import annotations

import frappe
from frappe import _
from frappe.model.document import Document

LONGEST_SILENCE = 24 * 14


class AlertSettings(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		alert_managers: DF.Check
		alert_users: DF.Check
		digest: DF.Literal["Never", "Daily", "Weekly"]
		digest_always: DF.Check
		digest_day: DF.Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
		digest_managers: DF.Check
		digest_sent: DF.Datetime | None
		digest_time: DF.Literal[
			"00:00",
			"01:00",
			"02:00",
			"03:00",
			"04:00",
			"05:00",
			"06:00",
			"07:00",
			"08:00",
			"09:00",
			"10:00",
			"11:00",
			"12:00",
			"13:00",
			"14:00",
			"15:00",
			"16:00",
			"17:00",
			"18:00",
			"19:00",
			"20:00",
			"21:00",
			"22:00",
			"23:00",
		]
		digest_users: DF.Check
		quiet_from: DF.Literal[
			"00:00",
			"01:00",
			"02:00",
			"03:00",
			"04:00",
			"05:00",
			"06:00",
			"07:00",
			"08:00",
			"09:00",
			"10:00",
			"11:00",
			"12:00",
			"13:00",
			"14:00",
			"15:00",
			"16:00",
			"17:00",
			"18:00",
			"19:00",
			"20:00",
			"21:00",
			"22:00",
			"23:00",
		]
		quiet_until: DF.Literal[
			"00:00",
			"01:00",
			"02:00",
			"03:00",
			"04:00",
			"05:00",
			"06:00",
			"07:00",
			"08:00",
			"09:00",
			"10:00",
			"11:00",
			"12:00",
			"13:00",
			"14:00",
			"15:00",
			"16:00",
			"17:00",
			"18:00",
			"19:00",
			"20:00",
			"21:00",
			"22:00",
			"23:00",
		]
		silent_hours: DF.Int

	# end: auto-generated types
	def validate(self) -> None:
		if (self.silent_hours or 0) > LONGEST_SILENCE:
			label = _(self.meta.get_label("silent_hours"))
			frappe.throw(_("{0}: at most {1}").format(label, LONGEST_SILENCE))
