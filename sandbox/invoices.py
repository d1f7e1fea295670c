"""Sales Invoices and credit notes of the embedded ERP: shares of an order, to the cent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import Amounts, Booked, CreditNotePlan, InvoicePlan, ItemRow
from sandbox.arithmetic import Totals, calculate
from sandbox.charges import Charges, part_of
from sandbox.database import Database, Row
from sandbox.payments import Payments
from sandbox.sales_orders import precision_of

ZERO = Decimal(0)
#: row of an order → how much of it
Quantities = Mapping[int, Decimal]


@dataclass(frozen=True)
class InvoiceDocument:
	"""A Sales Invoice before it is saved; `order_rows` are the rows of the order its items are of."""

	amounts: Amounts
	order_rows: tuple[int | None, ...]
	delivery_note: str | None = None
	return_against: str | None = None
	settles: bool = False
	is_return: bool = False
	ours: bool = True


class Invoices(Payments):
	_database: Database
	_now: Now

	# --- the protocol

	def create_invoice(self, channel: Channel, plan: InvoicePlan) -> Booked | None:
		order = self._order(plan.sales_order)
		if order["status"] != "Submitted":
			raise Rejected(f"Sales Order {order['name']} is {order['status'].lower()}: it cannot be billed.")
		quantities = self._billable(order["name"], plan.delivery_note)
		if not quantities:
			return None
		document = self._share(order, quantities, plan.delivery_note)
		return self._save_invoice(
			order, document, plan.posting_date.isoformat(), plan.submit, plan.naming_series
		)

	def create_credit_note(self, channel: Channel, plan: CreditNotePlan) -> Booked:
		order = self._order(plan.sales_order)
		against = self._credited_invoice(plan)
		settles = plan.settles and against is not None
		document = InvoiceDocument(
			amounts=plan.amounts,
			order_rows=(None,) * len(plan.amounts.items),
			return_against=plan.invoice,
			settles=settles,
			is_return=True,
		)
		if settles and against:
			total = calculate(plan.amounts, precision_of(plan.currency)).grand_total
			document = replace(document, settles=total <= self.open_of(against))
		return self._save_invoice(
			order, document, plan.posting_date.isoformat(), plan.submit, plan.naming_series
		)

	def delete_draft_invoices(self, sales_order: str) -> list[str]:
		rows = self._database.read(
			"select name from sales_invoices where sales_order = ? and status = 'Draft' and ours and not is_return"
			" and name != sales_order order by rowid",
			sales_order,
		)
		for row in rows:
			self._delete_invoice(row["name"])
		return [row["name"] for row in rows]

	def delete_draft_credit_note(self, name: str) -> None:
		row = self._database.read_one(
			"select 1 from sales_invoices where name = ? and status = 'Draft' and is_return", name
		)
		if row:
			self._delete_invoice(name)

	def _delete_invoice(self, name: str) -> None:
		self._database.write("delete from sales_invoice_items where parent = ?", name)
		self._database.write("delete from sales_invoices where name = ?", name)

	# --- what is billed

	def invoice_rows(self, sales_order: str) -> list[Row]:
		"""Item rows of an order's invoices and credit notes that are not cancelled, oldest first."""
		return self._database.read(
			"select item.*, parent.is_return, parent.return_against from sales_invoice_items item"
			" join sales_invoices parent on parent.name = item.parent"
			" where parent.sales_order = ? and parent.status != 'Cancelled' order by parent.rowid, item.idx",
			sales_order,
		)

	def _billed_quantities(self, sales_order: str, delivery_note: str | None = None) -> dict[int, Decimal]:
		"""Drafts count: they are going to be submitted. What was credited stays billed."""
		return _summed(
			row
			for row in self.invoice_rows(sales_order)
			if not row["is_return"] and delivery_note in (None, row["delivery_note"])
		)

	def _billable(self, sales_order: str, delivery_note: str | None) -> dict[int, Decimal]:
		rows = self.order_rows(sales_order)
		billed = self._billed_quantities(sales_order)
		left = {row["idx"]: Decimal(row["qty"]) - billed.get(row["idx"], ZERO) for row in rows}
		if delivery_note is not None:
			left = self._of_delivery(sales_order, delivery_note, rows, left)
		return {idx: quantity for idx, quantity in left.items() if quantity > 0}

	def _of_delivery(
		self, sales_order: str, delivery_note: str, rows: Iterable[Row], left: Quantities
	) -> dict[int, Decimal]:
		"""What a Delivery Note shipped and nobody billed; with the last goods those charges that no note ships."""
		shipped = _summed(self.note_rows(delivery_note))
		before = self._billed_quantities(sales_order, delivery_note)
		wanted = {idx: min(shipped.get(idx, ZERO) - before.get(idx, ZERO), left[idx]) for idx in left}
		goods = [row["idx"] for row in rows if row["line_id"]]
		if any(wanted[idx] > 0 for idx in goods) and all(wanted[idx] == left[idx] for idx in goods):
			wanted |= {idx: left[idx] for idx in left if idx not in goods}
		return wanted

	def _share(self, order: Row, quantities: Quantities, delivery_note: str | None) -> InvoiceDocument:
		rows = {row["idx"]: row for row in self.order_rows(order["name"])}
		values = {idx: (Decimal(row["qty"]), Decimal(row["amount"])) for idx, row in rows.items()}
		before = self._billed_quantities(order["name"])
		after = {idx: before.get(idx, ZERO) + quantities.get(idx, ZERO) for idx in rows}
		charges = Charges.from_json(order["charges"])
		taxes, discount = charges.share(
			self._charges_of_invoices(order["name"]),
			part_of(values, before),
			part_of(values, after),
			precision_of(order["currency"]),
		)
		items = tuple(billed_item(rows[idx], quantity) for idx, quantity in quantities.items())
		amounts = Amounts(items, taxes, discount, charges.on, ZERO, ZERO)  # type: ignore[arg-type]
		return InvoiceDocument(amounts, tuple(quantities), delivery_note)

	def _charges_of_invoices(self, sales_order: str) -> list[Charges]:
		rows = self._database.read(
			"select charges from sales_invoices where sales_order = ? and status != 'Cancelled' and not is_return",
			sales_order,
		)
		return [Charges.from_json(row["charges"]) for row in rows]

	def _credited_invoice(self, plan: CreditNotePlan) -> Row | None:
		"""The invoice that is returned. Raises `Rejected` where it has not that much of a position left."""
		if plan.invoice is None:
			return None
		invoice = self._invoice(plan.invoice)
		if invoice["status"] != "Submitted" or invoice["is_return"]:
			raise Rejected(f"Sales Invoice {plan.invoice} is not submitted: nothing of it can be credited.")
		left: dict[str | None, Decimal] = defaultdict(Decimal)
		for row in self.invoice_rows(plan.sales_order):
			if row["parent"] == plan.invoice:
				left[row["line_id"]] += Decimal(row["qty"])
			elif row["return_against"] == plan.invoice:
				left[row["line_id"]] -= Decimal(row["qty"])
		for item in plan.amounts.items:
			left[item.line_id] -= item.qty
			if item.line_id and left[item.line_id] < 0:
				raise Rejected(
					f"Sales Invoice {plan.invoice} has not {item.qty:f} of line {item.line_id} left to be credited."
				)
		return invoice

	# --- rows

	def _invoice(self, name: str) -> Row:
		row = self._database.read_one("select * from sales_invoices where name = ?", name)
		if row is None:
			raise Rejected(f"Sales Invoice {name} does not exist.")
		return row

	def _save_invoice(
		self,
		order: Row,
		document: InvoiceDocument,
		day: str,
		submit: bool,
		series: str | None,
		name: str | None = None,
	) -> Booked:
		"""
		:param name: of the order, where the invoice stands for it
		"""
		totals = calculate(document.amounts, precision_of(order["currency"]))
		name = name or self._database.next_name(series or ("CN-" if document.is_return else "INV-"))
		self._database.insert(
			"sales_invoices",
			name=name,
			sales_order=order["name"],
			customer=order["customer"],
			status="Submitted" if submit else "Draft",
			is_return=document.is_return,
			return_against=document.return_against,
			settles=document.settles,
			ours=document.ours,
			posting_date=day,
			currency=order["currency"],
			net_total=str(totals.net_total),
			total_taxes=str(totals.total_taxes),
			grand_total=str(totals.grand_total),
			charges=Charges.of(document.amounts, totals).as_json(),
		)
		self._save_invoice_rows(name, document, totals)
		if submit:
			self._invoice_submitted(order["name"])
			self._tell_invoice(name)
		return Booked(name, totals.grand_total, totals.total_taxes, submit)

	def _save_invoice_rows(self, name: str, document: InvoiceDocument, totals: Totals) -> None:
		rows = zip(document.amounts.items, document.order_rows, totals.amounts, strict=True)
		for idx, (item, order_idx, amount) in enumerate(rows, start=1):
			self._database.insert(
				"sales_invoice_items",
				parent=name,
				idx=idx,
				order_idx=order_idx,
				delivery_note=document.delivery_note,
				line_id=item.line_id,
				item_code=item.item_code,
				qty=str(item.qty),
				rate=str(item.rate),
				amount=str(amount),
			)

	def _invoice_submitted(self, sales_order: str) -> None:
		"""Money that waited for it is allocated; how far the order is may have changed."""
		self._allocate(sales_order)
		self._order_changed(sales_order)

	# --- what a person does in the ERP; each is a transaction of its own

	def draft_invoice(self, sales_order: str) -> str | None:
		"""A person prepares an invoice of all that is not billed."""
		with self._database.transaction():
			quantities = self._billable(sales_order, None)
			if not quantities:
				return None
			order = self._order(sales_order)
			document = replace(self._share(order, quantities, None), ours=False)
			return self._save_invoice(order, document, self._now().date().isoformat(), False, None).name

	def submit_draft(self, name: str) -> str:
		"""Part of the caller's transaction; the order of the draft that is submitted."""
		invoice = self._invoice(name)
		if invoice["status"] != "Draft":
			raise Rejected(f"Sales Invoice {name} is no draft.")
		self._database.write("update sales_invoices set status = 'Submitted' where name = ?", name)
		self._invoice_submitted(invoice["sales_order"])
		return invoice["sales_order"]


def _summed(rows: Iterable[Row]) -> dict[int, Decimal]:
	"""How much there is of each row of the order."""
	found: dict[int, Decimal] = defaultdict(Decimal)
	for row in rows:
		found[row["order_idx"]] += Decimal(row["qty"])
	return dict(found)


def billed_item(row: Row, quantity: Decimal) -> ItemRow:
	"""A row of the order, billed in part; its rate is what the order says, were it nothing."""
	rate = Decimal(row["rate"])
	return ItemRow(
		item_code=row["item_code"],
		qty=quantity,
		rate=rate,
		price_list_rate=rate,
		discount_percentage=ZERO if rate else Decimal(100),
		line_id=row["line_id"],
		item_name=row["item_name"],
	)
