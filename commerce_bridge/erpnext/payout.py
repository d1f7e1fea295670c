"""DocType Payout: made of a gateway's report or by its API, matched, and refused until it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

import frappe
from frappe import _
from frappe.utils import cstr, escape_html

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import BridgeError, Rejected
from commerce_bridge.bridge.mapping import find_payment_row
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.payout_csv import read
from commerce_bridge.bridge.payout_presets import PRESETS, preset_of
from commerce_bridge.erpnext import channel_settings, payout_entry, payout_matching, site
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean
from commerce_bridge.erpnext.time import from_site

DOCTYPE = "Payout"
CURSOR = "payouts"
DRAFT, SUBMITTED, CANCELLED = 0, 1, 2
#: A name is shorter than what ERPNext keeps, for an amendment adds to it.
LONGEST_NAME = 120
ACCOUNTS = ("clearing_account", "fee_account", "fee_tax_account")
#: Of a list of what is missing, as many as a person reads at once.
SHOWN = 5


@dataclass(slots=True)
class Saved:
	"""What became of payouts, by name; `left_out` are rows of a file that are of no payout yet."""

	made: list[str] = field(default_factory=list)
	updated: list[str] = field(default_factory=list)
	unchanged: list[str] = field(default_factory=list)
	submitted: list[str] = field(default_factory=list)
	left_out: int = 0


# --- made ------------------------------------------------------------------------------------------------


def key_of(gateway: str, payout_id: str) -> str:
	"""What a payout is known by, whatever the case of the gateway's name."""
	return sha256(f"{clean(gateway).casefold()}\0{clean(payout_id)}".encode()).hexdigest()


def new_name(doc: Any) -> str:
	"""Gateway and payout id; with a number behind it where two differ in nothing that a name can show."""
	plain = "".join(sign for sign in f"{doc.gateway} {doc.payout_id}" if sign not in "<>").strip()[
		:LONGEST_NAME
	]
	name, number = plain, 1
	while frappe.db.exists(DOCTYPE, name):
		number += 1
		name = f"{plain} ({number})"
	return name


def save(channel: Channel, payout: model.Payout, saved: Saved) -> None:
	"""Makes a draft of a payout, or brings its draft up to date; a submitted one stays as it is. Part of the caller's
	transaction."""
	known = frappe.db.get_value(
		DOCTYPE, {"payout_key": key_of(payout.gateway, payout.id)}, ["name", "docstatus"], as_dict=True
	)
	if known and known.docstatus == SUBMITTED:
		saved.submitted.append(known.name)
		return
	doc = frappe.get_doc(DOCTYPE, known.name) if known else _new(channel, payout)
	before = _told(doc)
	_write(doc, payout)
	if known and _told(doc) == before:
		saved.unchanged.append(doc.name)
		return
	prepare(doc)
	doc.save() if known else doc.insert()
	(saved.updated if known else saved.made).append(doc.name)


def _new(channel: Channel, payout: model.Payout) -> Any:
	doc = frappe.new_doc(DOCTYPE)
	doc.update(
		{
			"channel": channel.name,
			"company": channel.company,
			"gateway": clean(payout.gateway),
			"payout_id": clean(payout.id),
			"currency": payout.currency,
		}
	)
	of_it = {"gateway": doc.gateway, "payout_id": doc.payout_id, "docstatus": CANCELLED}
	earlier = frappe.get_all(DOCTYPE, of_it, pluck="name", order_by="creation desc", limit=1)
	doc.amended_from = earlier[0] if earlier else None
	return doc


def _write(doc: Any, payout: model.Payout) -> None:
	"""What the gateway says; of rows that say the same as before, the match stays."""
	kept = {row.row_id: row for row in doc.rows}
	doc.net, doc.paid_on = float(payout.net), payout.paid_on
	doc.bank_reference = clean(payout.reference or "") or doc.bank_reference
	doc.set("rows", [])
	for row in payout.rows:
		values = _values(row)
		old = kept.get(values["row_id"])
		if old and all(_same(old.get(name), value) for name, value in values.items()):
			values |= {
				name: old.get(name) for name in ("matched_doctype", "matched_document", "account", "remark")
			}
		doc.append("rows", values)


def _values(row: model.BalanceRow) -> dict[str, Any]:
	return {
		"row_id": clean(row.id),
		"kind": row.kind.title(),
		**{name: float(getattr(row, name)) for name in ("gross", "fee", "fee_tax", "net")},
		"reference": clean(row.reference or "") or None,
		"order_number": clean(row.order_number or "") or None,
		"moved_on": row.moved_at.date() if row.moved_at else None,
		"note": clean(row.note or "") or None,
	}


def _same(one: Any, other: Any) -> bool:
	if isinstance(other, float):
		return decimal(one) == decimal(other)
	return cstr(one) == cstr(other)


def _told(doc: Any) -> tuple[Any, ...]:
	"""What a gateway says of a payout, to be compared."""
	names = ("row_id", "kind", "reference", "order_number", "moved_on", "note")
	amounts = ("gross", "fee", "fee_tax", "net")
	rows = tuple(
		(*(cstr(row.get(name)) for name in names), *(decimal(row.get(name)) for name in amounts))
		for row in doc.rows
	)
	return decimal(doc.net), cstr(doc.paid_on), cstr(doc.bank_reference), rows


def prepare(doc: Any) -> None:
	"""Fills in the accounts, then the documents of the rows."""
	fill_accounts(doc)
	payout_matching.find(doc)


def fill_accounts(doc: Any) -> None:
	"""The accounts of the channel's row for this gateway, where none are entered; the bank's as it was the last time."""
	row = find_payment_row(channel_settings.load(doc.channel).channel, doc.gateway, doc.currency)
	for name, account in zip(
		ACCOUNTS, (row.account, row.fee_account, row.fee_tax_account) if row else (), strict=False
	):
		if not doc.get(name):
			doc.set(name, account or None)
	if not doc.bank_account:
		doc.bank_account = _usual_bank_account(doc)


def _usual_bank_account(doc: Any) -> str | None:
	of_it = {
		"channel": doc.channel,
		"gateway": doc.gateway,
		"currency": doc.currency,
		"bank_account": ("is", "set"),
	}
	used = frappe.get_all(DOCTYPE, of_it, pluck="bank_account", order_by="creation desc", limit=1)
	account = used[0] if used else frappe.get_cached_value("Company", doc.company, "default_bank_account")
	if account and frappe.get_cached_value("Account", account, "account_currency") == doc.currency:
		return account
	return None


# --- imported, fetched -----------------------------------------------------------------------------------


def import_file(channel: str, preset: str, gateway: str, content: bytes) -> Saved:
	"""The payouts of a report as drafts: all of them, or where one row cannot be taken, none.

	:param gateway: what the channel calls it; empty: the preset's
	:raises Rejected: naming row and column
	"""
	chosen = preset_of(preset)
	called = gateway.strip() or chosen.gateway
	if not called:
		raise Rejected("Say which gateway it is, as the channel calls it")
	imported = read(content, chosen, called)
	saved = Saved(left_out=imported.left_out)
	settings = channel_settings.load(channel).channel
	frappe.db.savepoint("payouts")
	try:
		for payout in imported.payouts:
			save(settings, payout, saved)
	except Exception:
		frappe.db.rollback(save_point="payouts")
		raise
	return saved


def fetch(name: str) -> Saved | None:
	"""Reads the payouts of the platform's own payments since the last time; each page is kept before the next is asked
	for, and nothing is open in the database meanwhile. None: the platform has none, or another worker is at it."""
	here = site.world()
	with here.erp.exclusive(f"payouts:{name}") as mine:
		if not mine:
			return None
		channel = here.state.channel(name)
		connector = here.connect(channel, here.state.credentials(name))
		saved, more, first = Saved(), True, _first_day(channel)
		while more:
			with here.erp.transaction():
				cursor = here.state.get_cursor(name, CURSOR)
			page = connector.payouts(cursor)
			if page is None:
				return None
			with here.erp.transaction(f"payouts:{name}"), here.erp.act_as(channel):
				for payout in page.payouts:
					if payout.paid_on >= first:
						save(channel, payout, saved)
				here.state.set_cursor(name, CURSOR, page.cursor)
			more = page.more and page.cursor != cursor
	return saved


def _first_day(channel: Channel) -> date:
	"""What was paid out before the channel's first orders is of no payment that is booked."""
	made = from_site(frappe.db.get_value("Channel Settings", channel.name, "creation"))
	return (channel.orders.from_date or made).date()


def fetch_all() -> None:
	"""Each day, of channels that book payments: a storefront that cannot be asked now is asked the next time; the others
	are asked all the same."""
	for channel in channel_settings.usable(channel_settings.active_channels()):
		if channel.payments:
			fetch_safely(channel.name)


def fetch_safely(name: str) -> None:
	"""The job's boundary: what keeps payouts from being read is logged; the next day tries again."""
	try:
		fetch(name)
	except Exception as error:
		frappe.db.rollback()
		kind = "cannot be read now" if isinstance(error, BridgeError) else "failed unexpectedly"
		frappe.logger("commerce_bridge").error(f"payouts of {name}: {kind}: {type(error).__name__}")


def enqueue_fetch(name: str) -> None:
	"""The same, at once and in the background: storefronts take their time."""
	frappe.enqueue("commerce_bridge.tasks.fetch_payouts_of", queue="long", channel=name)


def reports() -> list[dict[str, str]]:
	"""What can be imported, for a person to choose from."""
	return [
		{"value": preset.key, "label": preset.title, "gateway": preset.gateway, "source": preset.source}
		for preset in PRESETS.values()
	]


def uploaded(file_url: str) -> bytes:
	"""The content of a file that this user may read, and that lies on this site. Raises `ValidationError`."""
	names = (
		frappe.get_list("File", {"file_url": ("=", cstr(file_url)), "is_folder": 0}, pluck="name", limit=1)
		if file_url
		else []
	)
	if not names:
		frappe.throw(_("Choose the report as a file"))
	file = frappe.get_doc("File", names[0])
	if file.is_remote_file:
		frappe.throw(_("Upload the report itself: an address is not asked"))
	content = file.get_content()
	return content.encode() if isinstance(content, str) else content


# --- matched ---------------------------------------------------------------------------------------------


def find_matches(doc: Any) -> int:
	"""Looks for documents that were booked since; saves the draft. Returns how many rows are left unmatched."""
	if doc.docstatus != DRAFT:
		frappe.throw(_("{0} is booked already").format(doc.name))
	prepare(doc)
	doc.save()
	return doc.unmatched


def candidates(doc: Any, row_name: str) -> list[dict[str, Any]]:
	"""See `payout_matching.candidates`."""
	row = next((row for row in doc.rows if row.name == row_name), None)
	if row is None:
		frappe.throw(_("Choose a row of the payout"))
	return payout_matching.candidates(doc, row)


# --- checked ---------------------------------------------------------------------------------------------


def validate(doc: Any) -> None:
	"""Sums, accounts and the state of each row, whatever was written into them."""
	settings = frappe.get_cached_doc("Channel Settings", doc.channel)
	if doc.is_new():  # User Permissions tell one company's accountant from another's
		settings.check_permission("select")
	doc.company = settings.company
	doc.payout_key = key_of(doc.gateway, doc.payout_id)
	fill_accounts(doc)
	_check_rows(doc)
	payout_matching.judge(doc)
	total = sum((decimal(row.net) for row in doc.rows), Decimal(0))
	doc.rows_total, doc.control_difference = float(total), float(decimal(doc.net) - total)
	doc.unmatched = sum(row.state == payout_matching.UNMATCHED for row in doc.rows)
	doc.status = "To Match" if problems(doc) else "Ready"


def _check_rows(doc: Any) -> None:
	for row in doc.rows:
		sum_of = decimal(row.gross) - decimal(row.fee) - decimal(row.fee_tax)
		if sum_of != decimal(row.net):
			amounts = written(decimal(row.net), doc.currency), written(sum_of, doc.currency)
			frappe.throw(_("Row {0}: net is {1}, but gross less fees is {2}").format(row.idx, *amounts))


def problems(doc: Any) -> list[str]:
	"""What keeps a payout from being submitted, in words."""
	found = [_control(doc)] if doc.control_difference else []
	open_rows = [row for row in doc.rows if row.state == payout_matching.UNMATCHED]
	found += [
		_("Row {0}: {1}").format(row.idx, row.problem or _("is not matched")) for row in open_rows[:SHOWN]
	]
	if len(open_rows) > SHOWN:
		found.append(_("{0} more rows are not matched").format(len(open_rows) - SHOWN))
	return [*found, *payout_entry.account_problems(doc)]


def _control(doc: Any) -> str:
	net, total = (written(decimal(amount), doc.currency) for amount in (doc.net, doc.rows_total))
	return _("{0} were paid out, but the rows come to {1}").format(net, total)


def refuse_unfinished(doc: Any) -> None:
	"""Raises `ValidationError` with all that is missing."""
	if found := problems(doc):
		frappe.throw(_lines(found), title=_("Not ready to be booked"))


def _lines(texts: Sequence[str]) -> str:
	return "<br>".join(escape_html(text) for text in texts)
