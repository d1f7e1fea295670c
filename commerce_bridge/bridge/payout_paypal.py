"""PayPal's two reports: the settlement report of approved merchants, and the activity everybody can download.

Neither names payouts: a withdrawal to the bank is one, with what moved on the balance before it. Columns are named in the
language of the account; what a row is says its event code, which is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from commerce_bridge.bridge.model import BalanceRow, Payout
from commerce_bridge.bridge.payout_csv import Cells, Kind, Line, Preset, note_of, payout_of

# https://developer.paypal.com/docs/reports/reference/tcodes/ : codes, then groups of codes
CODES: dict[str, Kind] = {
	"T1107": "refund",
	"T1106": "dispute",
	"T1108": "fee",
	"T1109": "fee",
	"T1105": "reserve",
	"T1110": "reserve",
	"T1111": "reserve",
	"T1201": "dispute",
	"T1202": "dispute",
}
GROUPS: dict[str, Kind] = {"T01": "fee", "T15": "reserve", "T21": "reserve"}
RECEIVED, WITHDRAWN = "T00", "T04"
#: What the activity says of rows that did not change the balance, in each language.
NO_IMPACT = ("memo",)


def _settled(cells: Cells) -> Line:
	"""A row of the settlement report: amounts in the smallest unit, without signs; CR came in, DR went out."""
	currency = cells.currency()
	gross = _directed(cells, "gross", "direction", currency)
	fee = -_directed(cells, "fee", "fee_direction", currency)
	if cells.amount("fee", currency) and (cells.text("fee_currency") or currency).upper() != currency:
		raise cells.refused("fee_currency", f"is not {currency}, as the amount is")
	return _line(cells, currency, gross, fee)


def _directed(cells: Cells, name: str, direction: str, currency: str) -> Decimal:
	amount = cells.amount(name, currency)
	if not amount:
		return amount
	word = cells.needed(direction).upper()
	if word not in ("CR", "DR"):
		raise cells.refused(direction, f'"{word[:40]}" is neither CR nor DR')
	return amount if word == "CR" else -amount


def _moved(cells: Cells) -> Line | None:
	"""A row of the activity: amounts with signs, a fee that was taken is below zero, and net is their sum. What did
	not change the balance is left out."""
	if (cells.text("impact") or "").casefold() in NO_IMPACT:
		return None
	currency = cells.currency()
	gross, fee = cells.needed_amount("gross", currency), -cells.amount("fee", currency)
	line = _line(cells, currency, gross, fee)
	net = cells.needed_amount("net", currency)
	if line.row:
		cells.check_net(line.row.model_copy(update={"net": net}))
	return line


def _line(cells: Cells, currency: str, gross: Decimal, fee: Decimal) -> Line:
	day, number, code = cells.day("paid_on"), cells.needed("id"), cells.needed("code").upper()
	if code.startswith(WITHDRAWN) and not fee:
		return Line(number, day, currency, reference=cells.short("bank_reference") or number, net=-gross)
	row = BalanceRow(
		id=f"{number} {code}",
		kind=_kind(code, gross),
		gross=gross,
		fee=fee,
		net=gross - fee,
		currency=currency,
		reference=number,
		order_number=cells.short("order_number"),
		moved_at=cells.moment("moved_at"),
		note=note_of(code, cells.text("parent")),
	)
	return Line(f"{cells.section} {currency}", day, currency, row)


def _kind(code: str, gross: Decimal) -> Kind:
	if code.startswith(RECEIVED):
		return "payment" if gross > 0 else "adjustment"
	return CODES.get(code) or GROUPS.get(code[:3], "adjustment")


def by_withdrawal(lines: Sequence[Line], gateway: str) -> list[Payout]:
	"""A payout of each withdrawal to the bank, with what moved on the balance before it; what moved after the last
	of them is of that one. What stays in the balance, or was left in it, is a row of its own.

	Without a withdrawal, the report's day is a payout of nothing: its fees are booked all the same.
	"""
	payouts: list[Payout] = []
	ordered = lines[::-1] if lines[0].paid_on > lines[-1].paid_on else lines  # the newest may stand first
	for currency in dict.fromkeys(line.currency for line in ordered):
		groups: list[list[Line]] = [[]]
		for line in (one for one in ordered if one.currency == currency):
			groups[-1].append(line)
			if line.net is not None:
				groups.append([])
		rest = groups.pop()
		if groups:
			groups[-1] += rest
		else:
			groups.append(rest)
		payouts += [_with_balance(group, gateway) for group in groups]
	return payouts


def _with_balance(lines: Sequence[Line], gateway: str) -> Payout:
	withdrawn = next((line for line in lines if line.net is not None), None)
	first = withdrawn or lines[0]
	name = withdrawn.payout if withdrawn else f"{first.paid_on} {first.currency}"
	payout = payout_of(name, [first, *(line for line in lines if line is not first)], gateway)
	net = withdrawn.net if withdrawn and withdrawn.net is not None else Decimal(0)
	rest = net - sum((row.net for row in payout.rows), Decimal(0))
	if rest:
		note = "stays in the balance" if rest < 0 else "was in the balance before"
		kept = BalanceRow(
			id=f"{name} balance", kind="reserve", gross=rest, net=rest, currency=payout.currency, note=note
		)
		payout = payout.model_copy(update={"rows": (*payout.rows, kept)})
	return payout.model_copy(update={"net": net})


# English names as in tests of wikimedia/wikimedia-fundraising-SmashPig (PaymentProviders/PayPal) and in OpenMage/magento-lts
# (app/code/core/Mage/Paypal/Model/Report/Settlement.php: also without spaces, in UTF-16); German ones as in josnw/x2mt940
# (intern/classes/paypalcsv_class.php); Spanish ones as in drunkvegas/done (Ebcomm/PaypalMx, two versions).
SETTLEMENT_REPORT = Preset(
	key="paypal",
	title="PayPal: Settlement Report",
	gateway="paypal",
	source="https://developer.paypal.com/docs/reports/sftp-reports/settlement-report/",
	columns={
		"id": ("Transaction ID", "Transaktionscode", "Identificación de transacción", "ID de Transacción"),
		"order_number": ("Invoice ID", "Rechnungsnummer", "Identificación de la factura", "ID de la factura"),
		"parent": (
			"PayPal Reference ID",
			"PayPal-Referenznummer",
			"Identificación de referencia de PayPal",
			"Identificación de Referencia PayPal",
		),
		"code": (
			"Transaction Event Code",
			"Transaktionsereigniscode",
			"Código de evento de la transacción",
			"Código de Evento de Transacción",
		),
		"moved_at": (
			"Transaction Initiation Date",
			"Transaktionseinleitungsdatum",
			"Fecha de inicio de la transacción",
			"Fecha de Inicio de Transacción",
		),
		"paid_on": (
			"Transaction Completion Date",
			"Transaktionsabschlussdatum",
			"Fecha de finalización de la transacción",
			"Fecha de Finalización de Transacción",
		),
		"direction": (
			"Transaction Debit or Credit",
			"Transaktion Gutschrift oder Belastung",
			"Transacción con tarjeta de débito o crédito",
		),
		"gross": (
			"Gross Transaction Amount",
			"Bruttotransaktionsbetrag",
			"Importe bruto de la transacción",
			"Importe Bruto de Transacción",
		),
		"currency": (
			"Gross Transaction Currency",
			"Währung der Transaktion",
			"Divisa de la transacción bruta",
			"Divisa de Transacción Bruta",
		),
		"fee_direction": (
			"Fee Debit or Credit",
			"Gebühr Soll oder Haben",
			"Comisión de la tarjeta de débito o crédito",
			"Comisión de Tarjeta de Débito o Crédito",
		),
		"fee": ("Fee Amount", "Gebührenbetrag", "Importe de la comisión"),
		"fee_currency": ("Fee Currency", "Währung der Gebühr", "Divisa de comisión", "Comisión de Divisa"),
		"bank_reference": ("Bank Reference ID",),
	},
	needed=("id", "code", "paid_on", "direction", "gross", "currency"),
	amounts=("gross", "fee"),
	line=_settled,
	minor=True,
	signed=False,
	record=("CH", "SB", "SH"),
	assemble=by_withdrawal,
)

# English names as in tests of OCA/bank-statement-import (account_statement_import_paypal) and BananaAccounting/Universal
# (extensions/import/paypal), Italian ones as in the latter, German ones as in nils-werner/beancount-paypal.
ACTIVITY_DOWNLOAD = Preset(
	key="paypal_activity",
	title="PayPal: Activity Download (Balance affecting)",
	gateway="paypal",
	source="https://developer.paypal.com/reports/activity-download/",
	columns={
		"id": ("Transaction ID", "Transaktionscode", "Codice transazione"),
		"order_number": ("Invoice Number", "Rechnungsnummer", "N° ordine commerciante"),
		"parent": ("Reference Txn ID", "Zugehöriger Transaktionscode", "Codice transazione di riferimento"),
		"code": ("Transaction Event Code", "Transaktionsereigniscode", "Codice evento transazione"),
		"paid_on": ("Date", "Datum", "Data"),
		"moved_at": ("Date", "Datum", "Data"),
		"currency": ("Currency", "Währung", "Valuta"),
		"gross": ("Gross", "Brutto", "Lordo"),
		"fee": ("Fee", "Gebühr", "Entgelt", "Tariffa"),
		"net": ("Net", "Netto"),
		"impact": ("Balance Impact", "Auswirkung auf Guthaben", "Impatto sul saldo"),
		"bank_reference": ("Bank Reference ID", "Bankreferenz", "Codice di riferimento bancario"),
	},
	needed=("id", "code", "paid_on", "currency", "gross", "fee", "net"),
	amounts=("gross", "fee", "net"),
	days=("paid_on",),
	line=_moved,
	assemble=by_withdrawal,
)
