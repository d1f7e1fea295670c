"""What a channel says of invoices, payments and refunds: read, checked while it is saved, and before it is active."""

from __future__ import annotations

import json
from typing import Any

import frappe

from commerce_bridge import api
from commerce_bridge.bridge.channel import ChannelStatus, InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.protocols import Check
from commerce_bridge.erpnext import channel_settings, payment_gateways, preflight
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Accounting Shop"
MODE = "CB Pay Mode"


class AccountingCase(SiteTestCase):
	def setUp(self) -> None:
		self.addCleanup(frappe.db.rollback)
		self.fixture = SiteFixture()
		self.company = self.fixture.company
		self.fixture.make_channel(SHOP, status=ChannelStatus.PAUSED)
		self.clearing = self.account("CB Clearing", "Current Assets")
		self.fees = self.account("CB Gateway Fees", "Indirect Expenses")

	def account(self, title: str, parent: str, **values: Any) -> str:
		parent = frappe.db.get_value(
			"Account", {"account_name": parent, "company": self.company, "is_group": 1}
		)
		filters = {"account_name": title, "company": self.company}
		known = frappe.db.get_value("Account", filters)
		if known:
			return known
		account = {"doctype": "Account", **filters, "parent_account": parent, **values}
		return frappe.get_doc(account).insert().name

	def row(self, gateway: str = "stripe", **values: Any) -> dict[str, Any]:
		return {"gateway": gateway, "book": "On Capture", "account": self.clearing, **values}

	def saved(self, *rows: dict[str, Any], **values: Any) -> Any:
		"""The settings with these Payment Methods, saved and not committed."""
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update({"payment_map": list(rows), **values})
		doc.save()
		return doc

	def channel(self, *rows: dict[str, Any], **values: Any) -> Any:
		return channel_settings.channel_of(self.saved(*rows, **values))

	def refused(self, said: str, *rows: dict[str, Any], **values: Any) -> None:
		with self.assertRaises(frappe.ValidationError) as caught:
			self.saved(*rows, **values)
		self.assertIn(said, str(caught.exception))

	def mode(self, account: str | None = None) -> str:
		frappe.delete_doc("Mode of Payment", MODE, force=True, ignore_missing=True)
		rows = [{"company": self.company, "default_account": account}] if account else []
		values = {"mode_of_payment": MODE, "type": "Bank", "enabled": 1, "accounts": rows}
		return frappe.get_doc({"doctype": "Mode of Payment", **values}).insert().name

	def paid(self, *payments: dict[str, Any]) -> list[str]:
		"""Entries as orders leave them for each of their payments; their names."""
		names = []
		for number, payment in enumerate(payments, 1):
			base = {"id": f"p{number}", "order_id": f"o{number}", "status": "captured", "amount": "10.00"}
			entry = {
				"doctype": "Sync Log",
				"channel": SHOP,
				"direction": "Inbound",
				"topic": payment_gateways.FOUND,
				"state": "Succeeded",
				"payload": json.dumps({**base, "currency": self.fixture.currency, **payment}),
				"dedupe_key": frappe.generate_hash(),
			}
			names.append(frappe.get_doc(entry).insert(ignore_permissions=True).name)
		return names


class TestRead(AccountingCase):
	def test_nothing_entered_is_what_the_engine_assumes(self) -> None:
		channel = self.channel()
		self.assertEqual(channel.invoices, InvoicePolicy())
		self.assertEqual(channel.refunds, RefundPolicy())
		self.assertEqual(channel.payments, ())

	def test_a_new_channel_books_nothing_until_somebody_chooses(self) -> None:
		doc = frappe.new_doc("Channel Settings")
		doc.update({"name": "CB New", "platform": "custom", "company": self.company})
		channel = channel_settings.channel_of(doc)
		self.assertEqual(
			(channel.payments, channel.invoices, channel.refunds),
			((), InvoicePolicy(), RefundPolicy(credit_notes=False)),
		)

	def test_a_new_row_has_no_currency(self) -> None:
		"""Frappe fills a field called "currency" in with the site's: the row would be for no other."""
		row = self.saved(self.row()).payment_map[0]
		self.assertFalse(row.order_currency)

	def test_everything_entered(self) -> None:
		series = frappe.get_meta("Sales Invoice").get_options("naming_series").split("\n")[0]
		item = self.fixture.make_item("CB-GOODWILL", is_stock_item=False)
		channel = self.channel(
			self.row("razorpay*", order_currency=self.fixture.currency, fee_account=self.fees, book="Now"),
			self.row("*", mode_of_payment=self.mode(), fee_tax_account=self.fixture.tax_account),
			invoice_when="When Delivered",
			invoice_docstatus="Draft",
			invoice_dated="Order",
			invoice_series=series,
			credit_note_series=series,
			credit_notes=0,
			credit_note_docstatus="Draft",
			adjustment_item=item,
			returns="Submitted",
			return_warehouse=self.fixture.second_warehouse,
			send_refunds=1,
		)
		self.assertEqual(
			channel.invoices,
			InvoicePolicy(
				when="When Delivered",
				submit=False,
				dated="Order",
				naming_series=series,
				credit_note_series=series,
			),
		)
		self.assertEqual(
			channel.refunds,
			RefundPolicy(
				credit_notes=False,
				submit=False,
				adjustment_item=item,
				returns="Submitted",
				return_warehouse=self.fixture.second_warehouse,
				send_refunds=True,
			),
		)
		first = PaymentMap(
			gateway="razorpay*",
			currency=self.fixture.currency,
			account=self.clearing,
			fee_account=self.fees,
			book="Now",
		)
		last = PaymentMap(
			gateway="*",
			mode_of_payment=MODE,
			account=self.clearing,
			fee_tax_account=self.fixture.tax_account,
		)
		self.assertEqual(channel.payments, (first, last))

	def test_the_account_of_the_mode_of_payment_is_taken_where_the_row_has_none(self) -> None:
		channel = self.channel(self.row(account=None, mode_of_payment=self.mode(self.fees)))
		self.assertEqual(channel.payments[0].account, self.fees)
		channel = self.channel(self.row(mode_of_payment=MODE))
		self.assertEqual(channel.payments[0].account, self.clearing)


class TestRefused(AccountingCase):
	def test_accounts_that_cannot_be_booked_on(self) -> None:
		group = frappe.db.get_value("Account", {"company": self.company, "is_group": 1})
		debtors = frappe.db.get_value(
			"Account", {"company": self.company, "account_type": "Receivable", "is_group": 0}
		)
		for fieldname in ("account", "fee_account", "fee_tax_account"):
			self.refused("is a group", self.row(**{fieldname: group}))
			self.refused("needs a party", self.row(**{fieldname: debtors}))

	def test_another_company_s_account_and_warehouse(self) -> None:
		warehouse = self.fixture.second_warehouse
		for doctype, name in (("Account", self.fees), ("Warehouse", warehouse)):
			frappe.db.set_value(doctype, name, "company", "Somebody Else")
			frappe.clear_document_cache(doctype, name)
			self.addCleanup(frappe.clear_document_cache, doctype, name)
		for fieldname in ("account", "fee_account", "fee_tax_account"):
			self.refused("belongs to company Somebody Else", self.row(**{fieldname: self.fees}))
		self.refused("belongs to company Somebody Else", return_warehouse=warehouse)

	def test_a_row_that_no_payment_reaches(self) -> None:
		self.refused("row 2 (STRIPE) is never reached: row 1 (stripe)", self.row(), self.row("STRIPE"))
		self.refused(
			"row 2 (stripe_sepa)", self.row("stripe*"), self.row("stripe_sepa", order_currency="EUR")
		)
		self.refused("row 2 (cod)", self.row("*"), self.row("cod"))
		rows = (
			self.row("stripe", order_currency="EUR"),
			self.row("stripe", order_currency="USD"),
			self.row("stripe*"),
		)
		self.assertEqual(len(self.channel(*rows, self.row("*")).payments), 4)

	def test_no_account_is_refused_once_the_channel_is_active(self) -> None:
		rows = (
			self.row("cod", account=None),
			self.row("paytm", account=None, mode_of_payment=self.mode()),
			self.row("klarna", account=None, book="Never"),
		)
		self.saved(*rows)
		said = "no Clearing Account in row 1 (cod), 2 (paytm), nor one of its Mode of Payment"
		self.refused(said, *rows, state="Active")
		frappe.db.set_value("Channel Settings", SHOP, "state", "Active")
		self.refused(said, *rows)

	def test_series_that_are_not_there(self) -> None:
		for fieldname in ("invoice_series", "credit_note_series"):
			self.refused("NO-SUCH-.##### is not a series of Sales Invoice", **{fieldname: "NO-SUCH-.#####"})

	def test_items_that_are_no_service(self) -> None:
		self.refused("is not a service item", adjustment_item=self.fixture.make_item("CB-PHONE"))
		service = self.fixture.make_item("CB-GOODWILL", is_stock_item=False)
		for field, value in (("disabled", 1), ("is_sales_item", 0)):
			before = frappe.db.get_value("Item", service, field)
			frappe.db.set_value("Item", service, field, value)
			frappe.clear_document_cache("Item", service)
			self.refused("may not be sold", adjustment_item=service)
			frappe.db.set_value("Item", service, field, before)
			frappe.clear_document_cache("Item", service)

	def test_a_warehouse_that_is_a_group(self) -> None:
		group = frappe.db.get_value("Warehouse", {"company": self.company, "is_group": 1})
		self.refused("goods are booked on it", return_warehouse=group)


class TestChecked(AccountingCase):
	def found(self, *rows: dict[str, Any], **values: Any) -> dict[str, Check]:
		return {
			check.title: check
			for check in preflight.checks(self.channel(*rows, **values))
			if not check.ok and check.title not in self.before
		}

	def setUp(self) -> None:
		super().setUp()
		self.before = {check.title for check in preflight.checks(self.channel()) if not check.ok}

	def test_a_table_that_is_complete(self) -> None:
		self.paid({"gateway": "stripe", "fee": "0.30"})
		self.assertEqual(self.found(self.row("stripe*", fee_account=self.fees)), {})

	def test_rows_without_an_account(self) -> None:
		found = self.found(self.row("cod", account=None), self.row("klarna", account=None, book="Never"))
		self.assertEqual(list(found), ["Clearing accounts"])
		self.assertEqual(found["Clearing accounts"].severity, "error")
		self.assertIn("row 1 (cod) of", found["Clearing accounts"].fix or "")

	def test_an_account_in_a_currency_that_fits_neither(self) -> None:
		own = self.fixture.currency
		other = next(currency for currency in ("CHF", "USD") if currency != own)
		frappe.db.set_value("Currency", other, "enabled", 1)
		foreign = self.account(f"CB Clearing {other}", "Current Assets", account_currency=other)
		check = self.found(self.row(account=foreign))["Currency of accounts: stripe"]
		self.assertEqual((check.severity, check.doctype, check.document), ("warning", "Account", foreign))
		self.assertIn(f"is in {other}: choose one in {own} as Clearing Account in row 1", check.fix or "")
		frappe.db.set_value("Company", self.company, "exchange_gain_loss_account", self.fees)
		frappe.clear_document_cache("Company", self.company)
		self.addCleanup(frappe.clear_document_cache, "Company", self.company)
		self.assertEqual(self.found(self.row(account=foreign, order_currency=other)), {})
		check = self.found(self.row(fee_account=foreign, order_currency=other))[
			"Currency of accounts: stripe"
		]
		self.assertIn(f"choose one in {own} as Fee Account in row 1 (stripe)", check.fix or "")
		self.assertEqual(check.severity, "error")
		frappe.db.set_value("Company", self.company, "exchange_gain_loss_account", None)
		frappe.clear_document_cache("Company", self.company)
		check = self.found(self.row(account=foreign, order_currency=other))["Exchange differences"]
		self.assertEqual((check.doctype, check.document), ("Company", self.company))

	def test_a_gateway_that_orders_were_paid_by_and_no_row_covers(self) -> None:
		first, last = self.paid({"gateway": "klarna"}, {"gateway": "Klarna"})
		self.assertEqual(self.found(), {}, "a channel without rows books no payments")
		check = self.found(self.row("stripe"))["Gateway Klarna"]
		self.assertEqual((check.severity, check.doctype), ("warning", "Sync Log"))
		self.assertIn(check.document, (first, last))
		self.assertIn("2 of the latest payments", check.fix or "")
		self.assertIn(f"by Klarna in {self.fixture.currency}", check.fix or "")
		self.assertEqual(self.found(self.row("stripe"), self.row("*")), {})

	def test_fees_that_the_shop_tells_and_no_account_takes(self) -> None:
		self.paid({"gateway": "stripe", "fee": "0.30"}, {"gateway": "cod", "fee": "0.00"}, {"gateway": "x"})
		found = self.found(self.row("stripe"), self.row("*"))
		self.assertEqual(list(found), ["Fees of stripe"])

	def test_invoices_without_payments_and_without_an_item_for_goodwill(self) -> None:
		found = self.found(invoice_when="When Paid")
		self.assertEqual(sorted(found), ["Item for Adjustments", "Payments of invoices"])
		item = self.fixture.make_item("CB-GOODWILL", is_stock_item=False)
		for fieldname in ("adjustment_item", "fee_item"):
			chosen = {"adjustment_item": None, "fee_item": None, fieldname: item}
			self.assertEqual(self.found(self.row(), invoice_when="When Paid", **chosen), {})


class TestSuggested(AccountingCase):
	def commit(self, *rows: dict[str, Any]) -> None:
		self.saved(*rows)
		frappe.db.commit()

	def usual(self) -> dict[str, dict[str, Any]]:
		return {row["title"]: row for row in api.usual_gateways(SHOP)}

	def test_gateways_of_orders_are_suggested_where_the_shop_cannot_be_asked(self) -> None:
		self.commit(self.row("stripe*"))
		self.assertIsNone(api.suggestions(SHOP))
		self.paid({"gateway": "klarna", "order_id": "77"}, {"gateway": "stripe"})
		found = api.suggestions(SHOP) or {}
		self.assertEqual(
			list(found["gateways"]),
			[{"gateway": "klarna", "title": None, "example": "Order 77", "covered": False}],
		)

	def test_usual_gateways_are_rows_without_accounts(self) -> None:
		self.commit()
		before = frappe.db.count("Account"), frappe.db.count("Mode of Payment")
		rows = self.usual()
		self.assertEqual(rows["Cash on Delivery"]["book"], "On Delivery")
		self.assertEqual(rows["Razorpay"]["gateway"], "razorpay*")
		self.assertIsNone(rows["Paystack"]["account"])
		self.assertEqual(rows["Bank Transfer"]["mode_of_payment"], "Wire Transfer")
		self.assertEqual((frappe.db.count("Account"), frappe.db.count("Mode of Payment")), before)

	def test_a_clearing_account_of_that_name_is_taken(self) -> None:
		self.commit()
		account = self.account("Paystack Clearing", "Current Assets")
		self.assertEqual(self.usual()["Paystack"]["account"], account)
		frappe.db.set_value("Account", account, "disabled", 1)
		self.assertIsNone(self.usual()["Paystack"]["account"])

	def test_those_that_have_a_row_are_left_out(self) -> None:
		self.commit(self.row("paypal"), self.row("STRIPE*"), self.row("*"))
		self.assertFalse({"PayPal", "Stripe"} & set(self.usual()))
		self.assertIn("Paytm", self.usual())

	def test_each_platform_has_its_own_names(self) -> None:
		self.commit()
		for platform, named in (("shopify", "shopify_payments"), ("woocommerce", "bacs")):
			frappe.db.set_value("Channel Settings", SHOP, "platform", platform)
			channel_settings.load(SHOP, anew=True)
			self.assertIn(named, [row["gateway"] for row in self.usual().values()])
