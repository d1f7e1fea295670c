"""Invoices and credit notes of the embedded ERP, told to the storefront; and money it is asked to give back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from commerce_bridge.bridge.deductions import RECORD_TYPE
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import InvoiceNotice, Payment, RefundLine, RefundRequest
from commerce_bridge.bridge.outbound import invoice_entry, refund_entry
from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.bridge.plan import Amounts
from commerce_bridge.bridge.protocols import Journal
from sandbox.books import AccountBooks
from sandbox.database import Database, Row
from sandbox.invoices import InvoiceDocument, billed_item

ZERO = Decimal(0)
OF_ORDER = """select invoice.*, parent.channel, parent.external_id, parent.external_number
	from sales_invoices invoice join sales_orders parent on parent.name = invoice.sales_order where invoice.name = ?"""
POLICY = """select json_extract(settings, '$.events.invoices') as invoices,
	json_extract(settings, '$.refunds.send_refunds') as send_refunds from channels where name = ?"""


class InvoiceEvents(AccountBooks):
	_database: Database
	_journal: Journal

	# --- the protocol

	def get_invoice_notice(
		self, name: str, channel: str, order_id: str | None = None
	) -> InvoiceNotice | None:
		row = self._database.read_one(OF_ORDER, name)
		if row is None or row["status"] == "Draft" or row["channel"] != channel:
			return None
		if order_id not in (None, row["external_id"]):
			return None
		linked = self._policy(channel)["invoices"] == "Own with PDF" and row["status"] == "Submitted"
		return InvoiceNotice(
			id=name,
			order_id=row["external_id"],
			order_number=row["external_number"],
			is_return=bool(row["is_return"]),
			return_against=row["return_against"],
			total=Decimal(row["grand_total"]),
			open=ZERO if row["status"] == "Cancelled" else self.open_of(row),
			currency=row["currency"],
			issued_on=date.fromisoformat(row["posting_date"]),
			url=f"https://erp.example/{name}.pdf?key=secret" if linked else None,
			cancelled=row["status"] == "Cancelled",
		)

	def get_refund_request(self, name: str, channel: str) -> RefundRequest | None:
		row = self._database.read_one(OF_ORDER, name)
		if row is None or row["channel"] != channel or row["status"] != "Submitted" or not row["is_return"]:
			return None
		owed = self._owed(row)
		if row["ours"] or self._refund_of(name) or owed <= 0:
			return None
		items = self._database.read("select * from sales_invoice_items where parent = ? order by idx", name)
		return RefundRequest(
			id=name,
			order_id=row["external_id"],
			order_number=row["external_number"],
			currency=row["currency"],
			lines=tuple(
				RefundLine(
					order_line_id=item["line_id"],
					quantity=Decimal(item["qty"]),
					amount=Decimal(item["amount"]),
				)
				for item in items
				if item["line_id"]
			),
			total=min(Decimal(row["grand_total"]), owed),
			payments=self._captured(channel, row["external_id"]),
		)

	def _owed(self, credit_note: Row) -> Decimal:
		"""What of a credit note the buyer has to get: nothing while its invoice was not paid."""
		if not credit_note["settles"]:
			return self.open_of(credit_note)
		return -self.open_of(self._invoice(credit_note["return_against"]))

	def _captured(self, channel: str, order_id: str) -> tuple[Payment, ...]:
		"""What the buyer paid; money that went back with a refund is kept as a payment too, and not among these."""
		records = self.records_of(channel, PAYMENT, order_id)
		paid = [
			Payment.model_validate_json(row.data) for row in records if row.data and row.fingerprint != "Pay"
		]
		return tuple(each for each in paid if each.status == "captured")

	# --- what a person does in the ERP; each is a transaction of its own

	def credit_by_hand(
		self, invoice: str, quantities: Mapping[str, Decimal], settles: bool = False, submit: bool = True
	) -> str:
		"""A person makes a credit note of these quantities, by the shop's line id, without taxes."""
		with self._database.transaction():
			against = self._invoice(invoice)
			rows = {row["line_id"]: row for row in self.order_rows(against["sales_order"])}
			items = tuple(billed_item(rows[line_id], quantity) for line_id, quantity in quantities.items())
			amounts = Amounts(items, (), ZERO, "Net Total", ZERO, ZERO)
			document = InvoiceDocument(
				amounts,
				(None,) * len(items),
				return_against=invoice,
				settles=settles,
				is_return=True,
				ours=False,
			)
			order = self._order(against["sales_order"])
			return self._save_invoice(order, document, self._now().date().isoformat(), submit, None).name

	def cancel_invoice(self, name: str) -> None:
		"""A person cancels a Sales Invoice or credit note."""
		with self._database.transaction():
			invoice = self._invoice(name)
			if invoice["status"] != "Submitted":
				raise Rejected(f"Sales Invoice {name} is not submitted.")
			if name == invoice["sales_order"]:
				self.cancel_sales_order(name)
				return
			self._database.write("update sales_invoices set status = 'Cancelled' where name = ?", name)
			self._database.write("delete from payment_references where document = ?", name)
			self._order_changed(invoice["sales_order"])
			self._tell_invoice(name)

	# --- told

	def _tell_invoice(self, name: str) -> None:
		"""Queues the news of an invoice that was submitted or cancelled; part of that transaction."""
		row = self._database.read_one(OF_ORDER, name)
		policy = self._policy(row["channel"])
		order = (row["external_id"], row["external_number"])
		entries = []
		if policy["invoices"] not in (None, "Nothing"):
			entries.append(invoice_entry(row["channel"], name, order, row["status"] == "Submitted"))
		asked = row["is_return"] and not row["ours"] and row["status"] == "Submitted"
		if asked and policy["send_refunds"] and not self._refund_of(name):
			entries.append(refund_entry(row["channel"], name, order))
		self._journal.record(entries)

	def _refund_of(self, credit_note: str) -> Row | None:
		"""The record of the shop's refund that a credit note is of."""
		return self._database.read_one(
			"select * from records where record_type = ? and document = ?", RECORD_TYPE, credit_note
		)

	def _policy(self, channel: str) -> Row:
		row = self._database.read_one(POLICY, channel)
		assert row
		return row
