"""Of what hand-made order histories are made: events as models, what people do, and what there is in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from commerce_bridge.bridge.channel import InvoicePolicy
from commerce_bridge.bridge.model import (
	EventData,
	Fee,
	Order,
	OrderCancellation,
	Payment,
	PaymentStatus,
	Refund,
	RefundLine,
	ShippingLine,
	TaxLine,
)
from commerce_bridge.tests.order_cells import T0, line
from commerce_bridge.tests.order_cells import order as _order

#: In place of the order's id and currency, until a history is played.
ORDER_ID, CURRENCY = "?", "XXX"
CENT = Decimal("0.01")
ZERO = Decimal(0)
#: In place of a site's second warehouse, as `RefundPolicy.return_warehouse`.
SECOND = "second"
Act = Literal["deliver", "bill", "submit drafts", "submit deliveries"]
NEVER, PAID, DELIVERED = (InvoicePolicy(when=when) for when in ("Never", "When Paid", "When Delivered"))
DRAFTS = InvoicePolicy(when="When Paid", submit=False)


@dataclass(frozen=True)
class Done:
	"""What a person does in ERPNext; "deliver" submits a Delivery Note of these lines, or of all that is left."""

	what: Act
	lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
	"""Events in the order of their moments, and what is done after them."""

	events: tuple[EventData, ...]
	done: tuple[Done, ...] = ()


@dataclass(frozen=True)
class Books:
	"""What there is in the end, in sums, as text; None: it depends on what came first.

	:param order: total of the Sales Order that stands; "" where none does
	:param billed: invoices less credit notes
	:param credited: credit notes alone
	:param received: and `back`: Payment Entries; where one is None, the other is what is left of both
	:param ledger: role of an account → balance, debit positive. "stock" is in pieces that the warehouse gained,
		"quarantine" those of the second one
	:param returns: id of a return → its status, and what came back of which line
	:param failed: topics of entries that a person has to look at
	"""

	order: str | None
	billed: str = "0"
	credited: str | None = "0"
	received: str = "0"
	back: str | None = "0"
	ledger: Mapping[str, str] = field(default_factory=dict)
	returns: Mapping[str, str] = field(default_factory=dict)
	failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
	name: str
	invoices: InvoicePolicy
	phases: tuple[Phase, ...]
	end: Books
	settings: Mapping[str, Any] = field(default_factory=dict)


# --- what a shop tells


def at(minute: int) -> datetime:
	return T0 + timedelta(minutes=minute)


def order(minute: int = 1, *lines: Any, **values: Any) -> Order:
	return _order(ORDER_ID, *(lines or (line(1), line(2))), version=minute, **{"currency": CURRENCY} | values)


def cancelled(minute: int) -> OrderCancellation:
	return OrderCancellation(id=ORDER_ID, version=minute, updated_at=at(minute))


def paid(
	name: str = "p1",
	amount: str = "49.00",
	minute: int = 2,
	status: PaymentStatus = "captured",
	gateway: str = "card",
	**values: Any,
) -> Payment:
	return Payment(
		id=name,
		order_id=ORDER_ID,
		gateway=gateway,
		reference=values.pop("reference", f"txn-{name}"),
		status=status,
		amount=Decimal(amount),
		currency=CURRENCY,
		paid_at=at(minute) if status == "captured" else None,
		updated_at=at(minute),
		**values,
	)


def back(
	line_id: str, quantity: int, amount: str | None = None, restock: bool = False, rate: int = 10
) -> RefundLine:
	"""So many pieces of a line at 10.00, and their tax; with 0 pieces a part of the price."""
	net = Decimal(amount) if amount else Decimal(10 * quantity)
	tax = TaxLine(title="Tax", rate=Decimal(rate), amount=(net * rate / 100).quantize(CENT))
	return RefundLine(
		order_line_id=line_id, quantity=Decimal(quantity), amount=net, taxes=(tax,), restock=restock
	)


def refund(
	name: str,
	*lines: RefundLine,
	minute: int = 10,
	shipping: str = "",
	adjustment: str = "",
	money: str | None = "all",
	**values: Any,
) -> Refund:
	"""What the shop gave back; `money`: how much of it by card, "all", or None: nothing moved."""
	charges = (ShippingLine(title="Standard", amount=Decimal(shipping)),) if shipping else ()
	fees = (Fee(title="Goodwill", amount=Decimal(adjustment)),) if adjustment else ()
	parts = (*lines, *charges, *fees)
	total = sum((part.amount for part in parts), ZERO)
	if not values.get("prices_include_tax"):
		total += sum((tax.amount for part in parts for tax in part.taxes), ZERO)
	amount = str(total) if money == "all" else money
	payments = values.pop("payments", (paid(f"{name}-money", amount, minute),) if amount else ())
	return Refund(
		id=name,
		order_id=ORDER_ID,
		created_at=at(minute),
		updated_at=at(values.pop("updated", minute)),
		currency=CURRENCY,
		lines=lines,
		shipping=charges,
		adjustments=fees,
		total=total,
		payments=payments,
		**values,
	)


ALL = (back("l1", 2), back("l2", 2))
BACK = (back("l1", 2, restock=True), back("l2", 2, restock=True))
#: In a price of 22.00 and of 11.00.
TAX_OF_TWO, TAX_OF_ONE = (
	TaxLine(title="Tax", rate=Decimal(10), amount=Decimal(amount)) for amount in ("2.00", "1.00")
)
BOUGHT = (order(), paid())


# --- shorthand

DELIVER = Done("deliver")


def told(*events: EventData, done: tuple[Done, ...] = ()) -> Phase:
	return Phase(events, done)


def ledger(
	receivable: str = "0",
	clearing: str = "0",
	income: str = "0",
	tax: str = "0",
	stock: str = "0",
	**others: str,
) -> dict[str, str]:
	return {
		"receivable": receivable,
		"clearing": clearing,
		"income": income,
		"tax": tax,
		"stock": stock,
		**{role.replace("_", " "): amount for role, amount in others.items()},
	}


SOLD = ledger(clearing="49", income="-45", tax="-4")
SENT = SOLD | {"stock": "-4"}
