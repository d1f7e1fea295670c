"""Reports in the shape in which public tools keep real ones: names, quotes, marks, days and order of columns are as found
there (see the comments of the presets); what stands in them is made up.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Payout
from commerce_bridge.bridge.payout_csv import Imported, read
from commerce_bridge.bridge.payout_presets import preset_of


def imported(text: str, key: str, encoding: str = "utf-8") -> Imported:
	return read(text.encode(encoding), preset_of(key), "gateway")


def kinds(payout: Payout) -> list[tuple[str, str, str, str | None]]:
	return [(row.kind, f"{row.gross}", f"{row.fee}", row.reference) for row in payout.rows]


# --- Stripe ----------------------------------------------------------------------------------------------

#: The default columns, without the ids of charges; days in the zone of the account.
STRIPE_DEFAULT = """"automatic_payout_id","automatic_payout_effective_at","balance_transaction_id","created","available_on","currency","gross","fee","net","reporting_category","description","customer_email","order_id"
"po_A1","2026-10-12 02:00:00","txn_A1","2026-10-05 18:19:20","2026-10-12 02:00:00","chf","82.50","3.77","78.73","charge","Café, Bern","a@example.com",
"po_A1","2026-10-12 02:00:00","txn_A2","2026-10-06 09:01:02","2026-10-12 02:00:00","chf","-4.10","0.00","-4.10","risk_reserved_funds","Reserved Funds",,
,,"txn_A3","2026-10-11 09:01:02","2026-10-18 02:00:00","chf","20.00","0.88","19.12","charge",,,
"""

#: Amounts without decimals, currencies in capital letters, columns of metadata between.
STRIPE_CHOSEN = """balance_transaction_id,payment_metadata[order],source_id,payment_intent_id,charge_id,created,automatic_payout_effective_at,currency,gross,fee,net,reporting_category,description,automatic_payout_id
txn_B1,1001,ch_B1,pi_B1,ch_B1,2026-10-01 10:11:12,2026-10-03 00:00:00,USD,25,0.95,24.05,charge,,po_B1
txn_B2,,re_B2,pi_B0,ch_B0,2026-10-01 12:30:00,2026-10-03 00:00:00,USD,-10,0,-10,refund,,po_B1
txn_B3,,,,,2026-10-01 12:30:00,2026-10-03 00:00:00,USD,-0.5,0,-0.5,fee,Radar (2026-09-30): Standard,po_B1
txn_B4,,po_B1,,,2026-10-02 00:00:00,2026-10-03 00:00:00,USD,-13.55,0,-13.55,payout,STRIPE PAYOUT,po_B1
"""

#: As the dashboard exports all activity to a browser with decimal commas, the newest first.
STRIPE_BALANCE = """id,Type,Source,Amount,Fee,Destination Platform Fee,Destination Platform Fee Currency,Net,Currency,Created (UTC),Available On (UTC),Description,Customer Facing Amount,Customer Facing Currency,Transfer,Transfer Date (UTC),Transfer Group,order (metadata)
txn_C7,payout,po_C2,"-30,00","0,45",,,"-30,45",eur,2026-10-08 23:10,2026-10-08 23:10,Instant,,,po_C1,2026-10-09 00:00,,
txn_C6,payout,po_C1,"-43,98","0,00",,,"-43,98",eur,2026-10-08 02:14,2026-10-09 00:00,STRIPE PAYOUT,,,po_C1,2026-10-09 00:00,,
txn_C5,reserved_funds,,"-5,00","0,00",,,"-5,00",eur,2026-10-05 07:48,2026-10-09 00:00,Reserved Funds,,,po_C1,2026-10-09 00:00,,
txn_C4,adjustment,ch_C0,"-20,00","15,00",,,"-35,00",eur,2026-10-04 19:29,2026-10-04 19:29,Chargeback withdrawal for ch_C0,,,po_C1,2026-10-09 00:00,,
txn_C3,refund,re_C3,"-10,00","-0,30",,,"-9,70",eur,2026-10-03 15:34,2026-10-03 15:34,REFUND FOR CHARGE,"-10,00",eur,po_C1,2026-10-09 00:00,,
txn_C2,payment,py_C2,"25,60","0,99",,,"24,61",eur,2026-10-02 05:12,2026-10-09 00:00,,"25,60",eur,po_C1,2026-10-09 00:00,,1002
txn_C1,charge,ch_C1,"104,20","4,68",,,"99,52",eur,2026-10-01 07:48,2026-10-09 00:00,,"104,20",eur,po_C1,2026-10-09 00:00,,1001
txn_C0,charge,ch_C9,"9,00","0,50",,,"8,50",eur,2026-10-09 07:48,2026-10-16 00:00,,"9,00",eur,,,,
"""


def test_stripe_with_the_columns_it_offers_first() -> None:
	found = imported(STRIPE_DEFAULT, "stripe")
	[payout] = found.payouts
	assert (payout.id, payout.currency, payout.net, found.left_out) == ("po_A1", "CHF", Decimal("74.63"), 1)
	assert kinds(payout) == [("payment", "82.50", "3.77", None), ("reserve", "-4.10", "0", None)]


def test_stripe_with_columns_that_were_chosen() -> None:
	[payout] = imported(STRIPE_CHOSEN, "stripe").payouts
	assert (payout.paid_on, payout.net) == (date(2026, 10, 3), Decimal("13.55"))
	assert kinds(payout) == [
		("payment", "25.0", "0.95", "ch_B1"),
		("refund", "-10.0", "0", "re_B2"),
		("fee", "-0.5", "0", None),
	]


def test_stripe_all_activity() -> None:
	found = imported(STRIPE_BALANCE, "stripe_balance")
	[payout] = found.payouts
	assert (payout.id, payout.net, payout.paid_on, found.left_out) == (
		"po_C1",
		Decimal("43.98"),
		date(2026, 10, 9),
		1,
	)
	assert kinds(payout) == [
		("adjustment", "-30.00", "0.45", "po_C2"),  # an instant payout, on its own way to the bank
		("reserve", "-5.00", "0", None),
		("dispute", "-20.00", "15.00", "ch_C0"),
		("refund", "-10.00", "-0.30", "re_C3"),
		("payment", "25.60", "0.99", "py_C2"),
		("payment", "104.20", "4.68", "ch_C1"),
	]
	assert sum(row.net for row in payout.rows) == payout.net


def test_stripe_that_takes_money_back_from_the_bank() -> None:
	taken = (
		STRIPE_BALANCE.splitlines()[0]
		+ '\ntxn_D1,payout,po_D1,"35,00","0,00",,,"35,00",eur,2026-10-08 02:14,,TAKEN,,,po_D1,2026-10-09 00:00,,\n'
	)
	assert imported(taken, "stripe_balance").payouts[0].net == Decimal("-35.00")


# --- PayPal ----------------------------------------------------------------------------------------------

#: Numbers and days without quotes, a section only, more columns than documented at first.
PAYPAL_SECTION = """"SH","2026/10/06 00:00:00 -0800","2026/10/06 23:59:59 -0800","MERCHANT"
"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type","Transaction Event Code","Transaction Initiation Date","Transaction Completion Date",Transaction Debit or Credit,"Gross Transaction Amount","Gross Transaction Currency","Fee Debit or Credit","Fee Amount","Fee Currency","Custom Field","Consumer ID","Payment Tracking ID",Store ID,"Bank Reference ID","Credit Transactional Fee","Credit Promotional Fee","Credit Term"
"SB",E1,1001.1,E0,"TXN","T0003",2026/10/06 00:00:30 -0800,2026/10/06 00:00:30 -0800,"CR",5200,"GBP","DR",225,"GBP","",BUYER,"","","",,,
"SB",E2,1000.1,E9,"TXN",T1107,2026/10/06 23:31:39 -0800,2026/10/06 23:31:39 -0800,DR,134,"GBP",CR,47,"GBP","",BUYER,"","","",,,
"SB",E3,,E8,"TXN",T0106,2026/10/06 23:40:00 -0800,2026/10/06 23:40:00 -0800,DR,1400,"GBP",,,"","",,"","","",,,
"SF","GBP",5200,1534,47,225,"CR",547,"CR",5530,"CR",5530,"CR",5530,"CR",0,"CR",0,3
"RF","GBP",5200,1534,47,225,"CR",547,"CR",5530,"CR",5530,"CR",5530,"CR",0,"CR",0,3
"""

GERMAN = (
	("Transaction ID", "Transaktionscode"),
	("Invoice ID", "Rechnungsnummer"),
	("PayPal Reference ID Type", "PayPal-Referenznummer Typ"),
	("PayPal Reference ID", "PayPal-Referenznummer"),
	("Transaction Event Code", "Transaktionsereigniscode"),
	("Transaction Initiation Date", "Transaktionseinleitungsdatum"),
	("Transaction Completion Date", "Transaktionsabschlussdatum"),
	("Transaction Debit or Credit", "Transaktion  Gutschrift oder Belastung"),
	("Gross Transaction Amount", "Bruttotransaktionsbetrag"),
	("Gross Transaction Currency", "Währung der Transaktion"),
	("Fee Debit or Credit", "Gebühr Soll oder Haben"),
	("Fee Amount", "Gebührenbetrag"),
	("Fee Currency", "Währung der Gebühr"),
)
SPANISH = (
	("Transaction ID", "Identificación de transacción"),
	("Invoice ID", "Identificación de la factura"),
	("PayPal Reference ID Type", "Tipo de Identificación de referencia PayPal"),
	("PayPal Reference ID", "Identificación de referencia de PayPal"),
	("Transaction Event Code", "Código de evento de la transacción"),
	("Transaction Initiation Date", "Fecha de inicio de la transacción"),
	("Transaction Completion Date", "Fecha de finalización de la transacción"),
	("Transaction Debit or Credit", "Transacción con tarjeta de débito o crédito"),
	("Gross Transaction Amount", "Importe bruto de la transacción"),
	("Gross Transaction Currency", "Divisa de la transacción bruta"),
	("Fee Debit or Credit", "Comisión de la tarjeta de débito o crédito"),
	("Fee Amount", "Importe de la comisión"),
	("Fee Currency", "Divisa de comisión"),
)
OLD = tuple((name, name.replace(" ", "").replace("or", "Or")) for name, _german in GERMAN)

ACTIVITY = """\ufeff"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address","To Email Address","Transaction ID","Reference Txn ID","Invoice Number","Balance","Transaction Event Code","Bank Reference ID","Balance Impact"
"10/06/2026","06:53:17","PDT","A Buyer","Express Checkout Payment","Completed","USD","1,234.00","-36.28","1,197.72","a@example.com","shop@example.com","F1","","1001","1,197.72","T0006","","Credit"
"10/06/2026","07:00:00","PDT","A Buyer","Authorization","Completed","USD","50.00","0.00","50.00","a@example.com","shop@example.com","F2","","1002","1,197.72","T1300","","Memo"
"10/07/2026","08:31:51","PDT","A Buyer","Payment Refund","Completed","USD","-34.00","1.00","-33.00","shop@example.com","a@example.com","F3","F1","1001","1,164.72","T1107","","Debit"
"10/07/2026","09:00:00","PDT","A Buyer","Payment Hold","Completed","USD","-64.72","0.00","-64.72","shop@example.com","","F4","F1","1001","1,100.00","T1110","","Debit"
"10/13/2026","09:00:00","PDT","","General Withdrawal","Completed","USD","-1,000.00","0.00","-1,000.00","shop@example.com","","F5","","","100.00","T0400","BANK-9","Debit"
"""

ACTIVITY_GERMAN = """\ufeff"Datum","Uhrzeit","Zeitzone","Name","Typ","Status","Währung","Brutto","Gebühr","Netto","Absender E-Mail-Adresse","Empfänger E-Mail-Adresse","Transaktionscode","Zugehöriger Transaktionscode","Rechnungsnummer","Guthaben","Transaktionsereigniscode","Auswirkung auf Guthaben"
"05.10.2026","14:32:15","CEST","Käufer","Express-Checkout-Zahlung","Abgeschlossen","EUR","1.250,00","-31,48","1.218,52","k@example.com","laden@example.com","G1","","1001","1.218,52","T0006","Haben"
"07.10.2026","09:15:42","CEST","","Allgemeine Abbuchung","Abgeschlossen","EUR","-1.218,52","0,00","-1.218,52","laden@example.com","","G2","","","0,00","T0400","Soll"
"""

ACTIVITY_ITALIAN = """"Data","Orario","Fuso orario","Nome","Tipo","Stato","Valuta","Lordo","Tariffa","Netto","Codice transazione","Codice transazione di riferimento","N° ordine commerciante","Saldo","Codice evento transazione","Codice di riferimento bancario","Impatto sul saldo"
"04/01/2026","11:40:17","CET","Cliente","Pagamento","Completata","EUR","20,00","-0,97","19,03","H1","","1001","19,03","T0006","","Accredito"
"20/01/2026","20:25:26","CET","","Prelievo","Completata","EUR","-19,03","0,00","-19,03","H2","","","0,00","T0400","B-1","Addebito"
"""


def renamed(text: str, names: tuple[tuple[str, str], ...]) -> str:
	header = next(line for line in text.splitlines() if line.startswith('"CH"'))
	turned = header
	for english, other in names:
		turned = turned.replace(english, other)
	return text.replace(header, turned)


@pytest.mark.parametrize(
	("names", "encoding"), [((), "utf-8-sig"), (GERMAN, "utf-8"), (SPANISH, "utf-8-sig"), (OLD, "utf-16")]
)
def test_paypal_settlement_in_the_language_of_the_account(names, encoding: str) -> None:
	[payout] = imported(renamed(PAYPAL_SECTION, names), "paypal", encoding).payouts
	assert (payout.id, payout.net) == ("2026-10-06 GBP", Decimal(0))
	assert kinds(payout) == [
		("payment", "52.00", "2.25", "E1"),
		("refund", "-1.34", "-0.47", "E2"),
		("fee", "-14.00", "0", "E3"),
		("reserve", "-34.88", "0", None),
	]
	assert [row.order_number for row in payout.rows] == ["1001.1", "1000.1", None, None]


def test_paypal_activity() -> None:
	found = imported(ACTIVITY, "paypal_activity")
	[payout] = found.payouts
	assert (payout.id, payout.net, payout.reference, payout.paid_on, found.left_out) == (
		"F5",
		Decimal("1000.00"),
		"BANK-9",
		date(2026, 10, 13),
		1,
	)
	assert kinds(payout) == [
		("payment", "1234.00", "36.28", "F1"),
		("refund", "-34.00", "-1.00", "F3"),
		("reserve", "-64.72", "0", "F4"),
		("reserve", "-100.00", "0", None),
	]


@pytest.mark.parametrize(
	("text", "paid_on", "payment"),
	[
		(ACTIVITY_GERMAN, date(2026, 10, 7), ("payment", "1250.00", "31.48", "G1")),
		(ACTIVITY_ITALIAN, date(2026, 1, 20), ("payment", "20.00", "0.97", "H1")),
	],
)
def test_paypal_activity_in_the_language_of_the_account(text: str, paid_on: date, payment) -> None:
	[payout] = imported(text, "paypal_activity").payouts
	assert (payout.paid_on, kinds(payout)) == (paid_on, [payment])
	assert payout.net == payout.rows[0].net


def test_paypal_activity_the_newest_first() -> None:
	"""What moved before a withdrawal is of it, and nothing that moved after it."""
	header, *rows = ACTIVITY.strip().splitlines()
	early = rows[-1].replace("10/13", "10/06").replace("F5", "F0").replace("1,000.00", "200.00")
	oldest_first, newest_first = [header, rows[0], early, *rows[2:]], [header, *rows[:1:-1], early, rows[0]]
	expected = [("F0", {"F1 T0006", "F0 balance"}), ("F5", {"F3 T1107", "F4 T1110", "F5 balance"})]
	for turned in (oldest_first, newest_first):
		found = imported("\n".join(turned), "paypal_activity").payouts
		assert [(payout.id, {row.id for row in payout.rows}) for payout in found] == expected


def test_paypal_activity_whose_days_may_be_months() -> None:
	early = ACTIVITY.replace("10/13/2026", "10/08/2026")
	with pytest.raises(Rejected, match='Row 2, column "Date": "10/06/2026" is not a day'):
		imported(early, "paypal_activity")
	with pytest.raises(Rejected, match='"13/10/2026" does not go with "10/13/2026" in row 6'):
		imported(
			ACTIVITY + ACTIVITY.splitlines()[-1].replace("10/13", "13/10").replace("F5", "F6"),
			"paypal_activity",
		)


def test_paypal_activity_that_does_not_add_up() -> None:
	with pytest.raises(
		Rejected, match=r'Row 2, column "Net": is 1198.72 USD, but gross less fees is 1197.72'
	):
		imported(ACTIVITY.replace("1,197.72", "1,198.72", 1), "paypal_activity")


# --- Razorpay, Paytm, Authorize.net ----------------------------------------------------------------------

RAZORPAY_HEADER = (
	"transaction_entity,entity_id,amount,currency,fee (exclusive tax),tax,debit,credit,payment_method,card_type,"
	"issuer_name,entity_created_at,payment_captured_at,payment_notes,refund_notes,arn,entity_description,order_id,"
	"order_receipt,order_notes,dispute_id,dispute_created_at,dispute_reason,settlement_id,settled_at,settlement_utr,settled_by"
)
RAZORPAY = f"""{RAZORPAY_HEADER}
payment,pay_K1,1180.5,INR,23.61,4.25,0.0,1152.64,card,credit,HDFC,{{first}},{{first}},"{{{{""shopify_order_id"":""#1001""}}}}",,,,order_K1,#1001,,,,,setl_K1,{{second}},UTRK1,Razorpay
refund,rfnd_K2,100.0,INR,0.0,0.0,100.0,0.0,upi,,,{{first}},,,"{{{{}}}}",ARN2,,order_K0,#1000,,,,,setl_K1,{{second}},UTRK1,Razorpay
"""

PAYTM = """Transaction ID,Order ID,Transaction Date,Updated Date,Transaction Type,Status,Amount,Commission,GST,Settled Amount,Settled Date,UTR No.,Split Flag,Payment Mode
L1,1001,2026-10-05 11:14:13,2026-10-05 11:14:15,ACQUIRING,SUCCESS,"1,180.00",23.60,4.25,"1,152.15",2026-10-06 09:00:00,UTRL1,NO,CC
L2,1000,2026-10-05 12:00:00,2026-10-05 12:00:01,REFUND,SUCCESS,80.00,0.00,0.00,80.00,2026-10-06 09:00:00,UTRL1,NO,UPI
L3,0999,2026-10-05 13:00:00,2026-10-05 13:00:01,CHARGEBACK,SUCCESS,20.00,0.00,0.00,20.00,2026-10-06 09:00:00,UTRL1,NO,CC
"""

AUTHORIZE = """Transaction ID,Transaction Status,Settlement Amount,Settlement Currency,Settlement Date/Time,Authorization Amount,Authorization Currency,Submit Date/Time,Authorization Code,Reference Transaction ID,Transaction Type,Address Verification Status,Card Code Status,Fraud Screen Applied,Recurring Billing Transaction,Partial Capture Status,Card Number,Expiration Date,Bank Account Number,Routing Number,Total Amount,Currency,Invoice Number
40001,Settled Successfully,50.00,USD,21-Aug-2026 03:26:12 PM MDT,50.00,USD,20-Aug-2026 11:02:03 AM MDT,Q78U78,Not Applicable,Authorization w/ Auto Capture,P - AVS Not Applicable,,,N,,XXXX1111,XXXX,,,50.00,USD,1202
40002,Settled Successfully,12.50,USD,21-Aug-2026 03:26:12 PM MDT,12.50,USD,20-Aug-2026 11:02:03 AM MDT,,39000,Credit,,,,N,,XXXX1111,XXXX,,,12.50,USD,1190
40003,Refund Settled Successfully,2.50,USD,21-Aug-2026 03:26:12 PM MDT,2.50,USD,20-Aug-2026 11:02:03 AM MDT,,39001,Credit,,,,N,,XXXX1111,XXXX,,,2.50,USD,1191
40004,Declined,0.00,USD,,9.00,USD,20-Aug-2026 11:02:03 AM MDT,,Not Applicable,Authorization Only,,,,N,,XXXX1111,XXXX,,,9.00,USD,1203
"""


@pytest.mark.parametrize(
	("first", "second"),
	[("2026-10-05T13:33:57", "2026-10-07T13:33:57"), ("05/10/2026 13:33:57", "07/10/2026 13:33:57")],
)
def test_razorpay_all_columns(first: str, second: str) -> None:
	[payout] = imported(RAZORPAY.format(first=first, second=second), "razorpay").payouts
	assert (payout.id, payout.reference, payout.paid_on, payout.net) == (
		"setl_K1",
		"UTRK1",
		date(2026, 10, 7),
		Decimal("1052.64"),
	)
	assert kinds(payout) == [("payment", "1180.5", "23.61", "pay_K1"), ("refund", "-100.0", "0", "rfnd_K2")]
	assert (payout.rows[0].fee_tax, payout.rows[0].order_number) == (Decimal("4.25"), "#1001")


def test_paytm_says_the_direction_by_the_type_alone() -> None:
	[payout] = imported(PAYTM, "paytm").payouts
	assert (payout.id, payout.net, payout.paid_on) == ("UTRL1", Decimal("1052.15"), date(2026, 10, 6))
	assert kinds(payout) == [
		("payment", "1180.00", "23.60", "L1"),
		("refund", "-80.00", "0", "L2"),
		("dispute", "-20.00", "0", "L3"),
	]


def test_authorize_net_refunds_of_both_statuses() -> None:
	found = imported(AUTHORIZE, "authorize_net")
	[payout] = found.payouts
	assert (payout.id, payout.net, found.left_out) == ("2026-08-21 USD", Decimal("35.00"), 1)
	assert [row.kind for row in payout.rows] == ["payment", "refund", "refund"]
