"""Order histories of more events at a time: edits, several payments and refunds, returns, and what a shop sent itself.

As those of `histories`: the order is 49.00 unless one says otherwise, and whatever comes first, the books end the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import RefundPolicy
from commerce_bridge.bridge.model import (
	FulfilledLine,
	Fulfilment,
	OrderLine,
	RefundLine,
	Return,
	ReturnLine,
	ReturnStatus,
	TaxLine,
)
from commerce_bridge.tests.history_events import (
	ALL,
	DELIVER,
	DELIVERED,
	ORDER_ID,
	PAID,
	SECOND,
	SENT,
	Books,
	Done,
	History,
	at,
	back,
	cancelled,
	ledger,
	order,
	paid,
	refund,
	told,
)
from commerce_bridge.tests.order_cells import line

#: 7 % that a price of 3.33 contains: 0.2178…
THIRD = (TaxLine(title="Tax", rate=Decimal(7), amount=Decimal("0.22")),)
QUARANTINE = RefundPolicy(adjustment_item="CB-SHIPPING", returns="Submitted", return_warehouse=SECOND)


def asked(
	status: ReturnStatus, minute: int, pieces: int = 1, received: int | None = None, **values: Any
) -> Return:
	"""A return of pieces of the first line, as it stands at this moment."""
	came = None if received is None else Decimal(received)
	row = ReturnLine(order_line_id="l1", quantity=Decimal(pieces), received=came, reason="too small")
	return Return(
		id="v1",
		order_id=ORDER_ID,
		number="V1",
		status=status,
		lines=(row,),
		updated_at=at(minute),
		**values,
	)


def sent(name: str, minute: int, **quantities: int) -> Fulfilment:
	"""A parcel of these quantities by line, sent in the shop's own screens."""
	lines = (
		FulfilledLine(order_line_id=key, quantity=Decimal(quantity)) for key, quantity in quantities.items()
	)
	return Fulfilment(id=name, order_id=ORDER_ID, lines=tuple(lines), updated_at=at(minute))


def third(number: int) -> OrderLine:
	return line(number, 1, "3.33").model_copy(update={"taxes": THIRD})


def third_back(number: int) -> Any:
	"""The refund of one of three lines that cost 3.33 each."""
	part: RefundLine = back(f"l{number}", 1, "3.33").model_copy(update={"taxes": THIRD})
	return refund(f"r{number}", part, minute=9 + number, prices_include_tax=True)


THIRDS = (third(1), third(2), third(3))
OF_THIRDS: dict[str, Any] = {"shipping": "0.00", "prices_include_tax": True, "total": Decimal("9.99")}
BOUGHT_AT_ONCE = order(1, payments=(paid(),))

LONG_HISTORIES = (
	# --- money that comes in, of an order that changes
	History(
		"edited twice, paid in two parts, and a piece given back",
		DELIVERED,
		(
			told(
				order(),  # 49.00
				paid(),
				order(3, line(1, 3), line(2)),  # 60.00
				order(5, line(1, 3), line(2, 1), shipping="7.00"),  # 30 + 10 + 4 of tax + 7 = 51.00
				paid("p2", "2.00", 6),
				refund("r1", back("l1", 1)),
				done=(DELIVER,),
			),
		),
		Books("40", "40", received="51", back="11", ledger=ledger("0", "40", "-37", "-3", "-3")),
	),
	History(
		"less was captured than was authorised, for the order became less",
		DELIVERED,
		(
			told(
				order(),
				paid(status="authorised", gateway="now"),
				order(4, line(1, 1), line(2)),
				paid(amount="38.00", minute=5, gateway="now"),
				done=(DELIVER,),
			),
		),
		Books("38", "38", received="38", ledger=ledger("0", "38", "-35", "-3", "-3")),
	),
	History(
		"failed, captured at the second attempt, and voided: the buyer owes it",
		DELIVERED,
		(
			told(
				order(),
				paid(status="failed"),
				paid(minute=4),
				paid(minute=5, status="voided"),
				done=(DELIVER,),
			),
		),
		Books("49", "49", ledger=ledger("49", income="-45", tax="-4", stock="-4")),
	),
	History(
		"cash on delivery of an order that became less, in two parcels, and a piece came back",
		DELIVERED,
		(
			told(
				order(),
				paid(status="pending", gateway="cod"),
				order(3, line(1, 1), line(2)),
				paid(amount="38.00", minute=4, status="pending", gateway="cod"),
				done=(Done("deliver", {"l1": 1}), DELIVER),
			),
			told(refund("r1", back("l2", 1, restock=True))),
		),
		Books(
			"38", "27", credited="11", received="38", back="11", ledger=ledger("0", "27", "-25", "-2", "-2")
		),
	),
	# --- money that goes back
	History(
		"authorised, captured with a fee, and a part of it given back",
		PAID,
		(
			told(
				order(),
				paid(status="authorised"),
				paid(minute=3, fee=Decimal("1.50"), fee_tax=Decimal("0.30")),
				refund("r1", back("l1", 1)),
			),
		),
		Books(
			None,
			"38",
			credited=None,
			received="49",
			back="11",
			ledger=ledger("0", "36.20", "-35", "-3", fees="1.50", fee_tax="0.30"),
		),
	),
	History(
		"by gift card and card, and a part given back to each",
		PAID,
		(
			told(
				order(),
				paid("g1", "19.00", gateway="gift_card"),
				paid(amount="30.00", minute=3),
				refund("r1", back("l1", 1), payments=(paid("m1", "11.00", 10, gateway="gift_card"),)),
				refund("r2", back("l2", 1), minute=11),
			),
		),
		Books(
			None,
			"27",
			credited=None,
			received="49",
			back="22",
			ledger=ledger("0", "19", "-25", "-2", gift_cards="8"),
		),
	),
	History(
		"shipping, goodwill and a piece given back, before it was billed or after",
		PAID,
		(
			told(
				order(),
				paid(),
				refund("r1", shipping="5.00"),
				refund("r2", adjustment="4.00", minute=11),
				refund("r3", back("l1", 1), minute=12),
			),
		),
		Books(None, "29", credited=None, received="49", back="20", ledger=ledger("0", "29", "-26", "-3")),
	),
	History(
		"paid in part, and most of that given back: the rest is not paid, and not billed",
		PAID,
		(told(order(), paid(amount="30.00"), refund("r1", back("l1", 2))),),
		Books("27", received="30", back="22", ledger=ledger("-8", "8")),
	),
	History(
		"a refund that is told by itself, and by its order",
		DELIVERED,
		(
			told(
				order(),
				paid(),
				refund("r1", back("l1", 1)),
				order(11, payments=(paid(),), refunds=(refund("r1", back("l1", 1)),)),
				done=(DELIVER,),
			),
		),
		Books("38", "38", received="49", back="11", ledger=ledger("0", "38", "-35", "-3", "-3")),
	),
	# --- to the cent
	History(
		"two of three thirds given back",
		PAID,
		(told(order(1, *THIRDS, **OF_THIRDS), paid(amount="9.99"), third_back(1), third_back(3)),),
		Books(
			None,
			"3.33",
			credited=None,
			received="9.99",
			back="6.66",
			ledger=ledger("0", "3.33", "-3.11", "-0.22"),
		),
	),
	History(
		"three thirds given back one by one, and the order cancelled",
		PAID,
		(
			told(order(1, *THIRDS, payments=(paid(amount="9.99"),), **OF_THIRDS)),
			told(third_back(1), third_back(2), third_back(3), cancelled(20)),
		),
		Books("9.99", "0", credited="9.99", received="9.99", back="9.99", ledger=ledger()),
	),
	# --- cancelled
	History(
		"cancelled and given back, and then the money was not",
		DELIVERED,
		(
			told(order()),
			told(
				paid(),
				cancelled(9),
				refund("r1", *ALL, shipping="5.00"),
				refund("r1", *ALL, shipping="5.00", updated=12, cancelled=True),
			),
		),
		Books("", received="49", ledger=ledger("-49", "49")),
	),
	History(
		"cancelled, and open again",
		DELIVERED,
		(told(order(), paid(), cancelled(5), order(8, status="open again"), done=(DELIVER,)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	# --- goods that come back
	History(
		"a return, from the question to the money",
		DELIVERED,
		(
			told(BOUGHT_AT_ONCE, done=(DELIVER,)),
			told(
				asked("requested", 20),
				asked("approved", 30),
				asked("received", 40),
				refund("r1", back("l1", 1, restock=True), minute=45, return_id="v1"),
			),
		),
		Books(
			"49",
			"38",
			credited="11",
			received="49",
			back="11",
			ledger=ledger("0", "38", "-35", "-3", "-3"),
			returns={"v1": "received, 1 of l1"},
		),
	),
	History(
		"a return that comes in two parcels, into quarantine, and goodwill",
		DELIVERED,
		(
			told(BOUGHT_AT_ONCE, done=(DELIVER,)),
			told(
				asked("approved", 20, 2, 0),
				asked("received", 30, 2, 1),
				asked("closed", 40, 2, 2),
				refund("r1", back("l1", 2, restock=True), minute=45, return_id="v1"),
				refund("r2", adjustment="4.00", minute=50),
			),
		),
		Books(
			"49",
			"23",
			credited="26",
			received="49",
			back="26",
			ledger=ledger("0", "23", "-21", "-2", "-4", quarantine="2"),
			returns={"v1": "closed, 2 of l1"},
		),
		{"refunds": QUARANTINE},
	),
	History(
		"a return that is declined, and goodwill instead",
		DELIVERED,
		(
			told(BOUGHT_AT_ONCE, done=(DELIVER,)),
			told(asked("requested", 20), asked("declined", 30), refund("r1", adjustment="4.00", minute=35)),
		),
		Books(
			"49",
			"45",
			credited="4",
			received="49",
			back="4",
			ledger=ledger("0", "45", "-41", "-4", "-4"),
			returns={"v1": "declined"},
		),
	),
	History(
		"a return, and a refund that does not say it is of it: the piece comes back once",
		DELIVERED,
		(
			told(BOUGHT_AT_ONCE, done=(DELIVER,)),
			told(
				asked("approved", 30),
				asked("received", 40),
				refund("r1", back("l1", 1, restock=True), minute=45),
			),
		),
		Books(
			"49",
			"38",
			credited="11",
			received="49",
			back="11",
			ledger=ledger("0", "38", "-35", "-3", "-3"),
			returns={"v1": "received, 1 of l1"},
		),
	),
	# --- goods that the shop sent
	History(
		"sent in the shop in two parcels, and a piece came back",
		DELIVERED,
		(
			told(
				order(),
				paid(),
				sent("f1", 5, l1=1),
				order(6, fulfilments=(sent("f1", 5, l1=1), sent("f2", 6, l1=1, l2=2))),
				done=(Done("submit deliveries"),),
			),
			told(refund("r1", back("l1", 1, restock=True), minute=45)),
		),
		Books(
			"49", "38", credited="11", received="49", back="11", ledger=ledger("0", "38", "-35", "-3", "-3")
		),
	),
)
