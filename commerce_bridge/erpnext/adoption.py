"""What another connector linked in ERPNext becomes ours: listings, records, the ids on documents.

Nothing is made but links. A document that is taken over stays as it is; it follows the shop from the next change
on. All of it may be repeated: what is linked already stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

import frappe
from frappe import _
from frappe.utils import cstr

from commerce_bridge.bridge.adoption import ADOPTED, Link, ListingLinks, OrderLinks, Origin
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.orders import RECORD_TYPE as ORDER
from commerce_bridge.bridge.plan import Record
from commerce_bridge.erpnext import channel_listing, channel_record, channel_settings, sql

#: Rows read, and committed, at a time.
ROWS = 1_000
#: Problems that are named; the others are counted.
NAMED = 50
#: Of several documents of one order the one that counts: submitted before draft before cancelled.
_RANK = {1: 0, 0: 1, 2: 2}
Progress = Callable[[str], None]


@dataclass
class Report:
	"""What was found, and what of it was taken over or would be."""

	counts: Counter[str] = field(default_factory=Counter)
	problems: list[str] = field(default_factory=list)
	more_problems: int = 0
	open_orders: int = 0
	oldest_open: date | None = None

	def problem(self, text: str) -> None:
		if len(self.problems) < NAMED:
			self.problems.append(text)
		else:
			self.more_problems += 1

	def lines(self) -> Iterator[str]:
		"""For a terminal."""
		for what, number in sorted((+self.counts).items()):
			yield f"{number:>8}  {what}"
		yield from (f"  left:  {text}" for text in self.problems)
		if self.more_problems:
			yield f"  left:  and {self.more_problems} more"
		if self.open_orders:
			yield (
				f"{self.open_orders} Sales Orders are still to be delivered, the oldest of {self.oldest_open}. Their "
				f'deliveries are told to the shop once their orders were read: "Import Orders Since…" {self.oldest_open}.'
			)


def adopt(
	channel_name: str, origin: Origin, write: bool = False, progress: Progress = lambda text: None
) -> Report:
	"""Takes over the links that `origin` left, or says what it would do. Commits after each thousand rows.

	:param progress: gets a line for people after each step
	:raises frappe.ValidationError: the channel is of another platform, or the other connector was never here
	"""
	channel = channel_settings.load(channel_name).channel
	if channel.platform != origin.platform:
		frappe.throw(
			_("{0} is a channel of {1}, not of {2}").format(channel_name, channel.platform, origin.platform)
		)
	if not _has_fields(origin):
		frappe.throw(_("{0} left nothing on this site: its fields are not there").format(origin.title))
	report = Report()
	_adopt_listings(channel, origin.listings, report, write, progress)
	_adopt_orders(channel, origin.orders, report, write, progress)
	for link in origin.links:
		_adopt_links(channel, link, report, write, progress)
	return report


def _has_fields(origin: Origin) -> bool:
	return _has_field(origin.orders.doctypes[0], origin.orders.external_id)


def _has_field(doctype: str, fieldname: str) -> bool:
	return bool(frappe.db.table_exists(doctype) and frappe.db.has_column(doctype, fieldname))


def _end_batch(write: bool) -> None:
	if write:
		frappe.db.commit()  # nosemgrep: a command that may be repeated


# --- listings --------------------------------------------------------------------------------------------


def _adopt_listings(
	channel: Channel, links: ListingLinks, report: Report, write: bool, progress: Progress
) -> None:
	if not frappe.db.table_exists(links.doctype):
		return
	for rows in _batches(links.doctype, dict(links.only), _fields_of(links)):
		sellable = [row for row in rows if not row[links.template]]
		report.counts["templates, which no shop sells"] += len(rows) - len(sellable)
		_adopt_rows(channel, links, sellable, report, write)
		_end_batch(write)
		progress(f"{links.doctype}: {rows[-1].name}")


def _fields_of(links: ListingLinks) -> list[str]:
	return [links.item_code, links.product_id, links.variant_id, links.sku, links.template]


def _adopt_rows(
	channel: Channel, links: ListingLinks, rows: Sequence[Any], report: Report, write: bool
) -> None:
	items = set(
		frappe.get_all("Item", {"name": ("in", [row[links.item_code] for row in rows])}, pluck="name")
	)
	for row in rows:
		item, product = row[links.item_code], cstr(row[links.product_id])
		if item not in items:
			report.problem(f"{links.doctype} {row.name}: there is no Item {item}")
			continue
		named = (product, cstr(row[links.variant_id]) or None, cstr(row[links.sku]) or None)
		made = channel_listing.link(channel.name, item, *named, write=write)
		if made == "other":
			report.problem(f"{links.doctype} {row.name}: product {product} is listed as another Item already")
		else:
			report.counts[_LISTINGS[made]] += 1


_LISTINGS = {
	"made": "Channel Listings made",
	"completed": "Channel Listings given the shop's ids",
	"there": "Channel Listings that were there already",
}


# --- orders ----------------------------------------------------------------------------------------------


def _adopt_orders(
	channel: Channel, links: OrderLinks, report: Report, write: bool, progress: Progress
) -> None:
	for doctype in links.doctypes:
		if not all(_has_field(doctype, name) for name in (links.external_id, links.external_number)):
			report.problem(
				f"{doctype}: the fields {links.external_id} and {links.external_number} are not there"
			)
			continue
		foreign = {links.external_id: ("is", "set"), "company": ("!=", channel.company)}
		others = frappe.db.count(doctype, foreign)
		if others:
			report.problem(f"{others} {doctype} of other companies than {channel.company}")
		_adopt_documents(channel, doctype, links, report, write, progress)
	_record_orders(channel, links, report, write, progress)
	waiting = {links.external_id: ("is", "set"), "company": channel.company, "docstatus": 1}
	waiting |= {"per_delivered": ("<", 100), "status": ("not in", ("Closed", "Completed"))}
	found = frappe.get_all(
		links.doctypes[0], waiting, ["count(name) as orders", "min(transaction_date) as oldest"]
	)
	report.open_orders, report.oldest_open = found[0].orders, found[0].oldest


def _adopt_documents(
	channel: Channel, doctype: str, links: OrderLinks, report: Report, write: bool, progress: Progress
) -> None:
	"""The ids in our own fields: deliveries are told, and orders found by number, from these."""
	wanted = {links.external_id: ("is", "set"), "company": channel.company, "cb_channel": ("is", "not set")}
	if not write:
		report.counts[f"{doctype}: given the channel and the order's id"] += frappe.db.count(doctype, wanted)
		return
	for rows in _batches(doctype, wanted, []):
		report.counts[f"{doctype}: given the channel and the order's id"] += sql.execute(
			f"""UPDATE `tab{doctype}` SET cb_channel = %(channel)s,
				cb_external_id = LEFT(`{links.external_id}`, 140), cb_external_number = LEFT(`{links.external_number}`, 140)
			WHERE name IN %(names)s""",
			{"channel": channel.name, "names": tuple(row.name for row in rows)},
		)
		_end_batch(write)
		progress(f"{doctype}: {rows[-1].name}")


def _record_orders(
	channel: Channel, links: OrderLinks, report: Report, write: bool, progress: Progress
) -> None:
	"""One record for each order, of the document that counts."""
	doctype, after = links.doctypes[0], ""
	while True:
		rows = frappe.db.sql(
			f"""SELECT name, docstatus, `{links.external_id}` AS external_id FROM `tab{doctype}`
			WHERE `{links.external_id}` IN (
				SELECT external_id FROM (
					SELECT DISTINCT `{links.external_id}` AS external_id FROM `tab{doctype}`
					WHERE `{links.external_id}` > %(after)s AND company = %(company)s
					ORDER BY external_id LIMIT {ROWS}) AS page)
				AND company = %(company)s
			ORDER BY external_id, creation DESC""",
			{"after": after, "company": channel.company},
			as_dict=True,
		)
		if not rows:
			return
		orders = [
			min(group, key=lambda row: _RANK[row.docstatus])
			for _id, group in groupby(rows, key=lambda row: row.external_id)
		]
		_record(channel, ORDER, doctype, orders, report, write)
		_end_batch(write)
		after = rows[-1].external_id
		progress(f"{doctype}: order {after}")


# --- what else has an id -----------------------------------------------------------------------------------


def _adopt_links(channel: Channel, link: Link, report: Report, write: bool, progress: Progress) -> None:
	if not _has_field(link.doctype, link.fieldname):
		return
	wanted: dict[str, Any] = {link.fieldname: ("is", "set")}
	meta = frappe.get_meta(link.doctype)
	if meta.is_submittable:
		wanted |= {"docstatus": 1, "company": channel.company}
	for rows in _batches(link.doctype, wanted, [f"{link.fieldname} as external_id"]):
		_record(channel, link.record_type, link.doctype, rows, report, write)
		_end_batch(write)
		progress(f"{link.doctype}: {rows[-1].name}")


def _record(
	channel: Channel, record_type: str, doctype: str, rows: Sequence[Any], report: Report, write: bool
) -> None:
	known = channel_record.known(channel.name, record_type, [row.external_id for row in rows])
	for row in rows:
		record = known.get(row.external_id)
		if record and record.document == row.name:
			report.counts[f"{doctype}: linked already"] += 1
		elif record and record.document:
			report.problem(
				f"{doctype} {row.name}: {record_type} {row.external_id} is {record.document} here already"
			)
		else:
			report.counts[f"{doctype}: linked as {record_type}"] += 1
			adopted = Record(
				channel.name, record_type, row.external_id, doctype, row.name, fingerprint=ADOPTED
			)
			known[row.external_id] = adopted
			if write:
				channel_record.save(adopted)


def _batches(doctype: str, filters: dict[str, Any], fields: Sequence[str]) -> Iterator[list[Any]]:
	"""Rows by name, a thousand at a time; what is written meanwhile moves none of them."""
	after = ""
	while True:
		wanted = [[doctype, field, *_condition(value)] for field, value in filters.items()]
		rows = frappe.get_all(
			doctype,
			filters=[*wanted, [doctype, "name", ">", after]],
			fields=["name", *fields],
			order_by="name asc",
			limit=ROWS,
		)
		if not rows:
			return
		yield rows
		after = rows[-1].name


def _condition(value: Any) -> tuple[str, Any]:
	return value if isinstance(value, tuple) else ("=", value)
