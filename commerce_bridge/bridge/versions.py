"""Which of two events of the same entity is the newer one."""

from __future__ import annotations

from datetime import datetime

from commerce_bridge.bridge.plan import Record


def is_stale(record: Record, version: int | None, updated_at: datetime, *, cancellation: bool) -> bool:
	"""Whether what the record has seen is as new as this event, or newer.

	Versions decide where both have one, else the storefront's own time. In a tie of versions the event adds
	nothing. In a tie of times (storefronts count seconds) an update is applied, unless the order is
	cancelled: a cancellation outranks an update of the same moment.
	"""
	if record.version is not None and version is not None:
		return version < record.version or (version == record.version and not cancellation)
	if record.source_time is None:
		return False
	if updated_at == record.source_time:
		return record.cancelled and not cancellation
	return updated_at < record.source_time
