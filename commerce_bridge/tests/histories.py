"""Hand-made order histories: what a shop tells, what people do in between, and what the books say in the end.

Plain data, for the sandbox and a site alike; `history_suite` plays them. The events of a phase arrive in any order, each
twice; what people do after it is done once it came to rest. Unless a history says otherwise its order is of two lines,
2 × 10.00 each, with 10 % of tax on top, and 5.00 of shipping without: 49.00.
"""

from __future__ import annotations

from decimal import Decimal

from commerce_bridge.tests.history_events import (
	ALL,
	BACK,
	BOUGHT,
	DELIVER,
	DELIVERED,
	DRAFTS,
	NEVER,
	PAID,
	SENT,
	SOLD,
	TAX_OF_ONE,
	TAX_OF_TWO,
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

#: A piece was given back of what was billed: it is kept, or it came back, or was never sent.
KEPT, RETURNED = (
	Books("49", "38", credited="11", received="49", back="11", ledger=ledger("0", "38", "-35", "-3", stock))
	for stock in ("-4", "-3")
)

HISTORIES = (
	# --- money that comes in
	History("paid", PAID, (told(*BOUGHT),), Books("49", "49", received="49", ledger=SOLD)),
	History(
		"authorised, then captured",
		PAID,
		(told(order(), paid(status="authorised"), paid(minute=3)),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"authorised, then voided",
		PAID,
		(told(order(), paid(status="authorised"), paid(minute=3, status="voided")),),
		Books("49", ledger=ledger()),
	),
	History(
		"booked when authorised, then voided",
		NEVER,
		(
			told(
				order(),
				paid(status="authorised", gateway="now"),
				paid(minute=3, status="voided", gateway="now"),
			),
		),
		Books("49", ledger=ledger()),
	),
	History(
		"one card fails, another does not",
		PAID,
		(told(order(), paid(status="failed"), paid("p2", minute=3)),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"states of one moment",
		PAID,
		(told(order(), paid(status="pending"), paid(status="authorised"), paid()),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"in two parts",
		PAID,
		(told(order(), paid(amount="20.00"), paid("p2", "29.00", 3)),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"in part",
		PAID,
		(told(order(), paid(amount="20.00")),),
		Books("49", received="20", ledger=ledger("-20", "20")),
	),
	History(
		"too much",
		PAID,
		(told(order(), paid(amount="60.00")),),
		Books("49", "49", received="60", ledger=ledger("-11", "60", "-45", "-4")),
	),
	History(
		"with the gateway's fee",
		PAID,
		(told(order(), paid(fee=Decimal("1.50"), fee_tax=Decimal("0.30"))),),
		Books(
			"49", "49", received="49", ledger=SOLD | {"clearing": "47.20", "fees": "1.50", "fee tax": "0.30"}
		),
	),
	History(
		"one transaction, told under two ids",
		PAID,
		(told(order(), paid(reference="same"), paid("p2", minute=3, reference="same")),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	History(
		"a gift card and a card",
		PAID,
		(told(order(), paid("g1", "19.00", gateway="gift_card"), paid(amount="30.00")),),
		Books("49", "49", received="49", ledger=SOLD | {"clearing": "30", "gift cards": "19"}),
	),
	History(
		"nothing to pay",
		PAID,
		(told(order(1, line(1, price="0.00"), shipping="0.00")),),
		Books("0", "0", ledger=ledger()),
	),
	History(
		"a gateway that is not booked",
		PAID,
		(told(order(), paid(gateway="cheque")),),
		Books("49", "49", ledger=ledger("49", income="-45", tax="-4")),
	),
	History(
		"money, and no invoices",
		NEVER,
		(told(*BOUGHT),),
		Books("49", received="49", ledger=ledger("-49", "49")),
	),
	History(
		"an invoice in draft",
		DRAFTS,
		(told(*BOUGHT, done=(Done("submit drafts"),)),),
		Books("49", "49", received="49", ledger=SOLD),
	),
	# --- deliveries
	History(
		"billed with the delivery",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"paid after the delivery",
		DELIVERED,
		(told(order(), done=(DELIVER,)), told(paid())),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"two deliveries, two invoices",
		DELIVERED,
		(told(*BOUGHT, done=(Done("deliver", {"l1": 1}), DELIVER)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"one of two deliveries",
		DELIVERED,
		(told(*BOUGHT, done=(Done("deliver", {"l1": 2}),)),),
		# The tax that no calculation gives is shared by value: shipping, without a tax of its own, has a part of it.
		Books("49", "21.78", received="49", ledger=ledger("-27.22", "49", "-20", "-1.78", "-2")),
	),
	History(
		"cash on delivery",
		DELIVERED,
		(told(order(), paid(status="pending", gateway="cod"), done=(DELIVER,)),),
		Books("49", "49", received="49", ledger=SENT),
	),
	History(
		"cash on delivery, of two deliveries",
		NEVER,
		(told(order(), paid(status="pending", gateway="cod"), done=(Done("deliver", {"l1": 2}), DELIVER)),),
		Books("49", received="49", ledger=ledger("-49", "49", stock="-4")),
	),
	History(
		"cash on delivery that nobody paid",
		DELIVERED,
		(
			told(
				order(),
				paid(status="pending", gateway="cod"),
				paid(minute=3, status="failed", gateway="cod"),
				done=(DELIVER,),
			),
		),
		Books("49", "49", ledger=ledger("49", income="-45", tax="-4", stock="-4")),
	),
	# --- changes of the order
	History(
		"one more, and paid",
		DELIVERED,
		(told(order(), order(3, line(1, 3), line(2)), paid(amount="60.00", minute=4), done=(DELIVER,)),),
		Books("60", "60", received="60", ledger=ledger("0", "60", "-55", "-5", "-5")),
	),
	History(
		"one less, and overpaid",
		DELIVERED,
		(told(order(), paid(), order(3, line(1, 1), line(2)), done=(DELIVER,)),),
		Books("38", "38", received="49", ledger=ledger("-11", "49", "-35", "-3", "-3")),
	),
	# --- given back before it was sent
	History(
		"a piece given back before it was sent",
		DELIVERED,
		(told(*BOUGHT, refund("r1", back("l1", 1)), done=(DELIVER,)),),
		Books("38", "38", received="49", back="11", ledger=ledger("0", "38", "-35", "-3", "-3")),
	),
	History(
		"shipping given back before it was sent",
		DELIVERED,
		(told(*BOUGHT, refund("r1", shipping="5.00"), done=(DELIVER,)),),
		Books("44", "44", received="49", back="5", ledger=ledger("0", "44", "-40", "-4", "-4")),
	),
	History(
		"goodwill before it was sent",
		DELIVERED,
		(told(*BOUGHT, refund("r1", adjustment="4.00"), done=(DELIVER,)),),
		Books("45", "45", received="49", back="4", ledger=ledger("0", "45", "-41", "-4", "-4")),
	),
	History(
		"all given back before it was sent",
		DELIVERED,
		(told(*BOUGHT, refund("r1", *ALL, shipping="5.00")),),
		Books("", received="49", back="49", ledger=ledger()),
	),
	History(
		"two pieces given back one by one",
		DELIVERED,
		(
			told(
				*BOUGHT, refund("r1", back("l1", 1)), refund("r2", back("l1", 1), minute=11), done=(DELIVER,)
			),
		),
		Books("27", "27", received="49", back="22", ledger=ledger("0", "27", "-25", "-2", "-2")),
	),
	History(
		"given back, and then it was not",
		DELIVERED,
		(
			told(
				*BOUGHT,
				refund("r1", back("l1", 1)),
				refund("r1", back("l1", 1), updated=12, cancelled=True),
				done=(DELIVER,),
			),
		),
		Books("49", "49", received="49", ledger=SENT),
	),
	# --- given back after it was billed
	History(
		"a piece given back after it was billed, before it was sent",
		PAID,
		(told(*BOUGHT), told(refund("r1", back("l1", 1)), done=(Done("deliver", {"l1": 1, "l2": 2}),))),
		RETURNED,
	),
	History(
		"all given back after it was billed",
		PAID,
		(told(*BOUGHT), told(refund("r1", *ALL, shipping="5.00"))),
		Books("49", "0", credited="49", received="49", back="49", ledger=ledger()),
	),
	History(
		"paid and given back at once",
		PAID,
		(told(*BOUGHT, refund("r1", *ALL, shipping="5.00")),),
		Books(None, "0", credited=None, received="49", back="49", ledger=ledger()),
	),
	History(
		"given back from a draft invoice",
		DRAFTS,
		(told(*BOUGHT), told(refund("r1", back("l1", 1)), done=(Done("submit drafts"),))),
		Books("38", "38", received="49", back="11", ledger=ledger("0", "38", "-35", "-3")),
	),
	History(
		"a piece came back",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l1", 1, restock=True)))),
		RETURNED,
	),
	History(
		"a piece is kept, and its price given back",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l1", 1)))),
		KEPT,
	),
	History(
		"shipping given back after it was sent",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", shipping="5.00"))),
		Books("49", "44", credited="5", received="49", back="5", ledger=ledger("0", "44", "-40", "-4", "-4")),
	),
	History(
		"goodwill after it was sent",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", adjustment="7.50"))),
		Books(
			"49",
			"41.50",
			credited="7.50",
			received="49",
			back="7.50",
			ledger=ledger("0", "41.50", "-37.50", "-4", "-4"),
		),
	),
	History(
		"a fee is kept for what came back",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(refund("r1", back("l1", 2, restock=True), adjustment="-4.00")),
		),
		Books(
			"49", "31", credited="18", received="49", back="18", ledger=ledger("0", "31", "-29", "-2", "-2")
		),
	),
	History(
		"a part of the price given back",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l2", 0, "3.00")))),
		Books(
			"49",
			"45.70",
			credited="3.30",
			received="49",
			back="3.30",
			ledger=ledger("0", "45.70", "-42", "-3.70", "-4"),
		),
	),
	History(
		"several refunds of one order",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(
				refund("r1", back("l1", 1, restock=True)),
				refund("r2", back("l2", 2), minute=11),
				refund("r3", shipping="5.00", minute=12),
				refund("r4", adjustment="1.00", minute=13),
			),
		),
		Books(
			"49", "10", credited="39", received="49", back="39", ledger=ledger("0", "10", "-9", "-1", "-3")
		),
	),
	History(
		"given back in parts by two ways",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(
				refund(
					"r1",
					back("l1", 1),
					payments=(paid("m1", "6.00", 10), paid("m2", "5.00", 10, gateway="gift_card")),
				)
			),
		),
		Books(
			"49",
			"38",
			credited="11",
			received="49",
			back="11",
			ledger=ledger("0", "43", "-35", "-3", "-4", gift_cards="-5"),
		),
	),
	History(
		"credited, and still owed",
		DELIVERED,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l1", 1), money=None))),
		Books("49", "38", credited="11", received="49", ledger=ledger("-11", "49", "-35", "-3", "-4")),
	),
	History(
		"the money goes back later",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(
				refund("r1", back("l1", 1), payments=(paid("m1", "11.00", 10, "pending"),)),
				refund("r1", back("l1", 1), updated=12, payments=(paid("m1", "11.00", 12),)),
			),
		),
		KEPT,
	),
	History(
		"less to be paid",
		DELIVERED,
		(
			told(order(), done=(DELIVER,)),
			told(refund("r1", back("l1", 1), money=None), paid(amount="38.00", minute=11)),
		),
		Books("49", "38", credited="11", received="38", ledger=ledger("0", "38", "-35", "-3", "-4")),
	),
	History(
		"billed once what is left of it is paid",
		PAID,
		(
			told(order(), done=(DELIVER,)),
			told(refund("r1", back("l1", 1), money=None), paid(amount="38.00", minute=11)),
		),
		Books("49", "38", credited="11", received="38", ledger=ledger("0", "38", "-35", "-3", "-4")),
	),
	History(
		"waits for the invoice that a person makes",
		NEVER,
		(told(*BOUGHT, done=(DELIVER,)), told(refund("r1", back("l1", 1)), done=(Done("bill"),))),
		KEPT,
	),
	History(
		"what is not sent is given back: the rest is billed, and credited",
		DELIVERED,
		(told(*BOUGHT, done=(Done("deliver", {"l1": 2, "l2": 1}),)), told(refund("r1", back("l2", 1)))),
		RETURNED,
	),
	History(
		"one of two that are not sent is given back",
		DELIVERED,
		(
			told(*BOUGHT, done=(Done("deliver", {"l1": 2}),)),
			told(refund("r1", back("l2", 1)), done=(Done("deliver", {"l2": 1}),)),
		),
		RETURNED,
	),
	History(
		"the piece that is not sent is given back, the other lines follow",
		DELIVERED,
		(
			told(*BOUGHT, done=(Done("deliver", {"l1": 1}),)),
			told(refund("r1", back("l1", 1)), done=(Done("deliver", {"l2": 2}),)),
		),
		RETURNED,
	),
	# --- orders that name their refunds
	History(
		"an order that names what was given back, its lines less by it",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(
				order(11, line(1, 1), line(2), refunds=(refund("r1", back("l1", 1)),), refunds_deducted=True)
			),
		),
		KEPT,
	),
	History(
		"an order that names what was given back, its lines as they were",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(order(11, refunds=(refund("r1", back("l1", 1)),)), order(12, status="done")),
		),
		KEPT,
	),
	History(
		"an order that names its money, and what was given back",
		DELIVERED,
		(
			told(
				order(),
				order(11, payments=(paid(),), refunds=(refund("r1", back("l1", 1)),)),
				order(12, payments=(paid(),), refunds=(refund("r1", back("l1", 1)),), status="packed"),
				done=(DELIVER,),
			),
		),
		Books("38", "38", received="49", back="11", ledger=ledger("0", "38", "-35", "-3", "-3")),
	),
	# --- cancelled
	History(
		"cancelled, and given back",
		DELIVERED,
		(told(*BOUGHT, cancelled(9), refund("r1", *ALL, shipping="5.00")),),
		Books("", received="0", back=None, ledger=ledger()),
	),
	History(
		"cancelled after it was billed, and given back",
		PAID,
		(told(*BOUGHT), told(cancelled(9), refund("r1", *ALL, shipping="5.00"))),
		Books("49", "0", credited="49", received="49", back="49", ledger=ledger()),
	),
	History(
		"cancelled after it was billed, not given back",
		PAID,
		(told(*BOUGHT), told(cancelled(9))),
		Books("49", "0", credited="49", received="49", ledger=ledger("-49", "49")),
	),
	History(
		"cancelled after a part of it was given back",
		PAID,
		(told(*BOUGHT, done=()), told(refund("r1", back("l1", 1), minute=8)), told(cancelled(9))),
		Books("49", "0", credited="49", received="49", back="11", ledger=ledger("-38", "38")),
	),
	History(
		"cancelled, given back in two parts",
		PAID,
		(
			told(*BOUGHT),
			told(
				refund("r1", back("l1", 1), minute=8),
				cancelled(9),
				refund("r2", back("l1", 1), back("l2", 2), shipping="5.00"),
			),
		),
		Books("49", "0", credited="49", received="49", back="49", ledger=ledger()),
	),
	History(
		"prices with their tax",
		DELIVERED,
		(
			told(
				order(
					1,
					line(1, 2, "11.00").model_copy(update={"taxes": (TAX_OF_TWO,)}),
					prices_include_tax=True,
					total=Decimal("27.00"),
				),
				paid(amount="27.00"),
				done=(DELIVER,),
			),
			told(
				refund(
					"r1",
					back("l1", 1, "11.00").model_copy(update={"taxes": (TAX_OF_ONE,)}),
					prices_include_tax=True,
				)
			),
		),
		Books(
			"27", "16", credited="11", received="27", back="11", ledger=ledger("0", "16", "-15", "-1", "-2")
		),
	),
	History(
		"all came back: the shop says that the order is cancelled",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(
				order(
					11,
					line(1, 0),
					line(2, 0),
					shipping="0.00",
					cancelled=True,
					refunds=(refund("r1", *BACK, shipping="5.00"),),
					refunds_deducted=True,
				),
			),
		),
		Books("49", "0", credited="49", received="49", back="49", ledger=ledger()),
	),
	History(
		"all of the money went back, with the goods still on the order",
		DELIVERED,
		(
			told(
				order(),
				order(
					11, payments=(paid(),), money_gone="refunded", refunds=(refund("r1", adjustment="49.00"),)
				),
			),
		),
		Books(None, received="0", back=None, ledger=ledger()),
	),
	History(
		"a fee of the refund is kept by the gateway",
		DELIVERED,
		(
			told(*BOUGHT, done=(DELIVER,)),
			told(refund("r1", back("l1", 1), payments=(paid("m1", "11.00", 10, fee=Decimal("0.25")),))),
		),
		Books(
			"49",
			"38",
			credited="11",
			received="49",
			back="11",
			ledger=ledger("0", "37.75", "-35", "-3", "-4", fees="0.25"),
		),
	),
	# --- more than five events
	History(
		"all at once",
		DELIVERED,
		(
			told(
				order(),
				order(3, line(1, 3), line(2)),
				paid(status="authorised"),
				paid(minute=3),
				paid("p2", "11.00", 4),
				refund("r1", back("l1", 1)),
				refund("r2", adjustment="1.00", minute=11),
				done=(DELIVER,),
			),
		),
		Books("48", "48", received="60", back="12", ledger=ledger("0", "48", "-44", "-4", "-4")),
	),
)
