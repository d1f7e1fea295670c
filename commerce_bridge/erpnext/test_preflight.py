"""Each thing that would make ERPNext refuse or change an order is found, with what to change where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from frappe.client import set_value

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.channel import ChannelStatus, Credentials, FieldMap
from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.protocols import Check, HttpResponse, Token
from commerce_bridge.erpnext import channel_settings, channel_state, preflight
from commerce_bridge.tests import settings
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Preflight Shop"
MANAGER = "cb-preflight-manager@example.com"


class TestPreflight(SiteTestCase):
	def setUp(self) -> None:
		self.addCleanup(frappe.db.rollback)
		self.fixture = SiteFixture()
		territory = frappe.db.get_value("Territory", {"is_group": 0})
		self.channel = self.fixture.make_channel(SHOP, territory=territory)
		self.fixture.make_item("CB-CHECKED")
		self.fixture.make_listing(SHOP, "CB-CHECKED", "CB-CHECKED")
		settings.change(self, "Selling Settings", allow_multiple_items=1, cust_master_name="Naming Series")
		settings.change(self, "Stock Settings", auto_insert_price_list_rate_if_missing=0)

	def found(self, **channel: Any) -> dict[str, Check]:
		"""What is to be changed, by title."""
		changed = self.channel.model_copy(update=channel)
		return {check.title: check for check in preflight.checks(changed) if not check.ok}

	def only(self, title: str, doctype: str, named: str, **channel: Any) -> None:
		found = self.found(**channel)
		self.assertEqual(list(found), [title])
		self.assertEqual(found[title].doctype, doctype)
		self.assertIn(named, found[title].fix or "")

	def item(self, **values: Any) -> None:
		doc = frappe.get_doc("Item", "CB-CHECKED")
		before = {field: doc.get(field) for field in values}
		self.addCleanup(self.save_item, before)
		self.save_item(values)

	def save_item(self, values: dict[str, Any]) -> None:
		frappe.db.rollback()
		frappe.get_doc("Item", "CB-CHECKED").update(values).save()
		frappe.db.commit()

	def test_a_channel_that_is_ready(self) -> None:
		self.assertEqual(self.found(), {})

	def test_the_integration_user(self) -> None:
		self.only(
			"Integration user", "Channel Settings", "Integration User", integration_user="nobody@x.example"
		)

	def test_decimals(self) -> None:
		found = self.found(currency="KWD")["Decimals of the currency"]
		self.assertEqual((found.doctype, found.severity), ("System Settings", "error"))
		self.assertIn("Currency Precision to 3", found.fix or "")

	def test_the_exchange_rate(self) -> None:
		self.no_rate("NOK")
		settings.change(
			self, "Accounts Settings", allow_multi_currency_invoices_against_single_party_account=1
		)
		self.only("Exchange rate", "Currency Exchange", "from NOK to", currency="NOK")
		self.rate("NOK", 1)
		self.only("Exchange rate", "Currency Exchange", "today or earlier", currency="NOK")
		self.rate("NOK", -1)
		self.assertEqual(self.found(currency="NOK"), {})

	def no_rate(self, currency: str) -> None:
		frappe.db.delete("Currency Exchange", {"from_currency": currency})
		frappe.db.commit()

	def rate(self, currency: str, days: int) -> None:
		values = {"from_currency": currency, "to_currency": self.channel.company_currency}
		date = frappe.utils.add_days(frappe.utils.nowdate(), days)
		rate = {"doctype": "Currency Exchange", **values, "date": date, "exchange_rate": 0.1}
		frappe.get_doc({**rate, "for_selling": 1, "for_buying": 1}).insert()

	def test_an_account_for_invoices_in_another_currency(self) -> None:
		self.no_rate("NOK")
		settings.change(
			self, "Accounts Settings", allow_multi_currency_invoices_against_single_party_account=0
		)
		self.rate("NOK", 0)
		self.only("Account for invoices", "Accounts Settings", "receivable account in NOK", currency="NOK")
		group = self.customer_group()
		group.append("accounts", {"company": self.fixture.company, "account": self.receivable("NOK")})
		group.save()
		self.assertEqual(self.found(currency="NOK", customer_group=group.name), {})

	def customer_group(self) -> Any:
		values = {"doctype": "Customer Group", "customer_group_name": f"CB {frappe.generate_hash(length=6)}"}
		return frappe.get_doc({**values, "parent_customer_group": "All Customer Groups"}).insert()

	def receivable(self, currency: str) -> str:
		own = frappe.get_cached_value("Company", self.fixture.company, "default_receivable_account")
		values = {"parent_account": frappe.db.get_value("Account", own, "parent_account")}
		values |= {"account_name": f"CB Debtors {currency}", "account_type": "Receivable"}
		account = {"doctype": "Account", **values, "company": self.fixture.company}
		return frappe.get_doc({**account, "account_currency": currency}).insert().name

	def test_repeated_items(self) -> None:
		settings.change(self, "Selling Settings", allow_multiple_items=0)
		self.only("Repeated items", "Selling Settings", "Added Multiple Times")
		self.assertEqual(self.found()["Repeated items"].severity, "warning")

	def test_repeated_purchase_orders(self) -> None:
		"""Only where a field map fills in the number."""
		settings.change(self, "Selling Settings", allow_against_multiple_purchase_orders=0)
		self.assertEqual(self.found(), {})
		fields = (FieldMap(path="po", doctype="Sales Order", fieldname="po_no"),)
		self.only("Repeated purchase orders", "Selling Settings", "Purchase Order", fields=fields)
		settings.change(self, "Selling Settings", allow_against_multiple_purchase_orders=1)
		self.assertEqual(self.found(fields=fields), {})

	def test_credit_limits(self) -> None:
		group = self.customer_group()
		self.assertEqual(self.found(customer_group=group.name), {})
		group.append("credit_limits", {"company": self.fixture.company, "credit_limit": 100})
		group.save()
		self.only("Credit limit", "Customer Group", group.name, customer_group=group.name)
		drafts = self.channel.orders.model_copy(update={"submit": False})
		self.assertEqual(self.found(customer_group=group.name, orders=drafts), {})
		group.credit_limits[0].bypass_credit_limit_check = 1
		group.save()
		self.assertEqual(self.found(customer_group=group.name), {})

	def test_a_customer_s_credit_limit(self) -> None:
		group = self.customer_group()
		values = {"customer_name": "CB Limited", "customer_group": group.name}
		customer = frappe.get_doc({"doctype": "Customer", **values}).insert()
		customer.append("credit_limits", {"company": self.fixture.company, "credit_limit": 100})
		customer.save()
		self.only("Credit limit", "Customer", customer.name, customer_group=group.name)

	def test_the_company_s_credit_limit(self) -> None:
		frappe.db.set_value("Company", self.fixture.company, "credit_limit", 100)
		self.addCleanup(frappe.clear_document_cache, "Company", self.fixture.company)
		frappe.clear_document_cache("Company", self.fixture.company)
		self.only("Credit limit", "Company", self.fixture.company)

	def test_an_active_workflow(self) -> None:
		"""Written past its controller, which would add a column to the table of orders and commit."""
		values = {"doctype": "Workflow", "name": "CB Approval", "document_type": "Sales Order"}
		workflow = frappe.get_doc({**values, "workflow_name": "CB Approval", "is_active": 1})
		workflow.db_insert()
		self.only("Workflow", "Workflow", "CB Approval")
		drafts = self.channel.orders.model_copy(update={"submit": False})
		self.assertEqual(self.found(orders=drafts), {})
		workflow.db_set("is_active", 0)
		self.assertEqual(self.found(), {})

	def test_prices_made_from_orders(self) -> None:
		settings.change(self, "Stock Settings", auto_insert_price_list_rate_if_missing=1)
		self.only("Prices made from orders", "Stock Settings", "Auto Insert Item Price")

	def test_reserving_needs_reservations(self) -> None:
		orders = self.channel.orders.model_copy(update={"afterwards": "Reserve Stock"})
		settings.change(self, "Stock Settings", enable_stock_reservation=0)
		self.only("Stock reservation", "Stock Settings", "Enable Stock Reservation", orders=orders)

	def test_maximum_discounts(self) -> None:
		self.item(max_discount=10)
		self.only("Maximum discounts", "Item", "CB-CHECKED")

	def test_item_tax_templates(self) -> None:
		template = self.tax_template()
		self.item(taxes=[{"item_tax_template": template}])
		self.only("Item Tax Templates", "Item", "CB-CHECKED")

	def test_item_tax_templates_of_groups(self) -> None:
		group = frappe.get_doc("Item Group", "Products")
		group.is_group = 1  # other tests have put groups below it
		group.append("taxes", {"item_tax_template": self.tax_template()})
		group.save()
		self.only("Tax Templates of groups", "Item Group", "Products")

	def test_where_nothing_is_listed_every_item_counts(self) -> None:
		self.item(max_discount=10)
		frappe.db.delete("Channel Listing", {"channel": SHOP})
		self.assertEqual(list(self.found()), ["Listings", "Maximum discounts"])

	def tax_template(self) -> str:
		values = {"doctype": "Item Tax Template", "company": self.fixture.company}
		title = f"CB {frappe.generate_hash(length=6)}"
		rows = [{"tax_type": self.fixture.tax_account, "tax_rate": 7}]
		name = frappe.get_doc({**values, "title": title, "taxes": rows}).insert().name
		frappe.db.commit()
		return name

	def test_disabled_items(self) -> None:
		self.fixture.set_stock("CB-CHECKED", Decimal(0))
		self.item(disabled=1)
		self.only("Disabled items", "Item", "CB-CHECKED")
		self.assertEqual(self.found()["Disabled items"].severity, "warning")

	def test_naming_of_customers(self) -> None:
		settings.change(self, "Selling Settings", cust_master_name="Customer Name")
		self.only("Naming of customers", "Selling Settings", "Naming Series")

	def test_groups_where_members_are_needed(self) -> None:
		"""ERPNext takes customers in groups; its reports do not."""
		self.only("Customer Group", "Channel Settings", "is a group", customer_group="All Customer Groups")
		self.only("Territory", "Channel Settings", "Choose a Territory", territory="")

	def test_nothing_listed(self) -> None:
		frappe.db.delete("Channel Listing", {"channel": SHOP})
		self.only("Listings", "Channel Listing", "Add the items")


class TestActivation(SiteTestCase):
	"""Whatever makes a channel Active asks first whether its orders can be booked."""

	def setUp(self) -> None:
		self.addCleanup(frappe.db.rollback)
		self.addCleanup(frappe.set_user, "Administrator")
		self.fixture = SiteFixture()
		self.fixture.make_channel(SHOP, status=ChannelStatus.DISABLED)
		# ERPNext fills in the default warehouse of Stock Settings where a new document has none
		self.fixture.make_channel(SHOP, status=ChannelStatus.DISABLED, default_warehouse=None, store_url="")
		if not frappe.db.exists("User", MANAGER):
			values = {"doctype": "User", "email": MANAGER, "first_name": "Manager", "send_welcome_email": 0}
			frappe.get_doc(values).insert().add_roles("Commerce Bridge Manager")
			frappe.db.commit()
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=(signatures.new_secret(),)))
		frappe.local.message_log = []

	def storefront(self, answer: Any) -> None:
		"""What the storefront answers to a ping; an exception is raised."""
		response = {"return_value": answer} if isinstance(answer, HttpResponse) else {"side_effect": answer}
		frappe.db.set_value("Channel Settings", SHOP, "store_url", "https://shop.example")
		frappe.db.commit()
		frappe.clear_document_cache("Channel Settings", SHOP)
		ping = patch("commerce_bridge.connectors.custom.client.CustomClient.post", **response)
		self.posted = ping.start()
		self.addCleanup(ping.stop)

	def activate(self, **values: Any) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update({"state": "Active", "default_warehouse": self.fixture.warehouse, **values}).save()

	def test_what_the_storefront_refuses_keeps_a_channel_from_becoming_active(self) -> None:
		self.storefront(Misconfigured("The storefront answered 401: check <b>the secret</b>"))
		for way in (self.activate, self.rest):
			with self.assertRaisesRegex(frappe.ValidationError, "answered 401: check &lt;b&gt;the secret"):
				way()
			frappe.db.rollback()
			self.assertEqual(frappe.db.get_value("Channel Settings", SHOP, "state"), "Disabled")
		self.assertEqual(self.posted.call_count, 2)

	def rest(self) -> None:
		values = {"state": "Active", "default_warehouse": self.fixture.warehouse}
		set_value("Channel Settings", SHOP, values)

	def test_a_storefront_that_does_not_answer_is_told_of_and_holds_nothing_up(self) -> None:
		self.storefront(Retryable("The storefront answered 503"))
		self.activate(taxes=[])
		self.assertEqual(frappe.db.get_value("Channel Settings", SHOP, "state"), "Active")
		for told in ("The storefront did not answer", "answered 503", "Worth a look", "Add a row to Taxes"):
			self.assertIn(told, self.messages())

	def test_a_storefront_that_takes_the_ping(self) -> None:
		self.storefront(HttpResponse(200, {}, b""))
		self.activate()
		self.assertNotIn("did not answer", self.messages())
		self.posted.assert_called_once_with("ping", {})

	def test_the_check_is_of_the_credentials_that_are_being_saved(self) -> None:
		"""The secret just entered, not the one before; an untouched one is read from where it is kept."""
		kept = frappe.get_doc("Channel Settings", SHOP).get_password("webhook_secret")
		entered = signatures.new_secret()
		for values, secret in (({"webhook_secret": entered}, entered), ({}, kept)):
			doc = frappe.get_doc("Channel Settings", SHOP).update(values)
			self.assertEqual(channel_settings.credentials_of(doc).webhook_secrets, (secret,))

	def test_nothing_of_a_check_is_kept(self) -> None:
		"""It may be of credentials that are refused: their token must not become the channel's."""
		memory: list[Any] = []

		def built(channel: Any, credentials: Any, surroundings: Any) -> Any:
			memory.append(surroundings.memory)
			surroundings.memory.save_token(SHOP, Token("of another shop"))
			surroundings.memory.save_facts(SHOP, {"WooCommerce": "10"})
			raise Misconfigured("The key is wrong")

		with patch("commerce_bridge.connectors.build", built), self.assertRaises(frappe.ValidationError):
			self.activate()
		self.assertEqual(memory[0].get_token(SHOP).value, "of another shop")
		self.assertIsNone(channel_state.get_token(SHOP))
		self.assertEqual(channel_state.get_facts(SHOP), {})

	def messages(self) -> str:
		return " ".join(str(message) for message in frappe.get_message_log())

	def test_a_manager_is_told_what_to_change_and_then_let_through(self) -> None:
		frappe.set_user(MANAGER)
		with self.assertRaisesRegex(frappe.ValidationError, "Choose a Default Warehouse"):
			set_value("Channel Settings", SHOP, "state", "Active")
		frappe.db.rollback()
		set_value("Channel Settings", SHOP, {"state": "Active", "default_warehouse": self.fixture.warehouse})
		self.assertEqual(frappe.db.get_value("Channel Settings", SHOP, "state"), "Active")

	def test_every_error_is_listed_with_a_link(self) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		price_list = frappe.get_doc(
			{"doctype": "Price List", "price_list_name": "CB Dinar", "currency": "KWD", "selling": 1}
		).insert()
		frappe.db.delete("Currency Exchange", {"from_currency": "KWD"})
		doc.update({"state": "Active", "currency": "KWD", "price_list": price_list.name})
		with self.assertRaises(frappe.ValidationError) as refused:
			doc.save()
		for advice in ("Choose a Default Warehouse", "Currency Precision to 3", "Create a Currency Exchange"):
			self.assertIn(advice, str(refused.exception))
		self.assertIn("/app/currency-exchange", str(refused.exception))
		self.assertNotIn("Add a row", str(refused.exception), "warnings refuse nothing")

	def test_inserted_as_active(self) -> None:
		values = frappe.get_doc("Channel Settings", SHOP).as_dict()
		values.update({"name": None, "channel_name": "Preflight Copy", "state": "Active"})
		values["integration_user"] = MANAGER
		with self.assertRaisesRegex(frappe.ValidationError, "Choose a user with the role"):
			frappe.get_doc(values).insert()

	def test_warnings_are_shown_and_hold_nothing_up(self) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update({"state": "Active", "default_warehouse": self.fixture.warehouse, "taxes": []})
		doc.save()
		self.assertIn("Add a row to Taxes", self.messages())
		self.assertEqual(channel_settings.effective_status(doc), ChannelStatus.ACTIVE)

	def test_an_active_channel_is_not_asked_again(self) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update({"state": "Active", "default_warehouse": self.fixture.warehouse}).save()
		frappe.local.message_log = []
		doc.update({"taxes": []}).save()
		self.assertEqual(self.messages(), "")

	def test_what_people_typed_is_text_in_the_message(self) -> None:
		check = Check(False, "Item <i>", "Change <img src=x>", "error", "Item", "A<b>")
		advice = preflight._advice(check)
		self.assertNotIn("<img", advice)
		self.assertNotIn("A<b>", advice)
