"""What a person does after an order, and a shop is told or asked: invoices, refunds, returns. Flows of
`test_crash_points`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import EventPolicy
from commerce_bridge.bridge.world import World
from tests.sandbox.flow import Flow
from tests.sandbox.money_flows import ORDER, give_back, keeps_books
from tests.sandbox.stage import Stage

ONE = Decimal(1)


def _sold(stage: Stage, send_refunds: bool = False) -> str:
	"""An order that was paid, and billed by a person; its invoice. The shop tells of what it gives back."""
	keeps_books(stage, "Never")
	stage.channel = stage.channel.model_copy(
		update={
			"events": EventPolicy(invoices="Own"),
			"refunds": stage.channel.refunds.model_copy(update={"send_refunds": send_refunds}),
		}
	)
	stage.sandbox.state.save(stage.channel)
	stage.place(1, PHONE=2, CASE=1)
	total = Decimal(stage.shop.orders[ORDER]["totals"]["grand_total"])
	stage.events.append(stage.shop.pay(ORDER, total, stage.now()))
	stage.settle()
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	invoice = stage.sandbox.erp.draft_invoice(stage.sales_order(1))
	assert invoice
	stage.sandbox.erp.submit_invoice(invoice)
	stage.settle()
	stage.shop.refund = Telling(stage, stage.shop.refund)  # type: ignore[method-assign]
	return invoice


@dataclass
class Telling:
	"""A shop's `refund` that posts an event of each refund it makes, whoever asked for it; a copy of the stage has its
	own."""

	stage: Stage
	refund: Callable[..., Any]

	def __call__(self, *arguments: Any, **parts: Any) -> Any:
		event = self.refund(*arguments, **parts)
		self.stage.events.append(event)
		return event


def invoice_told(stage: Stage) -> None:
	_sold(stage)


def bill_again(stage: Stage, world: World) -> None:
	"""A person credits all of it: the shop is told of the credit note."""
	if not stage.sandbox.database.read_one("select 1 from sales_invoices where is_return"):
		[row] = stage.sandbox.database.read("select name from sales_invoices where not is_return")
		stage.sandbox.erp.credit_by_hand(row["name"], {"1-PHONE": ONE})


def refund_requested(stage: Stage) -> None:
	stage.sandbox.erp.credit_by_hand(_sold(stage, send_refunds=True), {"1-PHONE": ONE})


def refund_requested_and_refunded(stage: Stage) -> None:
	"""Another piece is given back in the shop, at the same moment."""
	refund_requested(stage)
	give_back(stage)


def return_begun_here(stage: Stage) -> None:
	_sold(stage)
	name = stage.sandbox.erp.authorise_return(stage.sales_order(1), {"1-PHONE": ONE})
	stage.sandbox.erp.decide_return(name, "approved")


def return_received_here(stage: Stage) -> None:
	_sold(stage)
	line = {"order_line_id": "1-PHONE", "quantity": 1, "reason": "scratched"}
	stage.events.append(stage.shop.return_goods(ORDER, [line], "requested", stage.now()))
	stage.settle()
	[row] = stage.sandbox.database.read("select name from return_authorisations")
	stage.sandbox.erp.decide_return(row["name"], "approved")
	stage.sandbox.erp.take_back(stage.channel, row["name"], {"1-PHONE": ONE})
	stage.sandbox.erp.inspect_return(row["name"], "1-PHONE", condition_found="Used", disposition="restock")
	stage.sandbox.erp.decide_return(row["name"], "closed")


TOLD_FLOWS = (
	Flow("invoice told", invoice_told, start=bill_again),
	Flow("refund requested", refund_requested),
	Flow("refund requested and refunded", refund_requested_and_refunded),
	Flow("return begun here", return_begun_here),
	Flow("return received here", return_received_here),
)

#: Where the flows end: credit notes and what is open of them, money that went back, requests the shop took, invoices it
#: shows, and how its returns stand.
TOLD_ENDS: dict[str, tuple[list[Any], list[str], int, int, list[str]]] = {
	"invoice told": ([("32.78", "32.78")], [], 0, 2, []),
	"refund requested": ([("32.78", "0.00")], ["32.78"], 1, 2, []),
	"refund requested and refunded": (
		[("32.78", "0.00"), ("39.00", "0.00")],
		["32.78", "39.00"],
		1,
		3,
		[],
	),
	"return begun here": ([], [], 0, 1, ["approved"]),
	"return received here": ([], [], 0, 1, ["closed"]),
}


def end_of(snapshot: dict[str, Any]) -> tuple[list[Any], list[str], int, int, list[str]]:
	"""What of a stage's snapshot `TOLD_ENDS` says."""
	credits = [(row[2], row[4]) for row in snapshot["invoices"] if row[1] == "1"]
	back = [
		amount
		for kind, status, amount, _free in snapshot["payments"]
		if kind == "Pay" and status == "Submitted"
	]
	shop = snapshot["shop after the order"]
	return credits, back, shop["requests"], shop["invoices"], shop["returns"]
