"""Payment Entries of the embedded ERP: money of an order, allocated to its invoices and to itself."""

from __future__ import annotations

from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.plan import Booked, PaymentPlan, SalesOrderPlan
from sandbox.database import Database, Row
from sandbox.deliveries import DeliveryNotes

ZERO = Decimal(0)


class Payments(DeliveryNotes):
	_database: Database

	# --- the protocol

	def create_payment(self, channel: Channel, plan: PaymentPlan) -> str:
		if plan.amount <= 0:
			raise Rejected(f"A payment of {plan.amount} {plan.currency} cannot be booked.")
		self._refuse_currency(channel, plan)
		name = self._database.next_name("PAY-")
		self._database.insert(
			"payment_entries",
			name=name,
			sales_order=self._order(plan.sales_order)["name"],
			customer=plan.customer,
			payment_type=plan.payment_type,
			status="Submitted",
			amount=str(plan.amount),
			currency=plan.currency,
			fee=str(plan.fee),
			fee_tax=str(plan.fee_tax),
			account=plan.account,
			mode_of_payment=plan.mode_of_payment,
			reference=plan.reference,
			gateway=plan.gateway,
			posting_date=plan.posting_date.isoformat(),
		)
		self._allocate(plan.sales_order)
		return name

	def _refuse_currency(self, channel: Channel, plan: PaymentPlan) -> None:
		"""An account nobody made takes everything."""
		account = self._database.read_one("select currency from accounts where name = ?", plan.account)
		taken = {channel.company_currency, plan.charged[1] if plan.charged else plan.currency}
		if account and account["currency"] not in taken:
			raise Misconfigured(
				f"Account {plan.account} is kept in {account['currency']}: it takes neither {' nor '.join(sorted(taken))}.",
				doctype="Channel Settings",
				document=channel.name,
				fieldname="payment_map",
			)

	def cancel_payment(self, name: str) -> None:
		row = self._database.read_one("select * from payment_entries where name = ?", name)
		if row is None or row["status"] == "Cancelled":
			return
		if row["cleared_on"]:
			raise Rejected(
				f"Payment Entry {name} is on the bank statement of {row['cleared_on']}: it is not cancelled. Take it off "
				"the Bank Transaction, then retry; else skip this entry."
			)
		self._database.write("update payment_entries set status = 'Cancelled' where name = ?", name)
		self._database.write("delete from payment_references where parent = ?", name)

	def payment_stands(self, name: str) -> bool:
		row = self._database.read_one("select status from payment_entries where name = ?", name)
		return row is not None and row["status"] != "Cancelled"

	def replace_sales_order(self, channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
		"""The payments of an order that is replaced are those of the amended one."""
		booked = super().replace_sales_order(channel, name, plan)
		self._database.write(
			"update payment_entries set sales_order = ? where sales_order = ?", booked.name, name
		)
		self._allocate(booked.name)
		return booked

	def cancel_sales_order(self, name: str) -> None:
		"""What was paid in advance stays on the customer's account."""
		super().cancel_sales_order(name)
		self._database.write("delete from payment_references where document = ?", name)

	# --- allocation

	def _allocate(self, sales_order: str) -> None:
		"""Money of an order goes to its open invoices, oldest first, then to the order as an advance; money that went
		back to the credit notes that are owed. What is left stays on the customer's account."""
		order = self._order(sales_order)
		self._database.write("delete from payment_references where document = ?", sales_order)
		for kind, is_return in (("Receive", 0), ("Pay", 1)):
			invoices = self._database.read(
				"select * from sales_invoices where sales_order = ? and status = 'Submitted' and is_return = ?"
				" order by rowid",
				*(sales_order, is_return),
			)
			for payment in self.payments_of(sales_order, kind):
				for invoice in invoices:
					self._refer(payment, invoice["name"], self.open_of(invoice))
		if order["status"] == "Submitted":
			self._advance(order)

	def _advance(self, order: Row) -> None:
		"""No more than what is not billed yet."""
		rows = self._database.read(
			"select grand_total from sales_invoices where sales_order = ? and status = 'Submitted' and not is_return",
			order["name"],
		)
		room = Decimal(order["grand_total"]) - sum((Decimal(row["grand_total"]) for row in rows), ZERO)
		for payment in self.payments_of(order["name"], "Receive"):
			room -= self._refer(payment, order["name"], room)

	def _refer(self, payment: Row, document: str, wanted: Decimal) -> Decimal:
		"""Allocates as much of a payment as there is and as is wanted; how much."""
		amount = min(self.unallocated(payment), wanted)
		if amount <= 0:
			return ZERO
		self._database.insert(
			"payment_references", parent=payment["name"], document=document, amount=str(amount)
		)
		return amount

	def payments_of(self, sales_order: str, kind: str) -> list[Row]:
		"""Submitted receipts ("Receive") or refunds ("Pay") of an order, oldest first."""
		return self._database.read(
			"select * from payment_entries where sales_order = ? and payment_type = ? and status = 'Submitted'"
			" order by rowid",
			*(sales_order, kind),
		)

	def unallocated(self, payment: Row) -> Decimal:
		return Decimal(payment["amount"]) - self._referred("parent", payment["name"])

	def open_of(self, invoice: Row) -> Decimal:
		"""What is still to be paid of an invoice, or to be given back of a credit note."""
		if invoice["status"] == "Draft":
			return Decimal(invoice["grand_total"])
		if invoice["settles"]:
			return ZERO
		settled = self._database.read(
			"select grand_total from sales_invoices where return_against = ? and settles and status = 'Submitted'",
			invoice["name"],
		)
		credited = sum((Decimal(row["grand_total"]) for row in settled), ZERO)
		return Decimal(invoice["grand_total"]) - credited - self._referred("document", invoice["name"])

	def _referred(self, column: str, name: str) -> Decimal:
		rows = self._database.read(f"select amount from payment_references where {column} = ?", name)
		return sum((Decimal(row["amount"]) for row in rows), ZERO)

	# --- what a person does in the ERP; each is a transaction of its own

	def make_account(self, name: str, currency: str) -> None:
		"""An account that is kept in one currency."""
		with self._database.transaction():
			self._database.insert("accounts", name=name, currency=currency)

	def cancel_payment_by_hand(self, name: str, delete: bool = False) -> None:
		"""A person cancels the Payment Entry, and deletes it; its record still says that there was one."""
		with self._database.transaction():
			self.cancel_payment(name)
			if delete:
				self._database.write("delete from payment_entries where name = ?", name)
				self._database.write(
					"update records set document = null where doctype = 'Payment Entry' and document = ?",
					name,
				)

	def clear_payment(self, name: str, day: str) -> None:
		"""Somebody finds the payment on a bank statement of this day (ISO 8601)."""
		with self._database.transaction():
			self._database.write("update payment_entries set cleared_on = ? where name = ?", day, name)
