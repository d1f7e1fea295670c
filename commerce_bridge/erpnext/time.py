"""Aware UTC in the engine, naive in the site's time zone in Frappe's tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from frappe.utils import get_datetime, get_system_timezone


def to_site(moment: datetime | None) -> datetime | None:
	"""An aware time as Frappe stores it."""
	if moment is None:
		return None
	return moment.astimezone(_zone()).replace(tzinfo=None)


def from_site(stored: datetime | str | None) -> datetime | None:
	"""What Frappe stored, as aware UTC."""
	if not stored:
		return None
	return get_datetime(stored).replace(tzinfo=_zone()).astimezone(timezone.utc)


def earliest_of_site(moment: datetime) -> datetime:
	"""An aware time as Frappe stores it; in the hour that the clocks go through twice, before both: what Frappe
	stored then does not say which it was, and who asks what changed since must miss nothing."""
	local = moment.astimezone(_zone())
	twice = local.replace(fold=0).utcoffset() - local.replace(fold=1).utcoffset()
	return local.replace(tzinfo=None) - max(twice, timedelta(0))


def stored(values: Mapping[str, Any]) -> dict[str, Any]:
	"""Values of a field map as Frappe stores them: the database refuses a time with an offset."""
	return {
		field: to_site(value) if isinstance(value, datetime) else value for field, value in values.items()
	}


def site_date(moment: datetime) -> date:
	"""The day it is at the site."""
	return moment.astimezone(_zone()).date()


def _zone() -> ZoneInfo:
	return ZoneInfo(get_system_timezone())
