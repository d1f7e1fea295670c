"""The importer of gateways' reports: what it takes, and what it says of what it does not take."""

from __future__ import annotations

import codecs
import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Payout
from commerce_bridge.bridge.payout_csv import Imported, read
from commerce_bridge.bridge.payout_presets import PRESETS, preset_of

HEADER = "payout_id,paid_on,bank_reference,currency,id,kind,gross,fee,fee_tax,net,reference,order_number"
GOOD = """P1,2026-11-20,UTR-1,EUR,b1,payment,100.00,2.00,0.38,97.62,ch_1,#1
P1,2026-11-20,UTR-1,EUR,b2,refund,-10.00,0,0,-10.00,re_1,#1
P2,2026-11-21,UTR-2,EUR,b3,payment,"1,000.00",0,0,"1,000.00",ch_2,#2
"""
GENERIC = f"{HEADER}\n{GOOD}"


def imported(text: str | bytes, key: str = "generic", gateway: str = "gateway") -> Imported:
	content = text if isinstance(text, bytes) else text.encode()
	return read(content, preset_of(key), gateway)


def payouts(text: str | bytes, key: str = "generic") -> tuple[Payout, ...]:
	return imported(text, key).payouts


def refusal(text: str | bytes, key: str = "generic") -> str:
	with pytest.raises(Rejected) as refused:
		imported(text, key)
	return str(refused.value)


def shape(payout: Payout) -> list[tuple[str, str, Decimal, Decimal, Decimal, Decimal, str | None]]:
	return [
		(row.id, row.kind, row.gross, row.fee, row.fee_tax, row.net, row.reference) for row in payout.rows
	]


class TestGeneric:
	def test_one_payout_of_each_id(self) -> None:
		first, second = payouts(GENERIC)
		assert (first.id, first.paid_on, first.reference, first.net) == (
			"P1",
			date(2026, 11, 20),
			"UTR-1",
			Decimal("87.62"),
		)
		assert [row.kind for row in first.rows] == ["payment", "refund"]
		assert (first.gateway, first.currency, second.net) == ("gateway", "EUR", Decimal("1000.00"))

	def test_a_net_that_is_stated_is_kept_though_the_rows_do_not_sum(self) -> None:
		text = GENERIC.replace("id,kind", "payout_net,id,kind", 1).replace(",EUR,", ",EUR,90.00,")
		assert payouts(text)[0].net == Decimal("90.00")
		assert "comes to" in refusal(text.replace("90.00,b2", "91.00,b2"))

	@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
	@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
	def test_any_delimiter_and_encoding(self, delimiter: str, encoding: str) -> None:
		assert payouts(parted(GENERIC, delimiter).encode(encoding)) == payouts(GENERIC)

	def test_a_byte_order_mark_of_the_other_order(self) -> None:
		assert payouts(codecs.BOM_UTF16_BE + GENERIC.encode("utf-16-be")) == payouts(GENERIC)

	@pytest.mark.parametrize("end", ["\r\n", "\r", "\n\n"])
	def test_any_line_end_and_a_title_above_the_header(self, end: str) -> None:
		assert payouts(("Report of November\n" + GENERIC).replace("\n", end)) == payouts(GENERIC)

	def test_header_in_any_case_order_and_punctuation(self) -> None:
		rows = list(csv.reader(io.StringIO(GENERIC)))
		turned = [list(reversed(row)) for row in rows]
		turned[0] = [name.upper().replace("_", " ") for name in turned[0]]
		assert payouts(joined(turned, ",")) == payouts(GENERIC)

	def test_decimal_commas(self) -> None:
		points = [
			row if row[0] == "payout_id" else [_turned(cell) for cell in row] for row in rows_of(GENERIC)
		]
		assert payouts(joined(points, ";")) == payouts(GENERIC)

	def test_smallest_units_below_zero(self) -> None:
		rows = (
			"P1,2026-11-20,U,JPY,b1,refund,-500,0,0,-500,,\nP2,2026-11-20,U,USD,b1,refund,-500,12,3,-515,,\n"
		)
		yen, dollars = payouts(f"{HEADER}\n{rows}", "generic_minor")
		assert (yen.net, dollars.net, dollars.rows[0].fee) == (
			Decimal(-500),
			Decimal("-5.15"),
			Decimal("0.12"),
		)

	def test_the_example_of_the_documentation(self) -> None:
		document = (Path(__file__).parents[2] / "docs" / "payouts.md").read_text()
		[payout] = payouts(document.split("```csv\n")[1].split("```")[0])
		assert (payout.id, payout.net, len(payout.rows)) == ("P-1", Decimal("87.62"), 2)
		columns = {name for name in PRESETS["generic"].columns if f"`{name}`" in document}
		assert columns == set(PRESETS["generic"].columns)


class TestRefused:
	@pytest.mark.parametrize(
		("old", "new", "row", "column"),
		[
			("100.00", "1oo", 2, "gross"),
			("97.62", "", 2, "net"),
			("97.62", "97.63", 2, "net"),
			("100.00,2.00", "100.00,2.005", 2, "fee"),
			("b2,refund", "b2,rebate", 3, "kind"),
			("b3,payment", ",payment", 4, "id"),
			("2026-11-21", "21/11/2026", 4, "paid_on"),
			("EUR,b3", "EURO,b3", 4, "currency"),
			("EUR,b3", ",b3", 4, "currency"),
			("ch_2", "c" * 141, 4, "reference"),
			("-10.00,0,0,-10.00", '"-10,00",0,0,"-10,00"', 3, "gross"),
		],
	)
	def test_a_bad_cell_names_row_and_column(self, old: str, new: str, row: int, column: str) -> None:
		message = refusal(GENERIC.replace(old, new, 1))
		assert f'Row {row}, column "{column}"' in message

	def test_a_row_with_other_numbers_than_its_sum_names_both(self) -> None:
		message = refusal(GENERIC.replace("97.62", "97.60", 1))
		assert "97.60 EUR" in message
		assert "97.62 EUR" in message

	def test_smallest_units_with_a_mark(self) -> None:
		message = refusal(GENERIC, "generic_minor")
		assert 'Row 2, column "gross": "100.00" is not a whole number' in message

	def test_two_decimal_marks_in_one_file_name_both_places(self) -> None:
		message = refusal(GENERIC.replace('"1,000.00"', '"1.000,00"', 1))
		assert 'Row 4, column "gross": "1.000,00"' in message
		assert '"100.00" in row 2, column "gross"' in message

	def test_the_same_row_twice(self) -> None:
		assert refusal(GENERIC.replace("b2", "b1")) == "Row 3: b1 is in row 2 already"

	def test_one_payout_in_two_currencies(self) -> None:
		assert "Row 3: payout P1 is in EUR (row 2) and in USD" in refusal(GENERIC.replace("EUR,b2", "USD,b2"))

	def test_more_cells_than_the_header(self) -> None:
		assert (
			refusal(GENERIC.replace('"1,000.00"', "1,000.00", 1)) == "Row 4: has 13 cells, the header has 12"
		)

	def test_another_report(self) -> None:
		message = refusal(GENERIC, "stripe")
		assert "Stripe" in message
		assert '"automatic_payout_id"' in message
		assert "payout_id, paid_on" in message

	def test_a_delimiter_that_is_none(self) -> None:
		message = refusal(GENERIC.replace(",", "~"))
		assert '"payout_id"' in message
		assert "payout_id~paid_on" in message

	def test_a_quote_that_is_never_closed(self) -> None:
		assert refusal(GENERIC.replace("ch_1", '"ch_1')).startswith("Row 2: ")

	@pytest.mark.parametrize(
		("content", "says"),
		[
			(b"", "column"),
			(b"PK\x03\x04rest", "CSV"),
			(b"\x81\x8d\x8f", "download it again"),
			(HEADER.encode(), "no row of a payout"),
			(b"x" * 20_000_001, "larger than"),
			(GENERIC.replace("ch_1", "ch\0").encode(), "download it again"),
		],
	)
	def test_what_is_no_report(self, content: bytes, says: str) -> None:
		assert says in refusal(content)

	def test_a_preset_that_is_not_there(self) -> None:
		with pytest.raises(Rejected, match="generic"):
			preset_of("nobody")


STRIPE = """automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,description
po_1,2026-11-20 00:00:00,txn_1,2026-11-18 10:11:12,eur,100.00,3.20,96.80,charge,ch_1,ch_1,Order 1
po_1,2026-11-20 00:00:00,txn_2,2026-11-18 10:11:12,eur,-20.00,0.00,-20.00,refund,re_1,ch_0,Refund
po_1,2026-11-20 00:00:00,txn_3,2026-11-18 10:11:12,eur,-50.00,15.00,-65.00,dispute,dp_1,ch_9,
po_1,2026-11-20 00:00:00,txn_4,2026-11-18 10:11:12,eur,-1.50,0.00,-1.50,fee,,,Radar
,,txn_5,2026-11-18 10:11:12,eur,9.00,0.00,9.00,charge,ch_5,ch_5,
po_1,2026-11-20 00:00:00,txn_6,2026-11-18 10:11:12,eur,3.00,0.00,3.00,new_thing,,,
"""

PAYPAL = """"RH","2026/11/21 04:00:00 -0800","A","MERCHANT","009"
"FH","01"
"SH","2026/11/20 00:00:00 -0800","2026/11/20 23:59:59 -0800","MERCHANT",""
"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type","Transaction Event Code","Transaction Initiation Date","Transaction Completion Date","Transaction  Debit or Credit","Gross Transaction Amount","Gross Transaction Currency","Fee Debit or Credit","Fee Amount","Fee Currency","Custom Field","Consumer ID","Payment Tracking ID","Store ID","Bank Reference ID"
"SB","PAY1","1001","","","T0006","2026/11/20 01:00:00 -0800","2026/11/20 01:00:00 -0800","CR","10000","USD","DR","320","USD","","","","",""
"SB","REF1","1000","PAY0","TXN","T1107","2026/11/20 02:00:00 -0800","2026/11/20 02:00:00 -0800","DR","2000","USD","CR","58","USD","","","","",""
"SB","WD1","","","","T0400","2026/11/20 03:00:00 -0800","2026/11/20 03:00:00 -0800","DR","7000","USD","","","","","","","","BANK-1"
"SB","HOLD1","","PAY1","TXN","T1110","2026/11/20 04:00:00 -0800","2026/11/20 04:00:00 -0800","DR","100","USD","","","","","","","",""
"SB","YEN1","2001","","","T0006","2026/11/20 05:00:00 -0800","2026/11/20 05:00:00 -0800","CR","500","JPY","DR","20","JPY","","","","",""
"SF","USD","10000","9100","58","320"
"SC","5"
"RF","USD","10000","9100"
"RC","5"
"FF","13"
"""

RAZORPAY = """transaction_entity,entity_id,amount,currency,fee (exclusive tax),tax,debit,credit,payment_method,entity_created_at,entity_description,order_id,order_receipt,dispute_id,settlement_id,settled_at,settlement_utr,settled_by
payment,pay_1,1000.00,INR,20.00,3.60,0.00,976.40,card,18/11/2026 10:11:12,,order_1,#1,,setl_1,20/11/2026 12:00:00,UTR1,Razorpay
refund,rfnd_1,100.00,INR,0.00,0.00,100.00,0.00,card,18/11/2026 10:11:12,,order_0,#0,,setl_1,20/11/2026 12:00:00,UTR1,Razorpay
adjustment,adj_1,50.00,INR,0.00,0.00,50.00,0.00,,18/11/2026 10:11:12,lost,,,disp_1,setl_1,20/11/2026 12:00:00,UTR1,Razorpay
payment,pay_2,10.00,INR,0.20,0.04,0.00,9.76,upi,18/11/2026 10:11:12,,order_2,#2,,,,,
"""

RAZORPAY_API = """entity_id,type,debit,credit,amount,currency,fee,tax,created_at,settled_at,settlement_id,settlement_utr,order_receipt
pay_DEXrnipqTmWVGE,payment,0,97100,100000,INR,2900,442,1567692556,1568176960,setl_DGlQ1Rj8os78Ec,1568176960vxp0rj,
rfnd_DGRcGzZSLyEdg1,refund,242500,0,242500,INR,0,0,1568107224,1568176960,setl_DGlQ1Rj8os78Ec,1568176960vxp0rj,
"""

PAYTM = """Settlement Report
Transaction_ID,Order_ID,Transaction_Date,Transaction_Type,Status,Amount,Commission,GST,UTR_No,Payout_Date,Settled_Amount
'T1','O1',18-11-2026 10:11:12,ACQUIRING,SUCCESS,500.00,10.00,1.80,UTR9,20-11-2026,488.20
'T2','O0',18-11-2026 10:11:12,REFUND,SUCCESS,100.00,0,0,UTR9,20-11-2026,100.00
'T3','O3',18-11-2026 10:11:12,ACQUIRING,PENDING,5.00,0,0,,20-11-2026,5.00
"""

AUTHORIZE = """Transaction ID,Transaction Status,Settlement Amount,Settlement Currency,Settlement Date/Time,Submit Date/Time,Reference Transaction ID,Transaction Type,Invoice Number
301244354,Settled Successfully,50.00,USD,21-Aug-2026 03:26:12 PM MDT,20-Aug-2026 03:26:12 PM MDT,Not Applicable,Authorization w/ Auto Capture,1202
301244355,Refund Settled Successfully,10.00,USD,21-Aug-2026 03:26:12 PM MDT,20-Aug-2026 03:26:12 PM MDT,254125896,Credit,1100
301244357,Refund Settled Successfully,-4.00,USD,21-Aug-2026 03:26:12 PM MDT,20-Aug-2026 03:26:12 PM MDT,254125897,Credit,1101
301244358,Captured/Pending Settlement,9.00,USD,21-Aug-2026 03:26:12 PM MDT,20-Aug-2026 03:26:12 PM MDT,Not Applicable,Authorization w/ Auto Capture,1204
301244356,Voided,7.00,USD,,20-Aug-2026 03:26:12 PM MDT,Not Applicable,Authorization w/ Auto Capture,1203
"""


class TestPresets:
	def test_stripe(self) -> None:
		found = imported(STRIPE, "stripe")
		[payout] = found.payouts
		assert found.left_out == 1
		assert (payout.id, payout.paid_on, payout.currency, payout.net) == (
			"po_1",
			date(2026, 11, 20),
			"EUR",
			Decimal("13.30"),
		)
		assert [(row.kind, row.reference) for row in payout.rows] == [
			("payment", "ch_1"),
			("refund", "re_1"),
			("dispute", "dp_1"),
			("fee", None),
			("adjustment", None),
		]

	def test_stripe_says_what_reached_the_bank(self) -> None:
		payout_row = (
			"po_1,2026-11-20 00:00:00,txn_7,2026-11-20 00:00:00,eur,-14.00,0.00,-14.00,payout,po_1,,\n"
		)
		[payout] = payouts(STRIPE + payout_row, "stripe")
		assert (payout.net, len(payout.rows)) == (Decimal("14.00"), 5)

	def test_paypal(self) -> None:
		dollars, yen = payouts(PAYPAL, "paypal")
		assert (dollars.id, dollars.net, dollars.reference, dollars.paid_on) == (
			"WD1",
			Decimal("70.00"),
			"BANK-1",
			date(2026, 11, 20),
		)
		assert shape(dollars) == [
			("PAY1 T0006", "payment", Decimal(100), Decimal("3.20"), Decimal(0), Decimal("96.80"), "PAY1"),
			("REF1 T1107", "refund", Decimal(-20), Decimal("-0.58"), Decimal(0), Decimal("-19.42"), "REF1"),
			("HOLD1 T1110", "reserve", Decimal(-1), Decimal(0), Decimal(0), Decimal(-1), "HOLD1"),
			("WD1 balance", "reserve", Decimal("-6.38"), Decimal(0), Decimal(0), Decimal("-6.38"), None),
		]
		assert (yen.id, yen.net, [row.net for row in yen.rows]) == (
			"2026-11-20 JPY",
			Decimal(0),
			[Decimal(480), Decimal(-480)],
		)

	def test_paypal_amounts_have_no_sign(self) -> None:
		message = refusal(PAYPAL.replace('"2000"', '"-2000"'), "paypal")
		assert message.startswith('Row 6, column "Gross Transaction Amount": "-2000" is below zero')
		assert "Row 6" in refusal(PAYPAL.replace('"2000"', '"20.00"'), "paypal")
		assert 'column "Transaction  Debit or Credit"' in refusal(
			PAYPAL.replace('"DR","2000"', '"XX","2000"'), "paypal"
		)
		assert 'column "Fee Currency"' in refusal(PAYPAL.replace('"58","USD"', '"58","EUR"'), "paypal")

	def test_paypal_withdrawn_twice(self) -> None:
		second = (
			next(row for row in PAYPAL.splitlines() if "WD1" in row)
			.replace("WD1", "WD2")
			.replace("7000", "500")
		)
		text = PAYPAL.replace('"SF"', f'{second}\n"SF"', 1)
		assert [
			(payout.id, payout.net, sum(row.net for row in payout.rows)) for payout in payouts(text, "paypal")
		] == [
			("WD1", Decimal(70), Decimal(70)),
			("WD2", Decimal(5), Decimal(5)),
			("2026-11-20 JPY", Decimal(0), Decimal(0)),
		]

	def test_razorpay(self) -> None:
		found = imported(RAZORPAY, "razorpay")
		[payout] = found.payouts
		assert (payout.id, payout.reference, payout.net, found.left_out) == (
			"setl_1",
			"UTR1",
			Decimal("826.40"),
			1,
		)
		assert shape(payout)[0] == (
			"pay_1",
			"payment",
			Decimal(1000),
			Decimal(20),
			Decimal("3.60"),
			Decimal("976.40"),
			"pay_1",
		)
		assert [row.kind for row in payout.rows] == ["payment", "refund", "dispute"]

	def test_razorpay_in_paise_with_the_tax_in_the_fee(self) -> None:
		[payout] = payouts(RAZORPAY_API, "razorpay_api")
		assert (payout.net, payout.paid_on) == (Decimal("-1454.00"), date(2019, 9, 11))
		assert (payout.rows[0].fee, payout.rows[0].fee_tax) == (Decimal("24.58"), Decimal("4.42"))

	def test_paytm_refunds_have_no_sign(self) -> None:
		found = imported(PAYTM, "paytm")
		[payout] = found.payouts
		assert (payout.id, payout.net, found.left_out) == ("UTR9", Decimal("388.20"), 1)
		assert [(row.id, row.gross) for row in payout.rows] == [("T1", Decimal(500)), ("T2", Decimal(-100))]

	def test_authorize_net_by_day(self) -> None:
		found = imported(AUTHORIZE, "authorize_net")
		[payout] = found.payouts
		assert (payout.id, payout.net, found.left_out) == ("2026-08-21 USD", Decimal(36), 2)
		assert [row.kind for row in payout.rows] == ["payment", "refund", "refund"]

	@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
	def test_each_says_where_its_columns_are_documented(self, preset) -> None:
		assert preset.source.startswith("https://") or preset.source == "docs/payouts.md"
		assert {*preset.needed, *preset.amounts} <= set(preset.columns)


def parted(text: str, delimiter: str) -> str:
	return joined(rows_of(text), delimiter)


def rows_of(text: str) -> list[list[str]]:
	return list(csv.reader(io.StringIO(text)))


def _turned(cell: str) -> str:
	"""Points for commas, and commas for points."""
	return cell.translate(str.maketrans(".,", ",."))


def joined(rows: list[list[str]], delimiter: str) -> str:
	out = io.StringIO()
	csv.writer(out, delimiter=delimiter).writerows(rows)
	return out.getvalue()


UNHURRIED = settings(deadline=None)
UNITS = st.integers(-(10**9), 10**9)
KINDS = st.sampled_from(["payment", "refund", "dispute", "fee", "adjustment", "reserve"])
NAMES = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=12).filter(
	lambda name: name.strip("'")
)


def spelled(units: int, mark: str, group: str) -> str:
	whole, rest = divmod(abs(units), 100)
	digits = f"{whole:,}".replace(",", group)
	return f"{'-' if units < 0 else ''}{digits}{mark}{rest:02d}"


@UNHURRIED
@given(
	rows=st.lists(st.tuples(KINDS, UNITS, UNITS, UNITS), min_size=1, max_size=12),
	marks=st.sampled_from([(".", ","), (",", "."), (",", "\u00a0"), (".", "'"), (".", "")]),
	delimiter=st.sampled_from([",", ";", "\t", "|"]),
	encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
	name=NAMES,
)
def test_whatever_is_written_is_read_to_the_cent(rows, marks, delimiter, encoding, name) -> None:
	"""Property: any signed amounts, in any spelling, delimiter and encoding, come back exactly."""
	header = HEADER.split(",")
	table = [header]
	for number, (kind, gross, fee, tax) in enumerate(rows):
		amounts = [spelled(units, *marks) for units in (gross, fee, tax, gross - fee - tax)]
		table.append(["P1", "2026-11-20", "", "EUR", f"b{number}", kind, *amounts, name, ""])
	[payout] = payouts(joined(table, delimiter).encode(encoding))
	assert [(row.kind, row.gross, row.fee, row.fee_tax) for row in payout.rows] == [
		(kind, *(Decimal(units).scaleb(-2) for units in amounts)) for kind, *amounts in rows
	]
	assert payout.net == sum((row.net for row in payout.rows), Decimal(0))


@UNHURRIED
@given(st.binary(max_size=400))
def test_whatever_bytes_come_the_answer_is_payouts_or_a_refusal(content: bytes) -> None:
	for preset in PRESETS.values():
		try:
			read(content, preset, "x")
		except Rejected as refused:
			assert str(refused)


@UNHURRIED
@given(st.data())
def test_a_broken_cell_is_named_or_harmless(data: st.DataObject) -> None:
	"""Property: whichever cell of a good file is overwritten, there is an answer: payouts that sum, or row and column."""
	table = list(csv.reader(io.StringIO(GENERIC)))
	row = data.draw(st.integers(1, len(table) - 1))
	column = data.draw(st.integers(0, len(table[0]) - 1))
	table[row][column] = data.draw(st.text(max_size=20).filter(lambda text: "\0" not in text))
	try:
		for payout in payouts(joined(table, ",").encode("utf-8", "ignore")):
			assert payout.net == sum((line.net for line in payout.rows), Decimal(0))
	except Rejected as refused:
		assert f"Row {row + 1}" in str(refused) or "already" in str(refused) or "and in" in str(refused)
