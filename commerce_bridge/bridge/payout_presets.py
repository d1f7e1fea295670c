"""The reports of payment gateways that `payout_csv` reads: their columns, and what a row of them means.

Each preset names the page that documents its columns. Rows say of themselves what they are in words of the gateway
(`KINDS` …); words that are not known are adjustments, which a person books.
"""

from __future__ import annotations

from collections.abc import Mapping

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import BalanceRow
from commerce_bridge.bridge.payout_csv import Cells, Kind, Line, Preset, note_of
from commerce_bridge.bridge.payout_paypal import ACTIVITY_DOWNLOAD, SETTLEMENT_REPORT

# https://docs.stripe.com/reports/reporting-categories
STRIPE_KINDS: dict[str, Kind] = {
	"charge": "payment",
	"charge_failure": "refund",
	"refund": "refund",
	"refund_failure": "refund",
	"partial_capture_reversal": "refund",
	"dispute": "dispute",
	"dispute_reversal": "dispute",
	"fee": "fee",
	"network_cost": "fee",
	"risk_reserved_funds": "reserve",
}

# https://docs.stripe.com/reports/balance-transaction-types
STRIPE_TYPES: dict[str, Kind] = {
	"charge": "payment",
	"payment": "payment",
	"refund": "refund",
	"payment_refund": "refund",
	"payment_failure_refund": "refund",
	"payment_reversal": "refund",
	"refund_failure": "refund",
	"stripe_fee": "fee",
	"stripe_fx_fee": "fee",
	"network_cost": "fee",
	"reserved_funds": "reserve",
	"reserve_transaction": "reserve",
	"reserve_hold": "reserve",
	"reserve_release": "reserve",
	"payment_network_reserve_hold": "reserve",
	"payment_network_reserve_release": "reserve",
	"payout_minimum_balance_hold": "reserve",
	"payout_minimum_balance_release": "reserve",
}

# https://razorpay.com/docs/api/settlements/fetch-recon/
RAZORPAY_KINDS: dict[str, Kind] = {"payment": "payment", "refund": "refund", "dispute": "dispute"}

# https://paytmpayments.com/docs/api/settlement-detail-api
PAYTM_KINDS: dict[str, Kind] = {
	"acquiring": "payment",
	"sale": "payment",
	"payment": "payment",
	"refund": "refund",
	"chargeback": "dispute",
	"hold": "reserve",
	"release": "reserve",
}

# https://account.authorize.net/help/Search/Download_to_File/Expanded_Fields_Comma_Separated.htm
AUTHORIZE_REFUNDS = ("credit", "refund")


def _by(kinds: Mapping[str, Kind], word: str) -> Kind:
	return kinds.get(word.casefold(), "adjustment")


def _stripe(cells: Cells) -> Line | None:
	"""A balance transaction of an automatic payout; one of no payout yet is left out."""
	return _stripe_line(cells, _by(STRIPE_KINDS, cells.needed("category")))


def _stripe_balance(cells: Cells) -> Line | None:
	"""A row of the dashboard's own export. A dispute has no type there: it is an adjustment whose description says
	so (seen in imazen/reunion, parsers: "Chargeback withdrawal for ch_…")."""
	word = cells.needed("category")
	disputed = word == "adjustment" and (cells.text("note") or "").casefold().startswith("chargeback")
	return _stripe_line(cells, "dispute" if disputed else _by(STRIPE_TYPES, word))


def _stripe_line(cells: Cells, kind: Kind) -> Line | None:
	"""The row of a payout of its own source is the payout. One of another is money that left on its own, such as an
	instant payout: the next automatic payout lists it among its rows."""
	payout = cells.short("payout_id")
	if payout is None:
		return None
	currency, category, source = cells.currency(), cells.needed("category"), cells.short("source_id")
	net = cells.needed_amount("net", currency)
	if source == payout or (category == "payout" and source is None):
		return Line(payout, cells.day("paid_on"), currency, net=-net)
	ids = (source, cells.short("charge_id"), cells.short("payment_intent"))
	row = BalanceRow(
		id=cells.needed("id"),
		kind=kind,
		gross=cells.needed_amount("gross", currency),
		fee=cells.amount("fee", currency),
		net=net,
		currency=currency,
		reference=next(filter(None, ids), None),
		moved_at=cells.moment("moved_at"),
		note=note_of(category, cells.text("note")),
	)
	trace = cells.short("trace")
	return Line(payout, cells.day("paid_on"), currency, cells.check_net(row), trace)


def _razorpay(cells: Cells) -> Line | None:
	"""A row of the settlement recon. `amount` has no sign, `credit` and `debit` are what moved, fees taken off.

	The fee has its tax in it in the API's answers, and not in the report of the dashboard, whose column says so.
	"""
	payout = cells.short("payout_id")
	if payout is None:
		return None
	currency, word = cells.currency("INR"), cells.needed("type").casefold()
	credit, debit = cells.amount("credit", currency), cells.amount("debit", currency)
	net, paid_on, utr = credit - debit, cells.day("paid_on"), cells.short("bank_reference")
	if word == "settlement":
		return Line(payout, paid_on, currency, reference=utr, net=-net)
	kind = "dispute" if cells.text("dispute_id") else _by(RAZORPAY_KINDS, word)
	tax, fee = cells.amount("tax", currency), cells.amount("fee", currency)
	if "exclusive" not in cells.names.get("fee", "").casefold():
		fee -= tax
	amount = abs(cells.needed_amount("amount", currency))
	row = BalanceRow(
		id=cells.needed("id"),
		kind=kind,
		gross=amount if word == "payment" or (word != "refund" and net > 0) else -amount,
		fee=fee,
		fee_tax=tax,
		net=net,
		currency=currency,
		reference=cells.needed("id"),
		order_number=cells.short("order_number"),
		moved_at=cells.moment("moved_at"),
		note=note_of(word, cells.text("note")),
	)
	return Line(payout, paid_on, currency, cells.check_net(row, "credit"), utr)


def _paytm(cells: Cells) -> Line | None:
	"""A row of the settlement report: amounts have no signs, the type says which way they go. A settlement is
	named by its payout, else by the bank's UTR."""
	utr = cells.short("bank_reference")
	payout = cells.short("payout_id") or utr
	if payout is None:
		return None
	currency, word = cells.currency("INR"), cells.needed("type").casefold()
	kind = _by(PAYTM_KINDS, word)
	back = -1 if kind in ("refund", "dispute") or word == "hold" else 1
	gross = cells.needed_amount("gross", currency)
	fee, tax = abs(cells.amount("fee", currency)), abs(cells.amount("fee_tax", currency))
	stated = cells.needed_amount("net", currency)
	row = BalanceRow(
		id=cells.needed("id"),
		kind=kind,
		gross=back * abs(gross) if back < 0 else gross,
		fee=fee,
		fee_tax=tax,
		net=back * abs(stated) if back < 0 else stated,
		currency=currency,
		reference=cells.needed("id"),
		order_number=cells.short("order_number"),
		moved_at=cells.moment("moved_at"),
		note=note_of(word),
	)
	return Line(payout, cells.day("paid_on"), currency, cells.check_net(row), utr)


def _authorize(cells: Cells) -> Line | None:
	"""A settled transaction; those of one day and currency are one payout, for the report names no batch.

	Fees are not in it: the processor bills them apart.
	"""
	if "settled" not in cells.needed("status").casefold() or not cells.text("paid_on"):
		return None
	currency, paid_on = cells.currency("USD"), cells.day("paid_on")
	word = cells.needed("type").casefold()
	amount = abs(cells.needed_amount("amount", currency))
	back = any(word.startswith(one) for one in AUTHORIZE_REFUNDS)
	row = BalanceRow(
		id=cells.needed("id"),
		kind="refund" if back else "payment",
		gross=-amount if back else amount,
		net=-amount if back else amount,
		currency=currency,
		reference=cells.needed("id"),
		order_number=cells.short("order_number"),
		moved_at=cells.moment("moved_at"),
		note=note_of(cells.text("type")),
	)
	return Line(f"{paid_on} {currency}", paid_on, currency, cells.check_net(row, "amount"))


def _generic(cells: Cells) -> Line:
	"""A row of the report that docs/payouts.md describes: signed, what was taken is below zero."""
	currency = cells.currency()
	word = (cells.text("kind") or "").casefold()
	if word not in GENERIC_KINDS:
		raise cells.refused("kind", f'"{word[:40]}" is none of {", ".join(GENERIC_KINDS)}')
	row = BalanceRow(
		id=cells.needed("id"),
		kind=GENERIC_KINDS[word],
		gross=cells.needed_amount("gross", currency),
		fee=cells.amount("fee", currency),
		fee_tax=cells.amount("fee_tax", currency),
		net=cells.needed_amount("net", currency),
		currency=currency,
		reference=cells.short("reference"),
		order_number=cells.short("order_number"),
		moved_at=cells.moment("moved_at"),
		note=cells.text("note"),
	)
	net = cells.amount("payout_net", currency) if cells.text("payout_net") else None
	day, reference = cells.day("paid_on"), cells.short("bank_reference")
	return Line(cells.needed("payout_id"), day, currency, cells.check_net(row), reference, net)


GENERIC_KINDS: dict[str, Kind] = {
	"payment": "payment",
	"refund": "refund",
	"dispute": "dispute",
	"fee": "fee",
	"adjustment": "adjustment",
	"reserve": "reserve",
}
GENERIC_COLUMNS = {
	"payout_id": ("payout_id",),
	"paid_on": ("paid_on",),
	"bank_reference": ("bank_reference",),
	"payout_net": ("payout_net",),
	"id": ("id",),
	"kind": ("kind",),
	"currency": ("currency",),
	"gross": ("gross",),
	"fee": ("fee",),
	"fee_tax": ("fee_tax",),
	"net": ("net",),
	"reference": ("reference",),
	"order_number": ("order_number",),
	"moved_at": ("moved_at",),
	"note": ("note",),
}
GENERIC_NEEDED = ("payout_id", "paid_on", "id", "kind", "currency", "gross", "net")
GENERIC_AMOUNTS = ("gross", "fee", "fee_tax", "net", "payout_net")

RAZORPAY_COLUMNS = {
	"payout_id": ("settlement_id",),
	"paid_on": ("settled_at",),
	"bank_reference": ("settlement_utr",),
	"id": ("entity_id",),
	"type": ("transaction_entity", "type"),
	"currency": ("currency",),
	"amount": ("amount",),
	"fee": ("fee (exclusive tax)", "fee"),
	"tax": ("tax",),
	"debit": ("debit",),
	"credit": ("credit",),
	"order_number": ("order_receipt",),
	"dispute_id": ("dispute_id",),
	"moved_at": ("entity_created_at", "created_at"),
	"note": ("entity_description", "description"),
}
RAZORPAY_NEEDED = ("payout_id", "paid_on", "id", "type", "amount", "debit", "credit")
RAZORPAY_AMOUNTS = ("amount", "fee", "tax", "debit", "credit")

_ALL = (
	# Seen in tests of BananaAccounting/Universal (extensions/import/stripe) and of
	# wikimedia/wikimedia-fundraising-SmashPig (PaymentProviders/Stripe): columns as chosen, days in the account's zone,
	# codes of currencies in small letters, fees above zero, "25" or "25.00".
	Preset(
		key="stripe",
		title="Stripe: Payout Reconciliation, Itemized",
		gateway="stripe",
		source="https://docs.stripe.com/reports/report-types/payout-reconciliation",
		columns={
			"payout_id": ("automatic_payout_id",),
			"paid_on": ("automatic_payout_effective_at", "automatic_payout_effective_at_utc"),
			"trace": ("automatic_payout_trace_id", "trace_id"),
			"id": ("balance_transaction_id",),
			"category": ("reporting_category",),
			"currency": ("currency",),
			"gross": ("gross",),
			"fee": ("fee",),
			"net": ("net",),
			"charge_id": ("charge_id",),
			"source_id": ("source_id",),
			"payment_intent": ("payment_intent_id",),
			"moved_at": ("created_utc", "created"),
			"note": ("description",),
		},
		needed=("payout_id", "paid_on", "id", "category", "currency", "gross", "fee", "net"),
		amounts=("gross", "fee", "net"),
		line=_stripe,
	),
	# Seen in tests of BananaAccounting/Universal (extensions/import/stripe: decimal commas, minutes without seconds)
	# and in imazen/reunion (refunds whose fee is below zero, an instant payout, a payout that was taken back).
	Preset(
		key="stripe_balance",
		title="Stripe: Balance, all activity (Export)",
		gateway="stripe",
		source="https://docs.stripe.com/reports/balance-transaction-types",
		columns={
			"payout_id": ("Transfer",),
			"paid_on": ("Transfer Date (UTC)", "Transfer Date"),
			"id": ("id",),
			"category": ("Type",),
			"currency": ("Currency",),
			"gross": ("Amount",),
			"fee": ("Fee",),
			"net": ("Net",),
			"source_id": ("Source",),
			"moved_at": ("Created (UTC)", "Created"),
			"note": ("Description",),
		},
		needed=("payout_id", "paid_on", "id", "category", "currency", "gross", "fee", "net", "source_id"),
		amounts=("gross", "fee", "net"),
		line=_stripe_balance,
	),
	SETTLEMENT_REPORT,
	ACTIVITY_DOWNLOAD,
	# The 27 columns of Razorpay's own sample report, as public importers of it repeat them: days in ISO 8601 there, with
	# the day first in others; credit is amount less fee and tax.
	Preset(
		key="razorpay",
		title="Razorpay: Settlement Recon",
		gateway="razorpay",
		source="https://razorpay.com/docs/api/settlements/fetch-recon/",
		columns=RAZORPAY_COLUMNS,
		needed=RAZORPAY_NEEDED,
		amounts=RAZORPAY_AMOUNTS,
		line=_razorpay,
		day_first=True,
		currency="INR",
	),
	Preset(
		key="razorpay_api",
		title="Razorpay: Settlement Recon from the API (in paise)",
		gateway="razorpay",
		source="https://razorpay.com/docs/api/settlements/fetch-recon/",
		columns=RAZORPAY_COLUMNS,
		needed=RAZORPAY_NEEDED,
		amounts=RAZORPAY_AMOUNTS,
		line=_razorpay,
		minor=True,
		day_first=True,
		currency="INR",
	),
	# Names as documented for the dashboard's report and, in camel case, for the API; no file of an account was found.
	# That refunds have no sign: https://medium.com/paytm-for-business/know-your-panel-settlements-56dc0ec29ea9
	Preset(
		key="paytm",
		title="Paytm: Settlement Report",
		gateway="paytm",
		source="https://paytmpayments.com/docs/api/settlement-detail-api",
		columns={
			"payout_id": ("Payout_ID",),
			"bank_reference": ("UTR_No", "UTR", "UTR Number", "Bank_UTR"),
			"paid_on": ("Payout_Date", "Settled_Date", "Settlement_Date"),
			"id": ("Transaction_ID",),
			"order_number": ("Order_ID",),
			"type": ("Transaction_Type",),
			"currency": ("Currency",),
			"gross": ("Amount", "Transaction_Amount"),
			"fee": ("Commission",),
			"fee_tax": ("GST",),
			"net": ("Settled_Amount", "Settlement_Amount"),
			"moved_at": ("Transaction_Date",),
		},
		needed=("paid_on", "id", "type", "gross", "net"),
		amounts=("gross", "fee", "fee_tax", "net"),
		line=_paytm,
		day_first=True,
		currency="INR",
	),
	# moodle/moodle read these files (enrol/authorize/uploadcsv.php, 49 or 70 columns): a refund is "Credit", and "Settled
	# Successfully" or "Refund Settled Successfully".
	Preset(
		key="authorize_net",
		title="Authorize.net: Expanded Fields",
		gateway="authorize.net",
		source="https://account.authorize.net/help/Search/Download_to_File/Expanded_Fields_Comma_Separated.htm",
		columns={
			"id": ("Transaction ID",),
			"status": ("Transaction Status",),
			"amount": ("Settlement Amount",),
			"currency": ("Settlement Currency",),
			"paid_on": ("Settlement Date/Time",),
			"moved_at": ("Submit Date/Time",),
			"type": ("Transaction Type",),
			"order_number": ("Invoice Number",),
		},
		needed=("id", "status", "amount", "paid_on", "type"),
		amounts=("amount",),
		line=_authorize,
		currency="USD",
	),
	Preset(
		key="generic",
		title="Any gateway, in the columns of Commerce Bridge",
		gateway="",
		source="docs/payouts.md",
		columns=GENERIC_COLUMNS,
		needed=GENERIC_NEEDED,
		amounts=GENERIC_AMOUNTS,
		line=_generic,
	),
	Preset(
		key="generic_minor",
		title="The same, amounts in the smallest unit (cents, paise)",
		gateway="",
		source="docs/payouts.md",
		columns=GENERIC_COLUMNS,
		needed=GENERIC_NEEDED,
		amounts=GENERIC_AMOUNTS,
		line=_generic,
		minor=True,
	),
)
PRESETS: dict[str, Preset] = {preset.key: preset for preset in _ALL}


def preset_of(key: str) -> Preset:
	"""The preset of this key. Raises `Rejected` where there is none."""
	if key not in PRESETS:
		raise Rejected(f'"{key[:40]}" is no report that can be read: choose one of {", ".join(PRESETS)}')
	return PRESETS[key]
