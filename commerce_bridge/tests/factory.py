"""What site tests need around the app: a channel, items, stock, deliveries. Everything made is committed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note as deliver_invoice
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note, make_sales_invoice

from commerce_bridge.bridge.channel import (
	Channel,
	ChannelStatus,
	Credentials,
	InvoicePolicy,
	OrderPolicy,
	PaymentMap,
	RefundPolicy,
	WarehouseMap,
)
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Parcel
from commerce_bridge.bridge.webhooks import FOLLOW
from commerce_bridge.erpnext import channel_listing, channel_settings, direct_invoice, operations, preflight
from commerce_bridge.erpnext.erp import FrappeChannelState, FrappeErp
from commerce_bridge.erpnext.sync_log import FrappeJournal
from commerce_bridge.erpnext.time import to_site
from commerce_bridge.permissions import INTEGRATION

USER = "commerce-bridge-integration@example.com"
OUR_TABLES = (
	"Sync Log",
	"Sync Attempt",
	"Channel Record",
	"Channel State",
	"Stock Change",
	"Unbooked Sale",
	"Channel Listing Level",
	"Stock Drift",
	"Drift Check",
)

#: Every policy at its default, whatever an earlier test left.
POLICIES: dict[str, Any] = {
	"alert_recipients": [],
	"cost_center": None,
	"orders_from": None,
	"tolerance": 0,
	"rounding_account": None,
	"fee_item": None,
	"owner_title": "ERPNext",
	"owner_images": "ERPNext",
	"owner_price": "ERPNext",
	"owner_customer": "Storefront",
	"order_docstatus": "Submitted",
	"push_stock": 1,
	"stock_buffer": 0,
	"whole_units": 1,
	"first_push_confirmed": 1,
	"dry_run": 0,
	"own_numbering": 0,
	"send_local_changes": 0,
	"afterwards": "Nothing",
	"default_country": "Germany",
	"allowed_ips": "",
	"authentication": "Access Token",
	"api_version": "",
	"test_orders": 0,
	"order_statuses": "",
	"import_renewals": 1,
	"shipped_status": "completed",
	"partly_shipped_status": "",
	"bundle_rows": "Every Row",
	"bundle_keys": "",
	"tax_id_keys": "",
	"fulfilled_in_shop": "Draft Delivery Note",
	"notify_customer": 1,
	"custom_line_item": None,
	"gift_card_item": None,
	"watch_stock": 0,
	"new_item_group": None,
	"owner_stock": "ERPNext",
	"preorder": 0,
	"push_listings": 0,
	"push_prices": 0,
	"compare_at_price_list": None,
	"grade_factor": 1,
	"catalog_fields": [],
	"send_order_status": "Nothing",
	"send_customers": "Nothing",
	"send_invoices": "Nothing",
	"warehouses": [],
	"field_map": [],
	"invoice_when": "Never",
	"invoice_docstatus": "Submitted",
	"invoice_update_stock": 0,
	"invoice_dated": "Payment or Delivery",
	"invoice_series": "",
	"payment_map": [],
	"credit_notes": 1,
	"credit_note_docstatus": "Submitted",
	"credit_note_series": "",
	"adjustment_item": None,
	"send_refunds": 0,
	"returns": "Draft",
	"return_warehouse": None,
}


class SiteFixture:
	"""The contract suite's `Fixture` on a site, and factories for our own tests."""

	refusal = (Rejected, frappe.ValidationError)

	def __init__(self) -> None:
		self.erp, self.journal, self.state = FrappeErp(), FrappeJournal(), FrappeChannelState()
		frappe.db.rollback()
		frappe.set_user("Administrator")
		self.company = frappe.get_all("Company", pluck="name", order_by="creation", limit=1)[0]
		self.currency = frappe.get_cached_value("Company", self.company, "default_currency")
		self.warehouse = self._warehouse("Stores")
		self.second_warehouse = self._warehouse("CB Second")
		self.tax_account = self._tax_account("CB Test Tax")
		self._user()
		for doctype in OUR_TABLES:
			frappe.db.delete(doctype)
		frappe.db.delete("Channel Listing")
		self._forget_parties()
		self._forget_undelivered()
		self.set_alerts()
		others = {"state": ("!=", ChannelStatus.DISABLED.value)}  # channels of other tests
		frappe.db.set_value("Channel Settings", others, "state", ChannelStatus.DISABLED.value)
		frappe.db.commit()
		channel_settings.forget()
		frappe.db.commit()

	def set_alerts(self, **values: Any) -> None:
		"""Alert Settings at their defaults but for these, and by default without quiet hours; not committed."""
		doc = frappe.new_doc("Alert Settings")
		doc.update({"quiet_from": "00:00", "quiet_until": "00:00", **values})
		doc.save(ignore_permissions=True)

	def now(self) -> datetime:
		return utc_now()

	def make_channel(self, name: str, **settings: Any) -> Channel:
		"""Settings are fields of Channel Settings; `status` is its state, `stock` a `StockPolicy`."""
		status = settings.pop("status", ChannelStatus.ACTIVE)
		known = frappe.db.exists("Channel Settings", name)
		doc = frappe.get_doc("Channel Settings", name) if known else frappe.new_doc("Channel Settings")
		doc.update(
			{
				"channel_name": name,
				"platform": "custom",
				"state": ChannelStatus(status).value,
				"company": self.company,
				"currency": self.currency,
				"price_list": "Standard Selling",
				"integration_user": USER,
				"default_warehouse": self.warehouse,
				"customer_group": "Individual",
				"territory": "All Territories",
				"naming_series": "SAL-ORD-.YYYY.-",
				**POLICIES,
				"taxes": [{"title": "*", "code": "", "rate": "", "account": self.tax_account}],
				"shipping_methods": [
					{"method": "*", "item": self.make_item("CB-SHIPPING", is_stock_item=False)}
				],
				**_as_fields(settings),
			}
		)
		with patch.object(
			preflight, "of_storefront", return_value=[]
		):  # most tests have no storefront to ask
			doc.save(ignore_permissions=True)
		if doc.state == "Active":
			frappe.db.delete("Sync Log", {"topic": FOLLOW, "channel": name})  # registers nowhere
		frappe.db.commit()
		return self.state.channel(name)

	def set_credentials(self, channel: str, credentials: Credentials) -> None:
		doc = frappe.get_doc("Channel Settings", channel)
		doc.webhook_secret = credentials.webhook_secrets[0] if credentials.webhook_secrets else None
		doc.api_key, doc.api_secret = credentials.api_key, credentials.api_secret
		doc.access_token = credentials.access_token
		doc.save(ignore_permissions=True)
		frappe.db.commit()

	def make_item(self, item_code: str, barcode: str | None = None, is_stock_item: bool = True) -> str:
		if not frappe.db.exists("Item", item_code):
			frappe.get_doc(
				{
					"doctype": "Item",
					"item_code": item_code,
					"item_name": item_code,
					"item_group": "Products",
					"stock_uom": "Nos",
					"is_stock_item": int(is_stock_item),
					"barcodes": [{"barcode": barcode}] if barcode else [],
				}
			).insert(ignore_permissions=True)
		elif barcode and not frappe.db.exists("Item Barcode", {"parent": item_code, "barcode": barcode}):
			doc = frappe.get_doc("Item", item_code)
			doc.append("barcodes", {"barcode": barcode})
			doc.save(ignore_permissions=True)
		frappe.db.commit()
		return item_code

	def make_bundle(self, item_code: str, components: dict[str, Decimal]) -> None:
		self.make_item(item_code, is_stock_item=False)
		if frappe.db.exists("Product Bundle", {"new_item_code": item_code}):
			return
		rows = [{"item_code": item, "qty": float(quantity)} for item, quantity in components.items()]
		frappe.get_doc({"doctype": "Product Bundle", "new_item_code": item_code, "items": rows}).insert(
			ignore_permissions=True
		)
		frappe.db.commit()

	def make_listing(self, channel: str, item_code: str, sku: str, product_id: str | None = None) -> str:
		key = channel_listing.listing_key(channel, product_id, None, sku)
		known = frappe.db.get_value("Channel Listing", {"listing_key": key})
		if known:
			return known
		doc = frappe.get_doc(
			{
				"doctype": "Channel Listing",
				"channel": channel,
				"item_code": item_code,
				"sku": sku,
				"product_id": product_id,
				"publication": "Published",
				"listing_key": key,
			}
		).insert(ignore_permissions=True)
		frappe.db.commit()
		return doc.name

	def set_stock(self, item_code: str, quantity: Decimal) -> None:
		"""Free of what earlier tests left: their orders are closed, the stock is brought to the number."""
		self._unreserve(item_code)
		self.close_orders(item_code)
		values = {"item_code": item_code, "warehouse": self.warehouse}
		actual = frappe.db.get_value("Bin", values, "actual_qty") or 0
		difference = float(quantity) - actual
		if difference:
			self.move_stock(item_code, difference)

	def move_stock(self, item_code: str, quantity: float, on: date | None = None) -> str:
		"""A Material Receipt, or for a negative quantity an Issue; now, or as a day begins."""
		side = "t_warehouse" if quantity > 0 else "s_warehouse"
		row = {"item_code": item_code, "qty": abs(quantity), side: self.warehouse, "basic_rate": 1}
		kind = "Material Receipt" if quantity > 0 else "Material Issue"
		entry = {"doctype": "Stock Entry", "stock_entry_type": kind, "company": self.company, "items": [row]}
		doc = frappe.get_doc(entry)
		if on:
			doc.update({"set_posting_time": 1, "posting_date": on, "posting_time": "00:00:00"})
		doc.insert(ignore_permissions=True).submit()
		frappe.db.commit()
		return doc.name

	def delivery_of(self, order: str) -> Any:
		"""A Delivery Note, not saved, of all that is left of an order."""
		direct = direct_invoice.doctype_of(order) == direct_invoice.DOCTYPE
		return deliver_invoice(order) if direct else make_delivery_note(order)

	def document_of(self, order: str) -> Any:
		"""The Sales Order of this name, or the Sales Invoice that stands for one."""
		return frappe.get_doc(direct_invoice.doctype_of(order), order)

	def names_of(self, external_id: str, **filters: Any) -> list[str]:
		"""Documents that stand for an order of a shop, oldest first."""
		filters["cb_external_id"] = external_id
		found = frappe.get_all("Sales Order", filters, ["name", "creation"])
		found += frappe.get_all("Sales Invoice", {**filters, direct_invoice.FLAG: 1}, ["name", "creation"])
		return [row.name for row in sorted(found, key=lambda row: (row.creation, row.name))]

	def make_delivery(self, sales_order: str, carrier: str, tracking_number: str) -> str:
		note = self.delivery_of(sales_order)
		note.update({"cb_carrier": carrier, "cb_tracking_number": tracking_number})
		note.insert(ignore_permissions=True).submit()
		frappe.db.commit()
		return note.name

	def deliver_one(self, sales_order: str) -> str:
		return self.stands("partly delivered", sales_order)

	def track_delivery(self, delivery_note: str, *parcels: Parcel, delivered: bool = False) -> None:
		doc = frappe.get_doc("Delivery Note", delivery_note)
		doc.set("cb_parcels", [parcel.model_dump(exclude={"delivered"}) for parcel in parcels])
		doc.cb_delivery_status = "Delivered" if delivered else ""
		doc.save(ignore_permissions=True)
		frappe.db.commit()

	def draft_delivery(self, sales_order: str) -> str:
		note = self.delivery_of(sales_order)
		note.insert(ignore_permissions=True)
		frappe.db.commit()
		return note.name

	def submit_delivery(self, delivery_note: str) -> None:
		frappe.get_doc("Delivery Note", delivery_note).submit()
		frappe.db.commit()

	def delete_delivery(self, delivery_note: str) -> None:
		frappe.delete_doc("Delivery Note", delivery_note)
		frappe.db.commit()

	def deliveries(self, sales_order: str) -> list[dict[str, Any]]:
		frappe.db.rollback()
		names = frappe.get_all(
			"Delivery Note Item",
			or_filters={"against_sales_order": sales_order, "against_sales_invoice": sales_order},
			pluck="parent",
			distinct=True,
			order_by="parent",
		)
		return [_as_delivered(frappe.get_doc("Delivery Note", name)) for name in names]

	def row_names(self, sales_order: str) -> dict[str, str]:
		frappe.db.rollback()
		rows = self.document_of(sales_order).items
		return {row.cb_line_id: row.item_name for row in rows if row.cb_line_id}

	def row_warehouses(self, sales_order: str) -> dict[str, str]:
		frappe.db.rollback()
		rows = self.document_of(sales_order).items
		return {row.cb_line_id: row.warehouse for row in rows if row.cb_line_id}

	def cancel_delivery(self, delivery_note: str) -> None:
		frappe.get_doc("Delivery Note", delivery_note).cancel()
		frappe.db.commit()

	def entry(self, name: str) -> dict[str, Any]:
		frappe.db.rollback()
		return frappe.db.get_value("Sync Log", name, "*", as_dict=True)

	def entries_about(self, document: str) -> list[dict[str, Any]]:
		frappe.db.rollback()
		fields = ["name", "topic", "direction", "state"]
		return frappe.get_all("Sync Log", {"reference_name": document}, fields, order_by="creation")

	def entries_of(self, external_id: str, topic: str) -> list[dict[str, Any]]:
		frappe.db.rollback()
		filters = {"external_id": external_id, "topic": topic}
		return frappe.get_all("Sync Log", filters, "*", order_by="creation, name")

	def push_errors(self, listing: str) -> list[str | None]:
		frappe.db.rollback()
		fields = ["stock_error", "price_error", "listing_error"]
		return list(frappe.db.get_value("Channel Listing", listing, fields))

	def count_sales_orders(self, external_id: str) -> int:
		frappe.db.rollback()
		return len(self.names_of(external_id, docstatus=("<", 2)))

	standing = ("partly delivered", "delivered", "billed", "draft delivery", "draft invoice")

	def live_orders(self, external_id: str) -> list[dict[str, Any]]:
		"""Documents of an order that are not cancelled, with what tests compare."""
		frappe.db.rollback()
		names = self.names_of(external_id, docstatus=("<", 2))
		return [_as_compared(self.document_of(name)) for name in names]

	def documents(self, external_id: str) -> int:
		frappe.db.rollback()
		return len(self.names_of(external_id))

	def stands(self, what: str, sales_order: str) -> str:
		"""Puts a document on a Sales Order, see `CellFixture.stands`."""
		make = make_sales_invoice if what in ("billed", "draft invoice") else self.delivery_of
		doc = make(sales_order)
		if what == "partly delivered":
			doc.items = doc.items[:1]
			doc.items[0].qty = 1
		doc.insert(ignore_permissions=True)
		if not what.startswith("draft"):
			doc.submit()
		frappe.db.commit()
		return doc.name

	def cancel_by_hand(self, sales_order: str) -> None:
		self.document_of(sales_order).cancel()
		frappe.db.commit()

	def skip(self, entry: str) -> None:
		operations.skip([entry], "given up")
		frappe.db.commit()

	def requeue(self, entry: str) -> None:
		operations.requeue([entry], ("Skipped", "Failed"))
		frappe.db.commit()

	def addresses_of(self, customer: str) -> int:
		frappe.db.rollback()
		link = {"link_doctype": "Customer", "link_name": customer, "parenttype": "Address"}
		return frappe.db.count("Dynamic Link", link)

	def drifts(self, channel: str) -> list[tuple[str, str | None, Decimal, Decimal]]:
		frappe.db.rollback()
		rows = frappe.get_all("Stock Drift", {"channel": channel}, ["kind", "sku", "shown", "available"])
		return sorted(
			(row.kind, row.sku, Decimal(str(row.shown)), Decimal(str(row.available))) for row in rows
		)

	def drift_checks(self, channel: str) -> list[tuple[str, int, Decimal]]:
		frappe.db.rollback()
		fields = ["name", "drifted", "units"]
		rows = frappe.get_all("Drift Check", {"channel": channel}, fields, order_by="started")
		return [(row.name, row.drifted, Decimal(str(row.units))) for row in rows]

	def close_orders(self, item_code: str) -> None:
		"""Nothing of the item is promised to orders of earlier tests any more."""
		open_ones = ["status", "not in", ("Closed", "Completed", "Cancelled")]
		names = {
			name
			for doctype in ("Sales Order Item", "Packed Item")
			for name in frappe.get_all(
				"Sales Order", [open_ones, [doctype, "item_code", "=", item_code]], pluck="name"
			)
		}
		for name in sorted(names):
			doc = frappe.get_doc("Sales Order", name)
			if doc.docstatus == 0:
				doc.delete(ignore_permissions=True)
			else:
				doc.update_status("Closed")
		frappe.db.commit()

	def _unreserve(self, item_code: str) -> None:
		filters = {"item_code": item_code, "docstatus": 1, "status": ("not in", ("Delivered", "Cancelled"))}
		for name in frappe.get_all("Stock Reservation Entry", filters, pluck="name"):
			frappe.get_doc("Stock Reservation Entry", name).cancel()

	def _forget_undelivered(self) -> None:
		"""Invoices of earlier runs that stood for orders stand for none any more, and promise nobody goods."""
		frappe.db.sql("UPDATE `tabSales Invoice Item` SET cb_undelivered = 0 WHERE cb_undelivered = 1")
		frappe.db.sql("UPDATE `tabSales Invoice` SET cb_instead_of_order = 0 WHERE cb_instead_of_order = 1")

	def _forget_parties(self) -> None:
		"""Orders and contacts of earlier runs stay, but nobody finds them by what these tests look for."""
		frappe.db.sql(
			"UPDATE `tabSales Order` SET cb_external_id = NULL WHERE cb_external_id IS NOT NULL AND cb_channel != ''"
		)
		frappe.db.sql("UPDATE `tabSales Invoice` SET cb_external_id = NULL WHERE cb_instead_of_order = 1")
		for domain in ("%.example", "%@example.com"):
			frappe.db.delete("Contact Email", {"email_id": ("like", domain)})
		frappe.db.delete("Contact Phone", {"phone": ("like", "+49%")})

	def _warehouse(self, title: str) -> str:
		values = {"company": self.company, "is_group": 0, "warehouse_name": title}
		found = frappe.get_all("Warehouse", values, pluck="name", limit=1)
		if found:
			return found[0]
		return frappe.get_doc({"doctype": "Warehouse", **values}).insert(ignore_permissions=True).name

	def _tax_account(self, title: str) -> str:
		name = frappe.db.get_value("Account", {"account_name": title, "company": self.company})
		if name:
			return name
		parent = frappe.db.get_value(
			"Account", {"company": self.company, "is_group": 1, "account_name": "Duties and Taxes"}
		)
		account = {
			"doctype": "Account",
			"account_name": title,
			"parent_account": parent,
			"company": self.company,
		}
		return frappe.get_doc({**account, "account_type": "Tax"}).insert(ignore_permissions=True).name

	def _user(self) -> None:
		if not frappe.db.exists("User", USER):
			user = {
				"doctype": "User",
				"email": USER,
				"first_name": "Commerce Bridge",
				"send_welcome_email": 0,
			}
			frappe.get_doc(user).insert(ignore_permissions=True)
		if not frappe.db.exists("Has Role", {"parenttype": "User", "parent": USER, "role": INTEGRATION}):
			frappe.get_doc("User", USER).add_roles(INTEGRATION)  # saves the user, and forgets what is cached


def _as_fields(settings: dict[str, Any]) -> dict[str, Any]:
	"""Values of the engine's `Channel` among the settings as the fields of the form."""
	fields = dict(settings)
	if policy := fields.pop("stock", None):
		fields |= {
			"push_stock": policy.push,
			"stock_buffer": float(policy.buffer),
			"watch_stock": int(policy.watch),
		}
	if orders := fields.pop("orders", None):
		fields |= _order_policy(orders)
	if events := fields.pop("events", None):
		fields |= {
			"send_order_status": events.order_status,
			"send_customers": events.customers,
			"send_invoices": events.invoices,
		}
	if invoices := fields.pop("invoices", None):
		fields |= _invoice_policy(invoices)
	if payments := fields.pop("payments", None):
		fields["payment_map"] = [_payment_row(row) for row in payments]
	if refunds := fields.pop("refunds", None):
		fields |= _refund_policy(refunds)
	if items := fields.pop("line_items", None):
		fields |= {"custom_line_item": items.custom, "gift_card_item": items.gift_card}
	if "warehouses" in fields:
		fields["warehouses"] = [_warehouse_row(row) for row in fields["warehouses"]]
	return fields


def _order_policy(policy: OrderPolicy) -> dict[str, Any]:
	return {
		"order_docstatus": "Submitted" if policy.submit else "Draft",
		"order_statuses": "\n".join(policy.statuses),
		"orders_from": to_site(policy.from_date),
		"afterwards": policy.afterwards,
		"send_local_changes": int(policy.send_local_changes),
		"test_orders": int(policy.test_orders),
		"import_renewals": int(policy.renewals),
		"fulfilled_in_shop": policy.fulfilled_in_shop,
	}


def _invoice_policy(policy: InvoicePolicy) -> dict[str, Any]:
	return {
		"invoice_when": policy.when,
		"invoice_docstatus": "Submitted" if policy.submit else "Draft",
		"invoice_update_stock": int(policy.update_stock),
		"invoice_dated": "Order" if policy.dated == "Order" else "Payment or Delivery",
		"invoice_series": policy.naming_series or "",
		"credit_note_series": policy.credit_note_series or "",
	}


def _payment_row(row: PaymentMap) -> dict[str, Any]:
	return {**row.model_dump(exclude={"currency"}), "order_currency": row.currency}


def _refund_policy(policy: RefundPolicy) -> dict[str, Any]:
	return {
		"credit_notes": int(policy.credit_notes),
		"credit_note_docstatus": "Submitted" if policy.submit else "Draft",
		"adjustment_item": policy.adjustment_item,
		"returns": policy.returns,
		"return_warehouse": policy.return_warehouse,
		"send_refunds": int(policy.send_refunds),
	}


def _warehouse_row(row: Any) -> Any:
	"""As the table of the form has it."""
	return row.model_dump(include={"warehouse", "location_id"}) if isinstance(row, WarehouseMap) else row


def _as_compared(doc: Any) -> dict[str, Any]:
	return {
		"name": doc.name,
		"customer": doc.customer,
		"submitted": doc.docstatus == 1,
		"grand_total": Decimal(str(doc.grand_total)),
		"taxes": Decimal(str(doc.total_taxes_and_charges)),
		"quantities": {row.cb_line_id: Decimal(str(row.qty)) for row in doc.items if row.cb_line_id},
	}


def _as_delivered(doc: Any) -> dict[str, Any]:
	parcels = [(row.carrier, row.tracking_number) for row in doc.cb_parcels]
	if not parcels and (doc.cb_carrier or doc.cb_tracking_number):
		parcels = [(doc.cb_carrier, doc.cb_tracking_number)]
	return {
		"name": doc.name,
		"status": ("Draft", "Submitted", "Cancelled")[doc.docstatus],
		"quantities": {row.cb_line_id: Decimal(str(row.qty)) for row in doc.items if row.cb_line_id},
		"warehouses": {row.warehouse for row in doc.items if row.cb_line_id},
		"parcels": parcels,
	}
