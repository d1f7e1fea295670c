"""Payment, invoice and refund of an order through the real path against the same documents made by plain ERPNext."""

from __future__ import annotations

import json
from decimal import Decimal
from statistics import median
from typing import Any, Protocol

import frappe
from erpnext.accounts.doctype.payment_entry.payment_entry import get_payment_entry
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_sales_return
from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice

from commerce_bridge.bridge import receive
from commerce_bridge.bridge.channel import InvoicePolicy, PaymentMap
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.protocols import WebhookRequest
from commerce_bridge.tests.site_money import MoneySiteFixture
from sandbox.storefronts.orders import iso
from sandbox.storefronts.signing import sign
from tests.benchmark.shop import (
	CHANNEL,
	SECRET,
	Shop,
	as_integration_user,
	open_shop,
	queries,
	without_hooks,
)
from tests.benchmark.table import Row, at_most, interleaved, timed

LIMIT = 1.15
COUNTED = 3
CENT = Decimal("0.01")


def rows() -> list[Row]:
	shop = open_shop()
	fixture = MoneySiteFixture.__new__(MoneySiteFixture)  # what the shop stands on stays as it is
	fixture.__dict__.update(shop.fixture.__dict__)
	fixture.open_accounts()
	till = Till(shop, fixture)
	return [row for case in (Payments(till), Invoices(till), Refunds(till)) for row in _compared(case)]


class Till:
	"""The shop with a gateway whose money is booked, and invoices of what is paid."""

	def __init__(self, shop: Shop, fixture: MoneySiteFixture):
		self.shop, self.fixture = shop, fixture
		row = PaymentMap(
			gateway="*", mode_of_payment=fixture.mode_of_payment, account=fixture.clearing_account
		)
		fixture.make_channel(CHANNEL, payments=(row,), invoices=InvoicePolicy(when="When Paid"))
		shop.channel = shop.world.state.channel(CHANNEL, anew=True)
		self.number = 0
		self.drain()

	def drain(self) -> None:
		"""What followed is not a part of the next sample; and nothing of it failed."""
		frappe.set_user("Administrator")
		filters = {"channel": CHANNEL, "state": ("in", ("Failed", "Retrying"))}
		for log in frappe.get_all("Sync Log", filters, ["topic", "message"], limit=1):
			raise RuntimeError(f"{log.topic}: {log.message}")
		frappe.db.delete("Sync Log", {"channel": CHANNEL, "state": "Queued"})
		frappe.db.commit()

	def record(self, kind: str, data: dict[str, Any]) -> str:
		"""A signed event as the webhook takes it; the name of its Sync Log."""
		self.number += 1
		now = utc_now()
		body = json.dumps({"type": kind, "timestamp": iso(now), "data": data}).encode()
		request = WebhookRequest(sign(SECRET, f"evt_m{self.number}", body, now), body, {"channel": CHANNEL})
		entry = receive.new_entry(self.shop.channel, self.shop.connector().identify(request))
		with self.shop.world.erp.transaction():
			return self.shop.world.journal.record([entry])[0].name

	def ordered(self) -> tuple[dict[str, Any], str]:
		"""A new order and its Sales Order."""
		data = self.shop.order()
		return data, self.shop.make(data)

	def payment(self, order: dict[str, Any], name: str, amount: str) -> dict[str, Any]:
		return {
			"id": f"{name}-{order['id']}",
			"order_id": order["id"],
			"gateway": "stripe",
			"reference": f"ch_{name}-{order['id']}",
			"status": "captured",
			"amount": amount,
			"currency": order["currency"],
			"updated_at": iso(utc_now()),
		}

	def paid(self) -> tuple[dict[str, Any], str]:
		"""An order that is paid, of which an invoice is due."""
		order, name = self.ordered()
		log = self.record("payment.updated", self.payment(order, "p", order["totals"]["grand_total"]))
		self.shop.work()
		self.shop.succeeded(log)
		return order, name

	def billed(self) -> tuple[dict[str, Any], str]:
		"""An order that is paid and billed, and its invoice."""
		order, _name = self.paid()
		return order, self.work_due(order)

	def due(self, order: dict[str, Any]) -> str:
		filters = {"external_id": order["id"], "topic": "invoice.due"}
		return frappe.db.get_value("Sync Log", filters)

	def work_due(self, order: dict[str, Any]) -> str:
		self.shop.work()
		return self.shop.succeeded(self.due(order))

	def refund(self, order: dict[str, Any]) -> dict[str, Any]:
		"""A whole line, and its money."""
		line = order["lines"][0]
		taxes = [{**tax, "amount": tax["amount"]} for tax in line["taxes"]]
		total = str(Decimal(line["total"]) + sum((Decimal(tax["amount"]) for tax in taxes), Decimal(0)))
		payment = self.payment(order, "r", total)
		payment.pop("order_id")
		return {
			"id": f"r-{order['id']}",
			"order_id": order["id"],
			"created_at": iso(utc_now()),
			"updated_at": iso(utc_now()),
			"currency": order["currency"],
			"prices_include_tax": False,
			"lines": [
				{
					"order_line_id": line["id"],
					"quantity": line["quantity"],
					"amount": line["total"],
					"taxes": taxes,
				}
			],
			"total": total,
			"payments": [payment],
		}

	def bank(self, doc: Any, field: str) -> None:
		"""What somebody fills in who books a payment by hand."""
		doc.update({field: self.fixture.clearing_account, "mode_of_payment": self.fixture.mode_of_payment})
		doc.update({"reference_no": doc.get("party"), "reference_date": frappe.utils.today()})


class Case(Protocol):
	title: str
	till: Till

	def prepare_ours(self) -> Any: ...

	def ours(self, prepared: Any) -> None: ...

	def prepare_theirs(self) -> Any: ...

	def theirs(self, prepared: Any) -> None: ...


class Payments:
	title = "payment of an order -> Payment Entry"

	def __init__(self, till: Till):
		self.till = till

	def prepare_ours(self) -> str:
		order, _name = self.till.ordered()
		return self.till.record(
			"payment.updated", self.till.payment(order, "p", order["totals"]["grand_total"])
		)

	def ours(self, prepared: str) -> None:
		self.till.shop.work()

	def prepare_theirs(self) -> str:
		return self.till.ordered()[1]

	def theirs(self, prepared: str) -> None:
		doc = get_payment_entry("Sales Order", prepared)
		self.till.bank(doc, "paid_to")
		doc.insert().submit()


class Invoices:
	title = "its Sales Invoice, with the advance"

	def __init__(self, till: Till):
		self.till = till

	def prepare_ours(self) -> Any:
		return self.till.paid()[0]

	def ours(self, prepared: Any) -> None:
		self.till.shop.work()

	def prepare_theirs(self) -> str:
		order, name = self.till.paid()
		frappe.db.delete("Sync Log", {"name": self.till.due(order)})
		frappe.db.commit()
		return name

	def theirs(self, prepared: str) -> None:
		doc = make_sales_invoice(prepared)
		doc.update({"allocate_advances_automatically": 1, "only_include_allocated_payments": 1})
		doc.insert().submit()


class Refunds:
	title = "a refund: credit note, and the money"

	def __init__(self, till: Till):
		self.till = till

	def prepare_ours(self) -> str:
		order, _invoice = self.till.billed()
		return self.till.record("refund.created", self.till.refund(order))

	def ours(self, prepared: str) -> None:
		self.till.shop.work()

	def prepare_theirs(self) -> str:
		return self.till.billed()[1]

	def theirs(self, prepared: str) -> None:
		note = make_sales_return(prepared)
		note.items = note.items[:1]
		note.advances = []  # ERPNext refuses the empty rows that it maps
		note.insert().submit()
		doc = get_payment_entry("Sales Invoice", note.name)
		self.till.bank(doc, "paid_from")
		doc.insert().submit()


def _compared(case: Case) -> list[Row]:
	ours, theirs = interleaved(lambda: _timed_ours(case), lambda: _timed_theirs(case))
	a, b = median(ours), median(theirs)
	counted = max(_count(case, ours=True) for _ in range(COUNTED))
	plain = min(_count(case, ours=False) for _ in range(COUNTED))
	return [
		at_most(case.title, a / b, LIMIT, " x", f" ({a * 1000:.0f} ms : {b * 1000:.0f} ms)"),
		at_most("  queries", counted / plain, LIMIT, " x", f" ({counted} : {plain})"),
	]


def _timed_ours(case: Case) -> float:
	prepared = case.prepare_ours()
	seconds = timed(lambda: case.ours(prepared))
	case.till.drain()
	return seconds


def _timed_theirs(case: Case) -> float:
	prepared = case.prepare_theirs()
	frappe.db.rollback()
	with without_hooks(), as_integration_user():
		seconds = timed(lambda: (case.theirs(prepared), frappe.db.commit()))
	case.till.drain()
	return seconds


def _count(case: Case, ours: bool) -> int:
	prepared = case.prepare_ours() if ours else case.prepare_theirs()
	if ours:
		with queries() as sent:
			case.ours(prepared)
	else:
		frappe.db.rollback()
		with without_hooks(), as_integration_user(), queries() as sent:
			case.theirs(prepared)
			frappe.db.commit()
	case.till.drain()
	return len(sent)
