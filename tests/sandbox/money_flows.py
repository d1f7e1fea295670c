"""What happens after an order: paid, billed, given back, returned. Flows of `test_crash_points`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from commerce_bridge.bridge.channel import InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.orders import INSTEAD
from sandbox.database import to_text
from tests.sandbox.flow import Flow
from tests.sandbox.stage import SHIPPING_ITEM, Stage

ORDER = "9001"
QUARANTINE = "Quarantine"


When = Literal["Never", "When Paid", "When Delivered", "Instead of Sales Order"]


def keeps_books(stage: Stage, when: When, **row: Any) -> None:
	"""The channel books money, and makes invoices and credit notes; those instead of Sales Orders take the goods along."""
	payments = PaymentMap(gateway="*", mode_of_payment="Card", account="Clearing", **row)
	refunds = RefundPolicy(adjustment_item=SHIPPING_ITEM, returns="Submitted", return_warehouse=QUARANTINE)
	stage.channel = stage.channel.model_copy(
		update={
			"invoices": InvoicePolicy(when=when, update_stock=when == INSTEAD),
			"payments": (payments,),
			"refunds": refunds,
		}
	)
	stage.sandbox.state.save(stage.channel)


def _order(stage: Stage) -> None:
	stage.place(1, PHONE=2, CASE=1)


def _total(stage: Stage) -> Decimal:
	return Decimal(stage.shop.orders[ORDER]["totals"]["grand_total"])


def _pay(stage: Stage, **more: Any) -> None:
	stage.events.append(stage.shop.pay(ORDER, _total(stage), stage.now(), **more))


def _paid(stage: Stage, when: When) -> None:
	keeps_books(stage, when)
	_order(stage)
	_pay(stage)
	stage.settle()


def give_back(stage: Stage, restock: bool = False) -> None:
	"""One of the two phones: 32.77 and 6.23 of tax."""
	line = {
		"order_line_id": "1-PHONE",
		"quantity": 1,
		"amount": "32.77",
		"taxes": [{"title": "VAT", "code": "VAT", "rate": "19", "amount": "6.23"}],
		"restock": restock,
	}
	stage.events.append(stage.shop.refund(ORDER, Decimal("39.00"), stage.now(), lines=[line]))


def payment(stage: Stage) -> None:
	keeps_books(stage, "When Paid")
	_order(stage)
	stage.settle()
	_pay(stage)


def payment_with_order(stage: Stage) -> None:
	keeps_books(stage, "When Paid")
	_order(stage)
	_pay(stage)


def payment_first(stage: Stage) -> None:
	payment_with_order(stage)
	stage.events.reverse()


def payment_voided(stage: Stage) -> None:
	keeps_books(stage, "Never", book="Now")
	_order(stage)
	_pay(stage, status="authorised")
	stage.settle()
	_pay(stage, status="voided")


def deliveries_billed(stage: Stage) -> None:
	_paid(stage, "When Delivered")
	order = stage.sales_order(1)
	stage.sandbox.erp.make_delivery(order, {1: Decimal(1)}, "DHL", "T-1")
	stage.sandbox.erp.make_delivery(order, None, "DHL", "T-2")


def refund_of_what_is_not_sent(stage: Stage) -> None:
	_paid(stage, "When Delivered")
	give_back(stage)


def refund_of_what_is_billed(stage: Stage) -> None:
	_paid(stage, "When Paid")
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	stage.settle()
	give_back(stage, restock=True)


def refund_with_its_invoice(stage: Stage) -> None:
	_paid(stage, "When Delivered")
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	give_back(stage)


def refund_waits_for_its_invoice(stage: Stage) -> None:
	"""The worker that was to make the invoice died, or is slow."""
	refund_with_its_invoice(stage)
	with stage.sandbox.erp.transaction():
		later = to_text(stage.now() + timedelta(minutes=30))
		stage.sandbox.database.write(
			"update sync_log set due = ? where topic = 'invoice.due' and state = 'Queued'", later
		)


def cancelled_after_billing(stage: Stage) -> None:
	_paid(stage, "When Paid")
	stage.cancel(1, version=9)


def goods_come_back(stage: Stage) -> None:
	_paid(stage, "When Paid")
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	stage.settle()
	line = {"order_line_id": "1-PHONE", "quantity": 1, "received": 1, "reason": "scratched"}
	stage.events.append(stage.shop.return_goods(ORDER, [line], "received", stage.now()))


def instead_of_an_order(stage: Stage) -> None:
	keeps_books(stage, INSTEAD)
	_order(stage)


def given_back_of_an_invoice(stage: Stage) -> None:
	_paid(stage, INSTEAD)
	give_back(stage, restock=True)


def cancelled_with_its_goods(stage: Stage) -> None:
	_paid(stage, INSTEAD)
	stage.cancel(1, version=9)


MONEY_FLOWS = (
	Flow("payment", payment),
	Flow("payment with its order", payment_with_order, overtaken=payment_first),
	Flow("payment first", payment_first, overtaken=payment_with_order),
	Flow("payment voided", payment_voided),
	Flow("deliveries billed", deliveries_billed),
	Flow("refund of what is not sent", refund_of_what_is_not_sent),
	Flow("refund of what is billed", refund_of_what_is_billed),
	Flow("refund after its invoice", refund_with_its_invoice, overtaken=refund_waits_for_its_invoice),
	Flow("refund before its invoice", refund_waits_for_its_invoice, overtaken=refund_with_its_invoice),
	Flow("cancelled after billing", cancelled_after_billing),
	Flow("goods come back", goods_come_back),
	Flow("instead of an order", instead_of_an_order),
	Flow("given back of an invoice with its goods", given_back_of_an_invoice),
	Flow("cancelled with its goods", cancelled_with_its_goods),
)

#: What 2 phones, a case, shipping, and their taxes cost.
TOTAL = "122.17"
RECEIVED = [("Receive", TOTAL)]
GIVEN_BACK = [("Pay", "39.00"), ("Receive", TOTAL)]
PAID, CREDITED = ("invoice", TOTAL, "0.00"), ("credit note", "39.00", "0.00")
#: Where the flows end: invoices and credit notes with what is open of them, money, and goods that came back.
MONEY_ENDS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
	"payment": ([PAID], RECEIVED, []),
	"payment with its order": ([PAID], RECEIVED, []),
	"payment first": ([PAID], RECEIVED, []),
	"payment voided": ([], [], []),
	"deliveries billed": ([("invoice", "39.01", "0.00"), ("invoice", "83.16", "0.00")], RECEIVED, []),
	"refund of what is not sent": ([], GIVEN_BACK, []),
	"refund of what is billed": ([PAID, CREDITED], GIVEN_BACK, [("PHONE", "1")]),
	"refund after its invoice": ([PAID, CREDITED], GIVEN_BACK, []),
	"refund before its invoice": ([PAID, CREDITED], GIVEN_BACK, []),
	"cancelled after billing": ([PAID, ("credit note", TOTAL, TOTAL)], RECEIVED, []),
	"goods come back": ([PAID], RECEIVED, [("PHONE", "1")]),
	"instead of an order": ([("invoice", TOTAL, TOTAL)], [], []),
	"given back of an invoice with its goods": ([PAID, CREDITED], GIVEN_BACK, [("PHONE", "1")]),
	"cancelled with its goods": (
		[PAID, ("credit note", TOTAL, TOTAL)],
		RECEIVED,
		[("CASE", "1"), ("PHONE", "2")],
	),
}
