"""One unit of work in either direction; `erpnext/sync_log.py` is its one writer."""

from __future__ import annotations

from datetime import datetime

import frappe
from frappe.model.document import Document
from frappe.query_builder import DocType
from frappe.utils import add_days, now_datetime

from commerce_bridge.erpnext.sync_story import story
from commerce_bridge.permissions import refuse_by_hand

FINISHED = ("Succeeded", "Skipped")
# Storefronts redeliver and polls overlap for weeks: the dedupe key has to outlive both.
KEEP_KEYS_DAYS = 180
BATCH = 1000


class SyncLog(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from commerce_bridge.commerce_bridge.doctype.sync_attempt.sync_attempt import SyncAttempt
		from frappe.types import DF

		accepted_difference: DF.Data | None
		accepted_reason: DF.SmallText | None
		announced: DF.Check
		attempt_count: DF.Int
		attempts: DF.Table[SyncAttempt]
		channel: DF.Link | None
		dedupe_key: DF.Data
		details: DF.LongText | None
		direction: DF.Literal["Inbound", "Outbound"]
		error_class: DF.Literal["", "Retryable", "Rejected", "Misconfigured", "Unexpected"]
		external_id: DF.Data | None
		external_number: DF.Data | None
		lane: DF.Data | None
		lease_expires_at: DF.Datetime | None
		lease_token: DF.Data | None
		message: DF.SmallText | None
		next_attempt_at: DF.Datetime | None
		payload: DF.LongText | None
		reference_doctype: DF.Link | None
		reference_name: DF.DynamicLink | None
		source_time: DF.Datetime | None
		state: DF.Literal["Queued", "Running", "Succeeded", "Skipped", "Retrying", "Failed"]
		summary: DF.LongText | None
		to_count: DF.Check
		topic: DF.Data | None
		traceback: DF.LongText | None

	# end: auto-generated types
	def onload(self) -> None:
		self.set_onload("story", story(self))

	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)

	@staticmethod
	def clear_old_logs(days: int = 90) -> None:
		"""Called daily by Log Settings: contents go after `days`, rows after at least 180 days.

		Only what is finished ages. Failed and everything not yet worked off is never touched.

		:param days: as set in Log Settings
		"""
		now = now_datetime()
		forget_contents(add_days(now, -days))
		delete_rows(add_days(now, -max(days, KEEP_KEYS_DAYS)))


def forget_contents(before: datetime) -> None:
	"""Blanks what may hold personal data in entries finished before a time; the row and its key stay."""
	log, attempt = DocType("Sync Log"), DocType("Sync Attempt")
	full = log.payload.isnotnull() | log.summary.isnotnull() | log.traceback.isnotnull()
	while names := _finished(before, full):
		frappe.qb.update(attempt).set(attempt.message, None).where(attempt.parent.isin(names)).run()
		(
			frappe.qb.update(log)
			.set(log.payload, None)
			.set(log.summary, None)
			.set(log.traceback, None)
			.where(log.name.isin(names))
			.run()
		)


def delete_rows(before: datetime) -> None:
	"""Deletes entries finished before a time, with their attempts."""
	while names := _finished(before):
		frappe.db.delete("Sync Attempt", {"parent": ("in", names), "parenttype": "Sync Log"})
		frappe.db.delete("Sync Log", {"name": ("in", names)})


def _finished(before: datetime, condition=None) -> list[str]:
	log = DocType("Sync Log")
	query = (
		frappe.qb.from_(log)
		.select(log.name)
		.where(log.state.isin(FINISHED))
		.where(log.modified < before)
		.limit(BATCH)
	)
	return (query.where(condition) if condition else query).run(pluck=True)


def on_doctype_update() -> None:
	"""Indexes of the sweeper, the list's filters, the look-up of a document's entries, the count of sales, and the gateways
	that payments were made by."""
	frappe.db.add_index("Sync Log", ["state", "next_attempt_at"], "due")
	frappe.db.add_index("Sync Log", ["channel", "state", "creation"], "channel_state_creation")
	frappe.db.add_index("Sync Log", ["reference_doctype", "reference_name"], "reference")
	frappe.db.add_index("Sync Log", ["to_count", "creation"], "to_count")
	frappe.db.add_index("Sync Log", ["channel", "topic", "creation"], "channel_topic_creation")
