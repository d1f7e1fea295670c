"""Order histories of a channel that makes Sales Invoices instead of Sales Orders, without and with Update Stock.

As those of `histories`: the order is 49.00 unless one says otherwise, and whatever comes first, the books end the same.
"""

from __future__ import annotations

from commerce_bridge.bridge.channel import InvoicePolicy, RefundPolicy
from commerce_bridge.bridge.orders import INSTEAD
from commerce_bridge.tests.histories import KEPT, RETURNED
from commerce_bridge.tests.history_events import (
	ALL,
	BACK,
	BOUGHT,
	DELIVER,
	SENT,
	SOLD,
	Books,
	Done,
	History,
	back,
	cancelled,
	ledger,
	order,
	paid,
	refund,
	told,
)
from commerce_bridge.tests.order_cells import line

DIRECT = InvoicePolicy(when=INSTEAD)
DIRECT_DRAFT = InvoicePolicy(when=INSTEAD, submit=False)
WITH_STOCK = InvoicePolicy(when=INSTEAD, update_stock=True)
STOCK_DRAFT = InvoicePolicy(when=INSTEAD, update_stock=True, submit=False)
SUBMIT = Done("submit drafts")
COD = paid(status="pending", gateway="cod")
MORE = order(3, line(1, 3), line(2))
#: Goods that were in stock before the order was placed: with Update Stock they leave on that day.
ON_SHELF = "CB-SHELF"
TAKEN = (order(1, *(line(number).model_copy(update={"sku": ON_SHELF}) for number in (1, 2))), paid())
#: Billed, and nobody paid.
OWED = ledger("49", income="-45", tax="-4")

DIRECT_HISTORIES = (
	# --- money that comes in
	History(
		"instead: paid, and delivered",
		DIRECT,
		(told(*BOUGHT, done=(DELIVER,)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead: in two deliveries",
		DIRECT,
		(told(*BOUGHT, done=(Done("deliver", {"l1": 1}), DELIVER)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead: authorised, then captured",
		DIRECT,
		(told(order(), paid(status="authorised"), paid(minute=3)),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"instead: authorised, then voided",
		DIRECT,
		(told(order(), paid(status="authorised"), paid(minute=3, status="voided")),),
		Books("49", "49", ledger=OWED),
	),
	History(
		"instead: paid in two parts",
		DIRECT,
		(told(order(), paid(amount="20.00"), paid("p2", "29.00", 3)),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"instead: too much",
		DIRECT,
		(told(order(), paid(amount="60.00")),),
		Books("49", "49", received="60", ledger=ledger("-11", "60", "-45", "-4")),
	),
	History(
		"instead: a gift card and a card",
		DIRECT,
		(told(order(), paid("g1", "19.00", gateway="gift_card"), paid(amount="30.00")),),
		Books("49", "49", received="49", ledger=SOLD | {"clearing": "30", "gift cards": "19"}),
	),
	History(
		"instead: cash on delivery",
		DIRECT,
		(told(order(), COD, done=(DELIVER,)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead: cash on delivery of what was not given back before",
		DIRECT,
		(
			told(order()),
			told(
				refund("r1", back("l1", 1), money=None),
				paid(amount="38.00", minute=11, status="pending", gateway="cod"),
				done=(Done("deliver", {"l1": 1, "l2": 2}),),
			),
		),
		Books("49", "38", credited="11", received="38", ledger=ledger("0", "38", "-35", "-3", "-3")),
	),
	# --- drafts
	History(
		"instead: a draft that a person submits",
		DIRECT_DRAFT,
		(told(*BOUGHT, done=(SUBMIT, DELIVER)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead: a draft follows the shop",
		DIRECT_DRAFT,
		(told(order(), MORE, paid(amount="60.00", minute=4), done=(SUBMIT,)),),
		Books("60", "60", received="60", ledger=ledger("0", "60", "-55", "-5")),
	),
	History(
		"instead: a draft is deleted where the shop cancels",
		DIRECT_DRAFT,
		(told(order(), cancelled(9)),),
		Books("", ledger=ledger()),
	),
	# --- changed in the shop
	History(
		"instead: what is submitted does not follow the shop",
		DIRECT,
		(told(order()), told(MORE)),
		Books("49", "49", ledger=OWED, failed=("order.upserted", "order.upserted")),
	),
	# --- given back
	History(
		"instead: given back before it was sent",
		DIRECT,
		(told(*BOUGHT), told(refund("r1", back("l1", 1)), done=(Done("deliver", {"l1": 1, "l2": 2}),))),
		RETURNED,
	),
	History(
		"instead: a piece came back",
		DIRECT,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l1", 1, restock=True)))),
		RETURNED,
	),
	History(
		"instead: a piece is kept",
		DIRECT,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l1", 1)))),
		KEPT,
	),
	History(
		"instead: goodwill",
		DIRECT,
		(told(*BOUGHT), told(refund("r1", adjustment="7.50"))),
		Books(
			"49",
			"41.50",
			credited="7.50",
			received="49",
			back="7.50",
			ledger=ledger("0", "41.50", "-37.50", "-4"),
		),
	),
	History(
		"instead: an order that names what was given back before it was imported",
		DIRECT,
		(
			told(
				paid(),
				order(11, line(1, 1), line(2), refunds=(refund("r1", back("l1", 1)),), refunds_deducted=True),
			),
		),
		Books("38", "38", received="49", back="11", ledger=ledger("0", "38", "-35", "-3")),
	),
	History(
		"instead: credited, and the shop says it once more",
		DIRECT,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(
				order(11, line(1, 1), line(2), refunds=(refund("r1", back("l1", 1)),), refunds_deducted=True)
			),
		),
		KEPT,
	),
	# --- cancelled
	History(
		"instead: cancelled",
		DIRECT,
		(told(*BOUGHT), told(cancelled(9))),
		Books("49", "0", credited="49", received="49", ledger=ledger("-49", "49")),
	),
	History(
		"instead: cancelled, and given back",
		DIRECT,
		(told(*BOUGHT), told(cancelled(9), refund("r1", *ALL, shipping="5.00"))),
		Books("49", "0", credited="49", received="49", back="49", ledger=ledger()),
	),
	History(
		"instead: cancelled after it was sent",
		DIRECT,
		(told(*BOUGHT, done=(DELIVER,)), told(cancelled(9))),
		Books("49", "49", received="49", ledger=SENT, failed=("order.cancelled", "order.cancelled")),
	),
	# --- with Update Stock
	History(
		"instead, with stock: paid",
		WITH_STOCK,
		(told(*TAKEN),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead, with stock: a draft that a person submits",
		STOCK_DRAFT,
		(told(*TAKEN, done=(SUBMIT,)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead, with stock: cash on delivery",
		WITH_STOCK,
		(told(TAKEN[0], COD),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"instead, with stock: a piece came back",
		WITH_STOCK,
		(told(*TAKEN), told(refund("r1", back("l1", 1, restock=True)))),
		RETURNED,
	),
	History(
		"instead, with stock: a piece is kept",
		WITH_STOCK,
		(told(*TAKEN), told(refund("r1", back("l1", 1)))),
		KEPT,
	),
	History(
		"instead, with stock: cancelled",
		WITH_STOCK,
		(told(*TAKEN), told(cancelled(9))),
		Books("49", "0", credited="49", received="49", ledger=ledger("-49", "49")),
	),
	History(
		"instead, with stock: cancelled, and all came back",
		WITH_STOCK,
		(told(*TAKEN), told(cancelled(9), refund("r1", *BACK, shipping="5.00"))),
		Books("49", "0", credited="49", received="49", back="49", ledger=ledger()),
	),
	History(
		"instead, with stock: cancelled after a piece was given back that is kept",
		WITH_STOCK,
		(told(*TAKEN), told(refund("r1", back("l1", 1), minute=8)), told(cancelled(9))),
		Books("49", "0", credited="49", received="49", back="11", ledger=ledger("-38", "38", stock="-1")),
	),
	History(
		"instead, with stock: cancelled, and no credit notes are made",
		WITH_STOCK,
		(told(*TAKEN), told(cancelled(9))),
		Books("49", "49", received="49", ledger=SENT, failed=("order.cancelled", "order.cancelled")),
		{"refunds": RefundPolicy(credit_notes=False)},
	),
	# --- more than five events
	History(
		"instead: all at once, in a draft",
		DIRECT_DRAFT,
		(
			told(
				order(),
				MORE,
				paid(status="authorised"),
				paid(minute=3),
				paid("p2", "11.00", 4),
				done=(SUBMIT, Done("deliver", {"l1": 2, "l2": 2})),
			),
			told(refund("r1", back("l1", 1)), refund("r2", adjustment="1.00", minute=11)),
		),
		Books(
			"60", "48", credited="12", received="60", back="12", ledger=ledger("0", "48", "-44", "-4", "-4")
		),
	),
	History(
		"instead, with stock: all at once",
		WITH_STOCK,
		(
			told(
				TAKEN[0],
				paid(amount="29.00", status="authorised"),
				paid(amount="29.00", minute=3),
				paid("g1", "20.00", gateway="gift_card"),
				refund("r1", back("l1", 1, restock=True)),
				refund("r2", shipping="5.00", minute=11),
			),
		),
		# Of what is told before the order, it is made less; the rest is credited.
		Books(
			None,
			"33",
			credited=None,
			received="49",
			back="16",
			ledger=ledger("0", "13", "-30", "-3", "-3", gift_cards="20"),
		),
	),
)
