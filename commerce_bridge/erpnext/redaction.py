"""Erasing what is known of a person: documents, what Frappe keeps beside them, and the journal.

Submitted documents, versions, comments and logs are nobody's to write, so this writes past Frappe's permissions
with statements of its own, on the tables and columns named here, for a request that the shop has signed. Documents
are renamed, and deleted, through Frappe: the integration user may write to customers, contacts and addresses, and
the one right it lacks, to delete a contact or an address, is taken in `_delete`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import frappe
import redis
from frappe.utils.global_search import update_global_search

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import Redaction
from commerce_bridge.bridge.protocols import Journal, Redacted, Traces
from commerce_bridge.erpnext import personal_data, sql
from commerce_bridge.erpnext.personal_data import NEUTRAL, NOBODY, Person

MISSING = "-"
#: Customers in one transaction of a request for everything: each is renamed in every table that names customers.
STEP = 10
#: A word is looked for in logs only where it can hardly mean anything else.
SHORTEST_WORD = 6
TEXT_TYPES = (
	"Data",
	"Small Text",
	"Text",
	"Long Text",
	"Text Editor",
	"HTML Editor",
	"Markdown Editor",
	"Code",
	"JSON",
)

#: Columns that say who it is for, by table: those that get the neutral name, and those that get nothing. Links are
#: not among them: they lead to documents that are redacted, or are somebody else's too.
DOCUMENTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
	"Sales Order": (
		("customer_name", "title", "contact_display"),
		("tax_id", "contact_phone", "contact_mobile", "contact_email", "address_display", "shipping_address"),
	),
	"Delivery Note": (
		("customer_name", "title", "contact_display"),
		(
			"tax_id",
			"contact_mobile",
			"contact_email",
			"address_display",
			"shipping_address",
			"instructions",
		),
	),
	"Pick List": (("customer_name",), ()),
	"Shipment": (
		("delivery_to",),
		("delivery_address", "delivery_contact", "delivery_contact_email"),
	),
	"Delivery Stop": ((), ("customer_address", "customer_contact", "email_sent_to", "details")),
	"Payment Request": (("party_name",), ("email_to", "subject", "message", "phone_number")),
	"Return Authorisation": ((), ("note", "decision")),
}
#: Of an invoice that stands for an order. As a draft it is in no book, and is treated as an order; one in the books stays
#: as it is but for the title, which no print has: it says that the person was erased.
INVOICE = "Sales Invoice"
INVOICE_DRAFT: tuple[tuple[str, ...], tuple[str, ...]] = (
	("customer_name", "title", "contact_display"),
	("tax_id", "contact_mobile", "contact_email", "address_display", "shipping_address"),
)
PARTY: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
	"Customer": (
		("customer_name",),
		(
			*("first_name", "last_name", "salutation", "gender", "email_id", "mobile_no", "tax_id", "image"),
			*("website", "customer_details", "primary_address", "customer_primary_address"),
			*("customer_primary_contact", "customer_pos_id", "_comments"),
		),
	),
	"Contact": (
		("first_name", "full_name"),
		(
			*("middle_name", "last_name", "salutation", "gender", "email_id", "phone", "mobile_no", "user"),
			*("company_name", "image", "designation", "department", "google_contacts_id", "_comments"),
		),
	),
	"Address": (
		("address_title",),
		("address_line2", "state", "county", "pincode", "email_id", "phone", "fax", "_comments"),
	),
}
CHILDREN = {"Contact": ("Contact Email", "Contact Phone")}
ADDRESS_MUST = ("address_line1", "city")

#: What the person is called: of a customer, and of its contacts and addresses.
WORDS = {
	"Customer": (
		"SELECT name, customer_name, email_id, mobile_no, tax_id FROM `tabCustomer` WHERE name IN %s"
	),
	"Contact": "SELECT name, full_name, email_id, phone, mobile_no FROM `tabContact` WHERE name IN %s",
	"Contact Email": "SELECT email_id FROM `tabContact Email` WHERE parent IN %s",
	"Contact Phone": "SELECT phone FROM `tabContact Phone` WHERE parent IN %s",
	"Address": "SELECT name, address_line1, address_line2, email_id, phone FROM `tabAddress` WHERE name IN %s",
}
LINKED = """SELECT DISTINCT parent FROM `tabDynamic Link`
	WHERE link_doctype = 'Customer' AND link_name = %s AND parenttype = %s"""
OTHERS_LINKED = """SELECT name FROM `tabDynamic Link`
	WHERE parent = %s AND parenttype = %s AND NOT (link_doctype = 'Customer' AND link_name = %s) LIMIT 1"""


@dataclass(slots=True)
class _Found:
	"""What was met on the way: documents by DocType under all their names, words, numbers for the message."""

	documents: dict[str, set[str]] = field(default_factory=dict)
	words: set[str] = field(default_factory=set)
	customers: int = 0
	kept: dict[str, None] = field(default_factory=dict)

	def add(self, doctype: str, *names: str) -> None:
		self.documents.setdefault(doctype, set()).update(names)

	def names(self, doctype: str) -> tuple[str, ...]:
		return tuple(self.documents.get(doctype) or NOBODY)


def redact(channel: Channel, redaction: Redaction, journal: Journal, log: str) -> Redacted:
	"""See `Erp.redact`."""
	if redaction.everything:
		return _everything(channel, journal, log)
	person = personal_data.find(channel, redaction)
	found = _Found()
	found.words |= _spelled(redaction.email, redaction.phone)
	_erase(channel, person, found)
	entries = _blank(journal, channel, person, found, log)
	return Redacted(_message(found, entries))


def _everything(channel: Channel, journal: Journal, log: str) -> Redacted:
	left = _customers_left(channel)
	found = _Found()
	for customer in left[:STEP]:
		_erase(channel, personal_data.of_customer(channel, customer), found)
	if len(left) > STEP:
		_scrub(found)
		return Redacted(f"{_message(found, 0)}. More is left: another entry goes on", more=True)
	_scrub(found)
	entries = journal.blank(channel.name, Traces(everything=True), log)
	return Redacted(_message(found, entries))


def _customers_left(channel: Channel) -> list[str]:
	"""Those the channel brought, and those of its orders that still say for whom they are."""
	rows = frappe.db.sql(
		"""SELECT document_name FROM `tabChannel Record` WHERE channel = %(channel)s
			AND record_type = 'Customer' AND document_name IS NOT NULL
		UNION SELECT customer FROM `tabSales Order` WHERE cb_channel = %(channel)s
			AND COALESCE(customer_name, '') != %(neutral)s
		UNION SELECT customer FROM `tabSales Invoice` WHERE cb_channel = %(channel)s
			AND cb_instead_of_order = 1 AND COALESCE(title, '') != %(neutral)s
		LIMIT %(limit)s""",
		{"channel": channel.name, "neutral": NEUTRAL, "limit": STEP + 1},
		pluck=True,
	)
	return list(rows)


def _spelled(*values: str | None) -> set[str]:
	return {value.strip() for value in values if value and len(value.strip()) >= SHORTEST_WORD}


# --- documents -------------------------------------------------------------------------------------------


def _erase(channel: Channel, person: Person, found: _Found) -> None:
	found.kept |= {f"A customer stays, being {reason}": None for _name, reason in person.shared}
	for customer in (*person.customers, *(name for name, _reason in person.shared)):
		_forget_record(channel, customer, person)
	_collect_documents(person, found)
	_words_of_orders(found)
	_erase_documents(channel, found)
	for customer in person.customers:
		_erase_customer(channel, customer, found)


def _forget_record(channel: Channel, customer: str, person: Person) -> None:
	"""What the shop sends next of this id is somebody new. Another buyer of this shop keeps the record."""
	rows = frappe.db.sql(
		"""SELECT name, external_id FROM `tabChannel Record`
		WHERE channel = %s AND record_type = 'Customer' AND document_name = %s""",
		(channel.name, customer),
	)
	mine = {*person.customer_ids, *(f"{personal_data.GUEST}{order_id}" for order_id in person.order_ids)}
	names = [name for name, external_id in rows if external_id in mine or customer in person.customers]
	if names:
		sql.execute("DELETE FROM `tabChannel Record` WHERE name IN %s", (tuple(names),))


def _collect_documents(person: Person, found: _Found) -> None:
	found.add("Sales Order", *person.orders)
	found.add(INVOICE, *person.invoices)
	orders, invoices = found.names("Sales Order"), found.names(INVOICE)
	customers_ = (*person.customers, *(name for name, _reason in person.shared)) or NOBODY
	found.add("Delivery Note", *_parents("Delivery Note Item", "against_sales_order", orders))
	found.add("Delivery Note", *_parents("Delivery Note Item", "against_sales_invoice", invoices))
	picked = _parents("Pick List Item", "sales_order", orders)
	found.add("Pick List", *_with("Pick List", "name", picked, customer=customers_))
	notes = found.names("Delivery Note")
	found.add("Shipment", *_parents("Shipment Delivery Note", "delivery_note", notes))
	found.add("Delivery Stop", *_with("Delivery Stop", "delivery_note", notes))
	found.add("Payment Request", *_with("Payment Request", "reference_name", (*orders, *invoices, *notes)))
	found.add("Return Authorisation", *_with("Return Authorisation", "sales_order", orders))
	found.add("Return Authorisation", *_with("Return Authorisation", "sales_invoice", invoices))


def _parents(table: str, column: str, values: Sequence[str]) -> list[str]:
	return frappe.db.sql(
		f"SELECT DISTINCT parent FROM `tab{table}` WHERE {column} IN %s",
		(tuple(values) or NOBODY,),
		pluck=True,
	)


def _with(doctype: str, column: str, values: Sequence[str], customer: Sequence[str] = ()) -> list[str]:
	condition = " AND customer IN %s" if customer else ""
	return frappe.db.sql(
		f"SELECT name FROM `tab{doctype}` WHERE {column} IN %s{condition}",
		(tuple(values) or NOBODY, *([tuple(customer)] if customer else [])),
		pluck=True,
	)


def _words_of_orders(found: _Found) -> None:
	"""An order may name another person than its customer's contact, and another address."""
	for doctype in ("Sales Order", INVOICE, "Delivery Note"):
		for row in frappe.db.sql(
			f"SELECT contact_email, contact_mobile, customer_name FROM `tab{doctype}` WHERE name IN %s",
			(found.names(doctype),),
		):
			found.words |= {word for word in _spelled(*row) if _is_telling(word)}


def _is_telling(word: str) -> bool:
	"""A single word may be a thing; an address, a number, or several words together are hardly."""
	return not word.startswith(NEUTRAL) and (" " in word or _identifies(word))


def _identifies(word: str) -> bool:
	return "@" in word or word.lstrip("+").replace(" ", "").isdigit()


def _erase_documents(channel: Channel, found: _Found) -> None:
	for doctype, (named, blank) in DOCUMENTS.items():
		_write(doctype, found.names(doctype), dict.fromkeys(named, NEUTRAL) | dict.fromkeys(blank))
	said = dict.fromkeys(("reason", "condition_declared"))  # in the buyer's own words
	_write("Return Authorisation Line", found.names("Return Authorisation"), said, "parent")
	for doctype in ("Sales Order", "Delivery Note"):
		_erase_mapped(channel, doctype, found.names(doctype))
	_erase_invoices(channel, found.names(INVOICE))


def _erase_invoices(channel: Channel, names: Sequence[str]) -> None:
	drafts = _with(INVOICE, "docstatus = 0 AND name", names)
	named, blank = INVOICE_DRAFT
	_write(INVOICE, drafts, dict.fromkeys(named, NEUTRAL) | dict.fromkeys(blank))
	_erase_mapped(channel, INVOICE, drafts)
	_write(INVOICE, names, {"title": NEUTRAL, "_comments": None})


def _erase_mapped(channel: Channel, doctype: str, names: Sequence[str]) -> None:
	_write(doctype, names, dict.fromkeys(("_comments", *_mapped(channel, doctype))))
	_write(f"{doctype} Item", names, dict.fromkeys(_mapped(channel, f"{doctype} Item")), "parent")


def _mapped(channel: Channel, doctype: str) -> list[str]:
	"""Fields that the channel's field map writes text into. Delivery Notes take them over from orders, and an invoice
	that stands for one has its own."""
	sources = {doctype, doctype.replace("Delivery Note", "Sales Order").replace(INVOICE, "Sales Order")}
	meta = frappe.get_meta(doctype)
	fields = dict.fromkeys(row.fieldname for row in channel.fields if row.doctype in sources)
	kinds = {name: found.fieldtype for name in fields if (found := meta.get_field(name))}
	return [name for name, kind in kinds.items() if kind in TEXT_TYPES and not meta.get_field(name).reqd]


def _write(doctype: str, names: Sequence[str], values: Mapping[str, Any], key: str = "name") -> None:
	"""Whatever the state of the documents, without a version of it. Columns a site does not have are left out."""
	columns = [column for column in values if column in frappe.db.get_table_columns(doctype)]
	if columns:
		assignments = ", ".join(f"`{column}` = %s" for column in columns)
		sql.execute(
			f"UPDATE `tab{doctype}` SET {assignments} WHERE `{key}` IN %s",
			(*(values[column] for column in columns), tuple(names) or NOBODY),
		)
	for name in names:
		frappe.clear_document_cache(doctype, name)


# --- customer, contacts, addresses -----------------------------------------------------------------------


def _erase_customer(channel: Channel, customer: str, found: _Found) -> None:
	found.customers += 1
	parties = {
		doctype: frappe.db.sql(LINKED, (customer, doctype), pluck=True) for doctype in ("Contact", "Address")
	}
	_learn_words(customer, parties, found)
	new = f"{NEUTRAL} {frappe.generate_hash(length=8)}"
	_write_party("Customer", customer, new)
	_write("Customer", (customer,), dict.fromkeys(_mapped(channel, "Customer")))
	for doctype, names in parties.items():
		for number, name in enumerate(names, 1):
			_erase_party(doctype, name, customer, f"{new}-{doctype}-{number}", found)
	_rename("Customer", customer, new, found)


def _learn_words(customer: str, parties: Mapping[str, Sequence[str]], found: _Found) -> None:
	for doctype, statement in WORDS.items():
		kind = doctype.split()[0]
		names = (customer,) if kind == "Customer" else tuple(parties[kind]) or NOBODY
		for row in frappe.db.sql(statement, (names,)):
			found.words |= {word for word in _spelled(*row) if _is_telling(word)}


def _write_party(doctype: str, name: str, new: str) -> None:
	named, blank = PARTY[doctype]
	_write(doctype, (name,), dict.fromkeys(named, new) | dict.fromkeys(blank))
	if doctype == "Address":
		_write(doctype, (name,), dict.fromkeys(ADDRESS_MUST, MISSING))
	for child in CHILDREN.get(doctype, ()):
		sql.execute(f"DELETE FROM `tab{child}` WHERE parent = %s AND parenttype = %s", (name, doctype))


def _erase_party(doctype: str, name: str, customer: str, new: str, found: _Found) -> None:
	"""A contact or an address that is somebody else's too only loses its link."""
	if frappe.db.sql(OTHERS_LINKED, (name, doctype, customer)):
		found.kept[f"{doctype}: one stays, being somebody else's too"] = None
		sql.execute(
			"""DELETE FROM `tabDynamic Link` WHERE parent = %s AND parenttype = %s
				AND link_doctype = 'Customer' AND link_name = %s""",
			(name, doctype, customer),
		)
		return
	_write_party(doctype, name, new)
	sql.execute(
		"UPDATE `tabDynamic Link` SET link_title = NULL WHERE parent = %s AND parenttype = %s",
		(name, doctype),
	)
	_rename(doctype, name, new, found)
	_delete(doctype, new)


def _rename(doctype: str, name: str, new: str, found: _Found) -> None:
	"""Names are made of the person's name, and every link repeats them. One from a naming series stays."""
	found.add(doctype, name)
	if doctype == "Customer" and not _is_telling_name(name, found):
		return
	frappe.rename_doc(doctype, name, new, force=True, show_alert=False, rebuild_search=False)
	found.add(doctype, new)
	if _is_telling(name):
		found.words.add(name)


def _is_telling_name(name: str, found: _Found) -> bool:
	series = frappe.get_meta("Customer").get_field("naming_series")
	prefixes = [line.split(".")[0] for line in (series.options or "").splitlines() if line.split(".")[0]]
	return not any(name.startswith(prefix) for prefix in prefixes) and not name.startswith(NEUTRAL)


def _delete(doctype: str, name: str) -> None:
	"""Unless a document links to it: then the neutral one stays."""
	messages = list(frappe.local.message_log)
	try:
		frappe.delete_doc(doctype, name, ignore_permissions=True, delete_permanently=True)
	except frappe.LinkExistsError:
		frappe.local.message_log = messages


# --- what Frappe keeps beside documents ------------------------------------------------------------------

#: (table, column of the DocType, column of the name): rows about a customer, contact or address.
ABOUT_PARTY = (
	("Version", "ref_doctype", "docname"),
	("Comment", "reference_doctype", "reference_name"),
	("View Log", "reference_doctype", "reference_name"),
	("Notification Log", "document_type", "document_name"),
	("Email Queue", "reference_doctype", "reference_name"),
	("Tag Link", "document_type", "document_name"),
	("Document Follow", "ref_doctype", "ref_docname"),
	("Deleted Document", "deleted_doctype", "deleted_name"),
)
#: Of orders: what was sent to the person. Versions and comments are looked into one by one.
ABOUT_DOCUMENT = (("Email Queue", "reference_doctype", "reference_name"),)
#: Rows that are of no use without what they say, by the columns that say it.
DELETED_WITH = {
	"tabDeleted Document": ("name", ("data", "deleted_name")),
	"tabNotification Log": ("name", ("subject", "email_content", "document_name")),
	"tabRoute History": ("name", ("route",)),
	"__UserSettings": ("user", "doctype", ("data",)),
}
#: Rows that stay: somebody did something then.
BLANKED_WITH = {
	"tabComment": ("subject", "content"),
	"tabActivity Log": ("subject", "content"),
	"tabAccess Log": ("filters", "page", "reference_document"),
	"tabError Log": ("method", "error"),
	"tabToDo": ("description",),
}
LETTER = ("sender", "sender_full_name", "recipients", "cc", "bcc", "phone_no", "content", "text_content")


def _scrub(found: _Found) -> None:
	for doctype in PARTY:
		for table, *columns in ABOUT_PARTY:
			_delete_about(table, columns, doctype, found.names(doctype))
	for doctype, columns in {**DOCUMENTS, INVOICE: INVOICE_DRAFT}.items():
		for table, *about in ABOUT_DOCUMENT:
			_delete_about(table, about, doctype, found.names(doctype))
		_scrub_versions(doctype, found, columns)
		_scrub_comments(doctype, found.names(doctype))
	_scrub_letters(found)
	_scrub_deleted(found)
	_scrub_words(found.words)
	_scrub_search(found)


def _delete_about(table: str, columns: Sequence[str], doctype: str, names: Sequence[str]) -> None:
	kind, name = columns
	if table == "Email Queue":
		sql.execute(
			"""DELETE FROM `tabEmail Queue Recipient` WHERE parent IN (SELECT name FROM `tabEmail Queue`
				WHERE reference_doctype = %s AND reference_name IN %s)""",
			(doctype, tuple(names)),
		)
	sql.execute(f"DELETE FROM `tab{table}` WHERE {kind} = %s AND {name} IN %s", (doctype, tuple(names)))


def _scrub_versions(doctype: str, found: _Found, columns: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
	"""Changes of fields that say who it is for are dropped; a version that still names the person is emptied."""
	rows = frappe.db.sql(
		"SELECT name, data FROM `tabVersion` WHERE ref_doctype = %s AND docname IN %s",
		(doctype, found.names(doctype)),
	)
	personal = {
		*sum(columns, ()),
		"contact_person",
		"customer_address",
		"shipping_address_name",
		"customer",
	}
	for name, text in rows:
		data = frappe.parse_json(text or "{}")
		data["changed"] = [row for row in data.get("changed") or () if row[0] not in personal]
		clean = frappe.as_json(data, indent=None)
		lower = json.dumps(data, ensure_ascii=False, default=str).casefold()
		if any(word.casefold() in lower for word in found.words):
			clean = "{}"
		if clean != text:
			sql.execute("UPDATE `tabVersion` SET data = %s WHERE name = %s", (clean, name))


def _scrub_comments(doctype: str, names: Sequence[str]) -> None:
	"""What the channel wrote are notes of the buyer; what people wrote goes where it names the person."""
	sql.execute(
		"""UPDATE `tabComment` SET content = %s WHERE reference_doctype = %s AND reference_name IN %s
			AND comment_type = 'Comment' AND owner = %s""",
		(NEUTRAL, doctype, tuple(names), frappe.session.user),
	)


def _scrub_letters(found: _Found) -> None:
	"""E-mails and calls about these documents, to or from the person, or in the customer's timeline."""
	parts, values = (
		["name IN (SELECT parent FROM `tabCommunication Link` WHERE link_doctype = %s AND link_name IN %s)"],
		[],
	)
	values += ["Customer", found.names("Customer")]
	for doctype in (*DOCUMENTS, INVOICE, *PARTY):
		parts.append("(reference_doctype = %s AND reference_name IN %s)")
		values += [doctype, found.names(doctype)]
	for word in sorted(word for word in found.words if "@" in word):
		parts += [f"`{column}` LIKE %s" for column in ("sender", "recipients", "cc", "bcc")]
		values += [_like(word)] * 4
	names = frappe.db.sql(
		f"SELECT name FROM `tabCommunication` WHERE {' OR '.join(parts)}", tuple(values), pluck=True
	)
	found.add("Communication", *names)
	_write("Communication", names, {**dict.fromkeys(LETTER), "subject": NEUTRAL})
	if names:
		sql.execute("DELETE FROM `tabEmail Queue` WHERE communication IN %s", (tuple(names),))
		sql.execute(
			"UPDATE `tabCommunication Link` SET link_title = NULL WHERE parent IN %s", (tuple(names),)
		)


def _scrub_deleted(found: _Found) -> None:
	"""Contacts and addresses deleted before: Frappe writes a comment of their name, which may be a single word."""
	patterns = _patterns(found.words)
	if not patterns:
		return
	condition, values = _any_like(("data", "deleted_name"), patterns)
	rows = frappe.db.sql(
		f"SELECT deleted_doctype, deleted_name FROM `tabDeleted Document` WHERE deleted_doctype IN %s AND ({condition})",
		(tuple(PARTY), *values),
	)
	for doctype, name in rows:
		found.add(doctype, name)
		sql.execute(
			"DELETE FROM `tabComment` WHERE comment_type = 'Deleted' AND reference_doctype = %s AND subject LIKE %s",
			(doctype, _like(name)),
		)


def _patterns(words: Iterable[str]) -> list[str]:
	"""As they are, and as JSON writes them."""
	return sorted({pattern for word in words for pattern in (_like(word), _like(json.dumps(word)[1:-1]))})


def _scrub_words(words: Iterable[str]) -> None:
	patterns = _patterns(words)
	if not patterns:
		return
	for table, (*key, columns) in DELETED_WITH.items():
		_write_rows(f"DELETE FROM `{table}`", table, key, _any_like(columns, patterns))
	for table, columns in BLANKED_WITH.items():
		assignments = ", ".join(f"`{column}` = NULL" for column in columns)
		_write_rows(f"UPDATE `{table}` SET {assignments}", table, ("name",), _any_like(columns, patterns))


def _write_rows(statement: str, table: str, key: Sequence[str], wanted: tuple[str, tuple[str, ...]]) -> None:
	"""Looks for the rows without locking any, then writes them by their key: a search through a whole table would
	otherwise lock all of it, and everybody who logs in or comments would wait."""
	condition, values = wanted
	columns = ", ".join(f"`{column}`" for column in key)
	found = frappe.db.sql(f"SELECT {columns} FROM `{table}` WHERE {condition}", values)
	match = " AND ".join(f"`{column}` = %s" for column in key)
	for row in found:
		sql.execute(f"{statement} WHERE {match}", row)


def _any_like(columns: Sequence[str], patterns: Sequence[str]) -> tuple[str, tuple[str, ...]]:
	condition = " OR ".join(f"`{column}` LIKE %s" for column in columns for _pattern in patterns)
	return condition, tuple(pattern for _column in columns for pattern in patterns)


def _like(word: str) -> str:
	escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
	return f"%{escaped}%"


QUEUE = "global_search_queue"
#: What the law makes a merchant keep, as it is.
BOOKS = ("Sales Invoice", "POS Invoice", "Payment Entry", "Journal Entry")


def _scrub_search(found: _Found) -> None:
	"""The index is written from a list in Redis, a while after documents are: what waits there goes first. Of the
	books it stays, as they do."""
	_forget_queued(found)
	for doctype in (*PARTY, *DOCUMENTS, "Communication"):
		sql.execute(
			"DELETE FROM `__global_search` WHERE doctype = %s AND name IN %s", (doctype, found.names(doctype))
		)
	if patterns := _patterns(found.words):
		condition, values = _any_like(("content", "title"), patterns)
		wanted = (f"doctype NOT IN %s AND ({condition})", (BOOKS, *values))
		_write_rows("DELETE FROM `__global_search`", "__global_search", ("doctype", "name"), wanted)
	for doctype in ("Sales Order", INVOICE, "Delivery Note"):
		for name in found.documents.get(doctype, ()):
			update_global_search(frappe.get_doc(doctype, name))


def _forget_queued(found: _Found) -> None:
	words = [word.casefold() for word in found.words]
	try:
		for value in frappe.cache.lrange(QUEUE, 0, -1):
			row = json.loads(value)
			text = " ".join(map(str, row.values())).casefold()
			named = row["doctype"] not in BOOKS and any(word in text for word in words)
			if named or row["name"] in found.documents.get(row["doctype"], ()):
				frappe.cache.lrem(frappe.cache.make_key(QUEUE), 0, value)
	except redis.exceptions.RedisError:
		return  # nothing waits there then


# --- the journal -----------------------------------------------------------------------------------------


def _blank(journal: Journal, channel: Channel, person: Person, found: _Found, log: str) -> int:
	_scrub(found)
	documents = {name for names in found.documents.values() for name in names}
	traces = Traces(
		orders=person.order_ids,
		customers=person.customer_ids,
		documents=tuple(sorted(documents)),
		words=tuple(sorted(word for word in found.words if _identifies(word))),
	)
	return journal.blank(channel.name, traces, log)


def _message(found: _Found, entries: int) -> str:
	orders = sum(len(found.documents.get(doctype, ())) for doctype in ("Sales Order", INVOICE))
	if not (found.customers or orders or entries or found.kept):
		return "Nothing is known of this person"
	parts = [f"Erased: {found.customers} customers, {orders} orders, {entries} entries of the Sync Log"]
	parts += found.kept
	parts.append("Invoices, payments and ledgers stay as the law demands")
	return ". ".join(parts)
