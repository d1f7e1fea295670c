"""What would make ERPNext refuse or change this channel's orders: found before the first one.

An error makes every order fail, or the storefront unusable: with one, a channel does not become Active. A warning
holds some orders, or advises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import frappe
from frappe import _
from frappe.utils import cint, escape_html, get_link_to_form, getdate, nowdate
from frappe.utils.data import get_url_to_list

from commerce_bridge import connectors
from commerce_bridge.bridge import mapping
from commerce_bridge.bridge.channel import Channel, Credentials, PaymentMap
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Retryable
from commerce_bridge.bridge.money import decimals_of
from commerce_bridge.bridge.orders import INSTEAD
from commerce_bridge.bridge.protocols import Check, Token
from commerce_bridge.erpnext import channel_state, currency_exchange, payment_gateways, site
from commerce_bridge.permissions import INTEGRATION

#: Documents named as examples in one line of advice.
NAMED = 3
#: Of what the channel sells: its listings, or without any every item, since orders find items by their code too.
SOLD = """item.disabled = {disabled} AND item.is_sales_item = 1 AND (
	NOT EXISTS (SELECT 1 FROM `tabChannel Listing` any_listing
		WHERE any_listing.channel = %(channel)s AND any_listing.publication = 'Published')
	OR EXISTS (SELECT 1 FROM `tabChannel Listing` listing
		WHERE listing.channel = %(channel)s AND listing.item_code = item.name AND listing.publication = 'Published'))"""
CAPPED = f"SELECT item.name FROM `tabItem` item WHERE item.max_discount > 0 AND {SOLD.format(disabled=0)} LIMIT %(named)s"
TAXED = f"""SELECT item.name FROM `tabItem` item
	WHERE EXISTS (SELECT 1 FROM `tabItem Tax` tax WHERE tax.parent = item.name AND tax.parenttype = 'Item')
		AND {SOLD.format(disabled=0)} LIMIT %(named)s"""
UNITS = f"""SELECT item.name FROM `tabItem` item WHERE item.has_serial_no = 1 AND item.cb_recommerce = 1
	AND {SOLD.format(disabled=0)} LIMIT %(named)s"""
DISABLED = f"SELECT item.name FROM `tabItem` item WHERE {SOLD.format(disabled=1)} LIMIT %(named)s"
LIMITED = """SELECT credit.parenttype, credit.parent FROM `tabCustomer Credit Limit` credit
	LEFT JOIN `tabCustomer` customer ON customer.name = credit.parent AND credit.parenttype = 'Customer'
	WHERE credit.company = %(company)s AND credit.credit_limit > 0 AND credit.bypass_credit_limit_check = 0
		AND (customer.customer_group = %(group)s
			OR (credit.parenttype = 'Customer Group' AND credit.parent = %(group)s))
	ORDER BY credit.parenttype DESC, credit.parent LIMIT 1"""


def checks(channel: Channel) -> list[Check]:
	"""Each check with what to change where."""
	found = (_rights, _numbers, _currency, _maps, _payments, _selling, _items, _approval, _credit, _customers)
	if channel.invoices.when == INSTEAD:
		found = (*found, _instead_of_orders)
	return [check for look in found for check in look(channel)]


def require(channel: Channel, credentials: Credentials) -> None:
	"""Raises `ValidationError` that lists every error of this site and of the storefront; shows the warnings of this
	site where there is none.

	A storefront that does not answer now refuses nothing, and is told of: whether it can be reached in this minute
	says nothing of the set-up, and what cannot be sent is tried again. Its own warnings are left to Test Connection:
	some of them (webhooks that are missing) are put right by the channel's becoming active.
	"""
	here = [check for check in checks(channel) if not check.ok]
	shop = [
		check for check in of_storefront(channel, credentials) if not check.ok and check.severity == "error"
	]
	errors = [check for check in (*here, *shop) if check.severity == "error" and not check.unreachable]
	if errors:
		title = _("{0} cannot be active yet").format(escape_html(channel.name))
		frappe.throw(_as_list(_("To be put right first:"), errors), title=title)
	_advise(channel, [check for check in shop if check.unreachable], here)


def of_storefront(channel: Channel, credentials: Credentials) -> list[Check]:
	"""What the storefront's connector finds wrong with settings that are being saved. Nothing of the answers is kept:
	they may be refused."""
	surroundings = replace(site.surroundings(), memory=_Trial(channel_state.get_token(channel.name)))
	try:
		return connectors.build(channel, credentials, surroundings).check()
	except BridgeError as error:
		fix = "Test the connection again" if isinstance(error, Retryable) else "Change it in Channel Settings"
		line = _check(False, str(error), fix, "Channel Settings", channel.name)
		return [replace(line, unreachable=isinstance(error, Retryable))]


class _Trial:
	"""A connector's `Memory` for one check."""

	def __init__(self, token: Token | None):
		self._token = token
		self._facts: dict[str, str] = {}

	def get_token(self, channel: str) -> Token | None:
		return self._token

	def save_token(self, channel: str, token: Token | None) -> None:
		self._token = token

	def get_facts(self, channel: str) -> dict[str, str]:
		return self._facts

	def save_facts(self, channel: str, facts: Mapping[str, str]) -> None:
		self._facts = dict(facts)


def _advise(channel: Channel, unreachable: Sequence[Check], warnings: Sequence[Check]) -> None:
	told = []
	if unreachable:
		intro = _(
			"The storefront did not answer, so its side is not checked. Press Test Connection once it does:"
		)
		told.append(_as_list(intro, unreachable))
	if warnings:
		told.append(_as_list(_("Worth a look. Some of these hold orders, others advise:"), warnings))
	if told:
		title = _("{0} is active").format(escape_html(channel.name))
		frappe.msgprint("".join(told), title=title, indicator="orange")


def _as_list(intro: str, wrong: Sequence[Check]) -> str:
	rows = "".join(f"<li>{_advice(check)}</li>" for check in wrong)
	return f"{intro}<ul>{rows}</ul>"


def _advice(check: Check) -> str:
	text = f"<b>{escape_html(_(check.title))}</b>: {escape_html(check.fix or '')}"
	if not check.doctype or check.doctype == "Channel Settings":
		return text  # the very form that is being saved
	if check.document in (None, check.doctype):
		return f'{text} (<a href="{get_url_to_list(check.doctype)}">{_(check.doctype)}</a>)'
	return f"{text} ({get_link_to_form(check.doctype, check.document, escape_html(check.document))})"


def _check(
	ok: bool, title: str, fix: str, doctype: str, document: str | None = None, warning: bool = False
) -> Check:
	return Check(
		ok, title, None if ok else fix, "warning" if warning else "error", doctype, document or doctype
	)


def _single(doctype: str, field: str) -> int:
	return cint(frappe.db.get_single_value(doctype, field))


def _rights(channel: Channel) -> Iterator[Check]:
	user = channel.integration_user
	roles = frappe.get_roles(user) if user and frappe.db.exists("User", user) else []
	fix = f'Choose a user with the role "{INTEGRATION}" as Integration User'
	yield _check(INTEGRATION in roles, "Integration user", fix, "Channel Settings", channel.name)


def _numbers(channel: Channel) -> Iterator[Check]:
	precision = _single("System Settings", "currency_precision") or 2
	decimals = decimals_of(channel.currency)
	fix = f"Set Currency Precision to {decimals}: {channel.currency} has {decimals} decimals, this site keeps {precision}"
	yield _check(decimals <= precision, "Decimals of the currency", fix, "System Settings")


def _currency(channel: Channel) -> Iterator[Check]:
	if channel.currency == channel.company_currency:
		return
	fix = (
		f"Create a Currency Exchange from {channel.currency} to {channel.company_currency} for selling, "
		"dated today or earlier"
	)
	yield _check(_has_rate(channel), "Exchange rate", fix, "Currency Exchange")
	fix = (
		f"Make a receivable account in {channel.currency} for {channel.company} and set it on the Customer Group, "
		"or allow multi-currency invoices against single party account: invoices are refused otherwise"
	)
	ok = bool(_single("Accounts Settings", "allow_multi_currency_invoices_against_single_party_account"))
	yield _check(
		ok or _invoice_account(channel), "Account for invoices", fix, "Accounts Settings", warning=True
	)


def _has_rate(channel: Channel) -> bool:
	try:
		currency_exchange.exchange_rate(channel, channel.currency, getdate(nowdate()))
	except Misconfigured:
		return False
	return True


def _invoice_account(channel: Channel) -> bool:
	"""Whether new customers' invoices go to an account in the channel's currency: of their group, or the company."""
	group = {"parent": channel.customer_group, "parenttype": "Customer Group", "company": channel.company}
	account = frappe.db.get_value("Party Account", group, "account") or frappe.get_cached_value(
		"Company", channel.company, "default_receivable_account"
	)
	return bool(account) and frappe.db.get_value("Account", account, "account_currency") == channel.currency


def _maps(channel: Channel) -> Iterator[Check]:
	fix = "Choose a Default Warehouse on the channel"
	yield _check(bool(channel.default_warehouse), "Warehouse", fix, "Channel Settings", channel.name)
	fix = "Add a row to Taxes on the channel for each tax of the shop, or orders with a tax are held"
	yield _check(bool(channel.taxes), "Taxes", fix, "Channel Settings", channel.name, warning=True)
	fix = "Add a row to Shipping Methods and Fees on the channel (* stands for all), or orders with shipping are held"
	yield _check(bool(channel.shipping), "Shipping", fix, "Channel Settings", channel.name, warning=True)


def _payments(channel: Channel) -> Iterator[Check]:
	rows = [(number, row) for number, row in enumerate(channel.payments, 1) if row.book != "Never"]
	named = [f"{number} ({row.gateway})" for number, row in rows if not row.account]
	fix = f"Choose a Clearing Account in row {', '.join(named)} of Payment Methods on the channel, or set Book to Never"
	yield _check(not named, "Clearing accounts", fix, "Channel Settings", channel.name)
	for number, row in rows:
		yield from _payment_accounts(channel, number, row)
	foreign = [row for _, row in rows if (row.currency or channel.currency) != channel.company_currency]
	gains = frappe.get_cached_value("Company", channel.company, "exchange_gain_loss_account")
	fix = "Choose an Exchange Gain / Loss Account: payments in another currency need it"
	yield _check(not foreign or bool(gains), "Exchange differences", fix, "Company", channel.company)
	yield from _payments_told(channel)
	yield from _invoices(channel, bool(rows))


def _payment_accounts(channel: Channel, number: int, row: PaymentMap) -> Iterator[Check]:
	"""Only what is wrong: tables are long. A clearing account in a third currency takes what the gateway charged in it."""
	own, paid = channel.company_currency, row.currency or channel.currency
	named = [(row.account, "Clearing Account", {own, paid})]
	named += [(row.fee_account, "Fee Account", {own}), (row.fee_tax_account, "Fee Tax Account", {own})]
	for account, label, wanted in named:
		currency = frappe.get_cached_value("Account", account, "account_currency") if account else None
		if currency and currency not in wanted:
			fix = (
				f"{account} is in {currency}: choose one in {' or '.join(sorted(wanted))} "
				f"as {label} in row {number} ({row.gateway}) of Payment Methods on the channel"
			)
			third = label == "Clearing Account"
			fix += f", unless {row.gateway} takes {currency} for these orders" if third else ""
			title = f"Currency of accounts: {row.gateway}"
			yield _check(False, title, fix, "Account", account, warning=third)


def _payments_told(channel: Channel) -> Iterator[Check]:
	"""What orders were paid by until now, against the table."""
	if not channel.payments:
		return
	for each in payment_gateways.seen(channel.name):
		row = mapping.find_payment_row(channel, each.gateway, each.currency)
		what = f"{each.payments} of the latest payments, e.g. of order {each.order_id}"
		if row is None:
			fix = f"{what}, were made by {each.gateway} in {each.currency}: add a row for it to Payment Methods on the channel, then retry"
			yield _check(False, f"Gateway {each.gateway}", fix, "Sync Log", each.entry, warning=True)
		elif each.fees and not row.fee_account and row.book != "Never":
			fix = f"The shop tells the fees of {each.gateway}: choose a Fee Account in its row of Payment Methods on the channel, or they are booked with the payout only"
			yield _check(False, f"Fees of {each.gateway}", fix, "Sync Log", each.entry, warning=True)


def _invoices(channel: Channel, books_payments: bool) -> Iterator[Check]:
	if channel.invoices.when == "Never":
		return
	fix = "Choose an Item for Adjustments on the channel, or refunds of amounts that belong to no position are held"
	ok = channel.refunds.adjustment_item or channel.fee_item or not channel.refunds.credit_notes
	yield _check(bool(ok), "Item for Adjustments", fix, "Channel Settings", channel.name, warning=True)
	fix = "Add rows to Payment Methods on the channel, or invoices stay unpaid until somebody books the payments"
	yield _check(books_payments, "Payments of invoices", fix, "Channel Settings", channel.name, warning=True)


def _selling(channel: Channel) -> Iterator[Check]:
	fix = "Allow Item to be Added Multiple Times: storefronts send the same item on several lines"
	allowed = bool(_single("Selling Settings", "allow_multiple_items"))
	yield _check(allowed, "Repeated items", fix, "Selling Settings", warning=True)
	if any(row.doctype == "Sales Order" and row.fieldname == "po_no" for row in channel.fields):
		fix = "Allow Multiple Sales Orders Against a Customer's Purchase Order: a number that a buyer repeats is refused"
		allowed = bool(_single("Selling Settings", "allow_against_multiple_purchase_orders"))
		yield _check(allowed, "Repeated purchase orders", fix, "Selling Settings", warning=True)
	fix = "Switch off Auto Insert Item Price If Missing for people who edit these orders: discounts would become prices"
	inserts = bool(_single("Stock Settings", "auto_insert_price_list_rate_if_missing"))
	yield _check(not inserts, "Prices made from orders", fix, "Stock Settings", warning=True)
	if channel.orders.afterwards == "Reserve Stock":
		fix = "Enable Stock Reservation"
		yield _check(
			bool(_single("Stock Settings", "enable_stock_reservation")),
			"Stock reservation",
			fix,
			"Stock Settings",
		)


def _items(channel: Channel) -> Iterator[Check]:
	listed = bool(frappe.db.exists("Channel Listing", {"channel": channel.name, "publication": "Published"}))
	yield _check(
		listed, "Listings", "Add the items that the storefront shows", "Channel Listing", warning=True
	)
	yield _check_items(
		channel,
		CAPPED,
		"Maximum discounts",
		"Max Discount refuses free lines and large discounts",
		"set it to 0",
	)
	yield _check_items(
		channel, TAXED, "Item Tax Templates", "Item Tax Templates change the shop's taxes", "remove them"
	)
	groups = frappe.get_all("Item Tax", {"parenttype": "Item Group"}, pluck="parent", limit=NAMED)
	fix = f"Item Tax Templates change the shop's taxes, e.g. on {', '.join(groups)}: remove them"
	yield _check(
		not groups, "Tax Templates of groups", fix, "Item Group", groups[0] if groups else None, warning=True
	)
	if listed:
		yield _check_items(
			channel,
			DISABLED,
			"Disabled items",
			"Disabled items cannot be ordered",
			"switch off their listings",
		)


def _check_items(channel: Channel, query: str, title: str, why: str, cure: str) -> Check:
	names = frappe.db.sql(query, {"channel": channel.name, "named": NAMED}, pluck=True)
	fix = f"{why}, e.g. on {', '.join(names)}: {cure}"
	return _check(not names, title, fix, "Item", names[0] if names else None, warning=True)


def _instead_of_orders(channel: Channel) -> Iterator[Check]:
	"""What an invoice without a Sales Order meets. A new customer is on neither list of exceptions."""
	wanted = [("so_required", "Is Sales Order Required for Sales Invoice & Delivery Note Creation?")]
	if not channel.invoices.update_stock:
		wanted.append(("dn_required", "Is Delivery Note Required for Sales Invoice Creation?"))
	for fieldname, label in wanted:
		required = frappe.db.get_single_value("Selling Settings", fieldname) == "Yes"
		fix = f"Set “{label}” to No, or choose another value than {INSTEAD} on the channel: every Sales Invoice is refused"
		yield _check(not required, "Invoices without orders", fix, "Selling Settings")
	units = frappe.db.sql(UNITS, {"channel": channel.name, "named": NAMED}, pluck=True)
	fix = (
		f"Single units are promised to Sales Orders, and {', '.join(units)} is sold by unit or grade: choose another value than "
		f"{INSTEAD} on the channel, or their orders are held"
	)
	yield _check(not units, "Single units", fix, "Item", units[0] if units else None, warning=True)


def _document(channel: Channel) -> tuple[str, bool]:
	"""What an order becomes, and whether it is to be submitted."""
	if channel.invoices.when == INSTEAD:
		return "Sales Invoice", channel.invoices.submit
	return "Sales Order", channel.orders.submit


def _approval(channel: Channel) -> Iterator[Check]:
	doctype, submit = _document(channel)
	active = frappe.db.get_value("Workflow", {"document_type": doctype, "is_active": 1})
	fix = f"Workflow {active} is active: orders stop as drafts until somebody approves them"
	yield _check(not (active and submit), "Workflow", fix, "Workflow", active, warning=True)


def _credit(channel: Channel) -> Iterator[Check]:
	if not _document(channel)[1]:
		return
	values = {"company": channel.company, "group": channel.customer_group}
	limited = frappe.db.sql(LIMITED, values) or (
		[("Company", channel.company)]
		if frappe.get_cached_value("Company", channel.company, "credit_limit")
		else []
	)
	doctype, name = limited[0] if limited else ("Company", None)
	fix = (
		f"{doctype} {name} has a credit limit: orders over it are held, paid or not. Remove it or tick Bypass"
	)
	yield _check(not limited, "Credit limit", fix, doctype, name, warning=True)


def _customers(channel: Channel) -> Iterator[Check]:
	naming = frappe.db.get_single_value("Selling Settings", "cust_master_name")
	fix = "Name customers by Naming Series: namesakes are then told apart by their number"
	yield _check(naming == "Naming Series", "Naming of customers", fix, "Selling Settings", warning=True)
	for doctype, name in (("Customer Group", channel.customer_group), ("Territory", channel.territory)):
		group = bool(name) and bool(frappe.db.get_value(doctype, name, "is_group"))
		fix = f"{name} is a group: choose one of its members on the channel"
		yield _check(
			bool(name) and not group,
			doctype,
			fix if name else f"Choose a {doctype}",
			"Channel Settings",
			channel.name,
			warning=True,
		)
