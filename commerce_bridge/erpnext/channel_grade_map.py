"""DocType Channel Grade Map: what a channel calls a grade of an item group in a condition, and whether it takes it.

The most specific row wins: the nearest item group first, then a row for the condition before one for any
condition. Without a row nothing is listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import frappe

from commerce_bridge.bridge.protocols import Kind
from commerce_bridge.erpnext import stock_change

DOCTYPE = "Channel Grade Map"
ROWS = """SELECT map.item_group, map.`condition`, map.grade, map.outbound_code, map.min_warranty_months,
		map.blocked, map.needs_approval, grp.lft, grp.rgt
	FROM `tabChannel Grade Map` map LEFT JOIN `tabItem Group` grp ON grp.name = map.item_group
	WHERE map.channel = %s"""
GROUPS = "SELECT name, lft, rgt FROM `tabItem Group` WHERE name IN %s"
#: Listed items that a row, or a grade, can concern: used goods, bundles of them, and whatever is listed by grade or
#: by unit.
GRADED = """SELECT DISTINCT listing.item_code FROM `tabChannel Listing` listing
	JOIN `tabItem` item ON item.name = listing.item_code
	WHERE listing.publication != 'Delisted' AND (item.cb_recommerce = 1
		OR COALESCE(listing.grade, '') != '' OR COALESCE(listing.serial_no, '') != '' OR listing.item_code IN (
			SELECT bundle.new_item_code FROM `tabProduct Bundle` bundle
			JOIN `tabProduct Bundle Item` part ON part.parent = bundle.name
			JOIN `tabItem` component ON component.name = part.item_code WHERE component.cb_recommerce = 1))"""
KINDS: tuple[Kind, ...] = ("stock", "price", "listing")
AT_ONCE = 1000
Key = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Group:
	"""An item group and its place in the tree."""

	name: str
	lft: int
	rgt: int


@dataclass(frozen=True, slots=True)
class Code:
	"""What a channel says to a condition and grade."""

	outbound_code: str | None
	min_warranty_months: int
	blocked: bool = False
	needs_approval: bool = False


@dataclass(slots=True)
class Rules:
	"""All rows of a channel, by grade."""

	rows: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

	def find(self, group: Group, condition: str | None, grade: str | None) -> Code | None:
		"""The most specific row for goods of this group; None where there is none."""
		fitting = [row for row in self.rows.get(grade or "", ()) if _fits(row, group, condition)]
		if not fitting:
			return None
		row = max(fitting, key=lambda row: (row.lft or 0, bool(row.condition)))
		return Code(
			outbound_code=row.outbound_code or None,
			min_warranty_months=row.min_warranty_months or 0,
			blocked=bool(row.blocked),
			needs_approval=bool(row.needs_approval),
		)

	def why_no_pool(self, group: Group, condition: str | None, grade: str) -> str | None:
		"""The same of a pool that has no unit now. Without a condition it stands for all of them."""
		asked = {condition} if condition else {"", *(row.condition or "" for row in self.rows.get(grade, ()))}
		refusals = [self.why_not(group, each, grade) for each in sorted(asked)]
		return refusals[0] if all(refusals) else None

	def why_not(self, group: Group, condition: str | None, grade: str | None) -> str | None:
		"""Why the channel lists no such goods, in words for people; None where it does."""
		code = self.find(group, condition, grade)
		what = f"{condition}, grade {grade}" if condition else f"grade {grade}"
		if code is None:
			return f"No row in Channel Grade Map for {what} in {group.name}"
		if code.blocked:
			return f"Channel Grade Map blocks {what} in {group.name}"
		if code.needs_approval:
			return f"Channel Grade Map: the channel has to approve {what} in {group.name} first"
		return None


def _fits(row: Any, group: Group, condition: str | None) -> bool:
	if row.condition and row.condition != condition:
		return False
	if not row.item_group:
		return True
	return row.lft is not None and row.lft <= group.lft and row.rgt >= group.rgt


def rules(channel: str) -> Rules:
	"""The map of a channel, in one query."""
	found = Rules()
	for row in frappe.db.sql(ROWS, channel, as_dict=True):
		found.rows[row.grade].append(row)
	return found


def codes(channel: str, keys: Iterable[Key]) -> dict[Key, Code]:
	"""What the channel calls each (item group, condition, grade), in two queries; keys without a row are absent."""
	wanted = list(dict.fromkeys(keys))
	names = tuple({group for group, _condition, _grade in wanted if group})
	if not names:
		return {}
	groups = {name: Group(name, lft, rgt) for name, lft, rgt in frappe.db.sql(GROUPS, (names,))}
	known = rules(channel)
	found = {
		(group, condition, grade): known.find(groups[group], condition, grade)
		for group, condition, grade in wanted
		if group in groups
	}
	return {key: code for key, code in found.items() if code}


# --- what a change of it concerns ------------------------------------------------------------------------


def on_change(doc: Any, method: str | None = None) -> None:
	"""A row was saved or deleted: its channel's graded goods are looked at anew."""
	channels = {doc.channel}
	if before := doc.get_doc_before_save():
		channels.add(before.channel)
	_look_again(f"{GRADED} AND listing.channel IN %(channels)s", doc, channels=tuple(channels))


def on_grade_change(doc: Any, method: str | None = None) -> None:
	"""A Condition Grade was saved: whether it is sold, its rank and its price factor count everywhere."""
	_look_again(GRADED, doc)


def _look_again(query: str, doc: Any, **values: Any) -> None:
	items = frappe.db.sql(query, values, pluck=True)
	for start in range(0, len(items), AT_ONCE):
		for kind in KINDS:
			stock_change.add_items(items[start : start + AT_ONCE], doc.doctype, kind)
