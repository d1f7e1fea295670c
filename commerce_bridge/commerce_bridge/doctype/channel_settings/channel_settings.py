"""One store: where it is, what is taken from it and sent to it. Validation only; `erpnext/` reads it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import frappe
import jmespath
from frappe import _
from frappe.model.document import Document

from commerce_bridge import connectors
from commerce_bridge.bridge.mapping import names_gateway
from commerce_bridge.bridge.orders import INSTEAD
from commerce_bridge.erpnext import catalog, channel_state, preflight
from commerce_bridge.erpnext.channel_settings import (
	channel_of,
	credentials_of,
	follow_credentials,
	given_credentials,
	lines_of,
	new_webhook_secret,
	payment_account,
	register_platforms,
	remember_site,
)
from commerce_bridge.permissions import INTEGRATION

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
NEEDED_WHEN_ACTIVE = ("company", "currency", "price_list", "integration_user")
# What a platform has a say in, see `connectors.settings_problems`.
OF_PLATFORM = (
	"store_url",
	"api_version",
	"authentication",
	"order_statuses",
	"shipped_status",
	"partly_shipped_status",
)
# What the engine itself decides on a document; a field map must not write over it.
ENGINE_FIELDS = frozenset(
	"name owner docstatus status company customer currency conversion_rate amended_from grand_total "
	"item_code qty rate amount cb_channel cb_external_id cb_line_id cb_listing".split()
)
# What becomes of a field map's target where Sales Invoices are made instead of Sales Orders.
INVOICE_OF = {"Sales Order": "Sales Invoice", "Sales Order Item": "Sales Invoice Item"}


class ChannelSettings(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from commerce_bridge.commerce_bridge.doctype.channel_alert_recipient.channel_alert_recipient import (
			ChannelAlertRecipient,
		)
		from commerce_bridge.commerce_bridge.doctype.channel_catalog_field.channel_catalog_field import (
			ChannelCatalogField,
		)
		from commerce_bridge.commerce_bridge.doctype.channel_field.channel_field import ChannelField
		from commerce_bridge.commerce_bridge.doctype.channel_payment_map.channel_payment_map import (
			ChannelPaymentMap,
		)
		from commerce_bridge.commerce_bridge.doctype.channel_shipping_method.channel_shipping_method import (
			ChannelShippingMethod,
		)
		from commerce_bridge.commerce_bridge.doctype.channel_tax.channel_tax import ChannelTax
		from commerce_bridge.commerce_bridge.doctype.channel_warehouse.channel_warehouse import (
			ChannelWarehouse,
		)
		from frappe.types import DF

		access_token: DF.Password | None
		adjustment_item: DF.Link | None
		afterwards: DF.Literal["Nothing", "Reserve Stock", "Create Pick List"]
		alert_recipients: DF.TableMultiSelect[ChannelAlertRecipient]
		allowed_ips: DF.SmallText | None
		api_key: DF.Data | None
		api_secret: DF.Password | None
		api_version: DF.Data | None
		authentication: DF.Literal["Access Token", "Client Credentials", "Authorisation"]
		bundle_keys: DF.SmallText | None
		bundle_rows: DF.Literal["Every Row", "Containers", "Parts"]
		catalog_fields: DF.Table[ChannelCatalogField]
		channel_name: DF.Data
		company: DF.Link | None
		compare_at_price_list: DF.Link | None
		cost_center: DF.Link | None
		credit_note_docstatus: DF.Literal["Draft", "Submitted"]
		credit_note_series: DF.Autocomplete | None
		credit_notes: DF.Check
		currency: DF.Link | None
		custom_line_item: DF.Link | None
		customer_group: DF.Link | None
		default_country: DF.Link | None
		default_warehouse: DF.Link | None
		dry_run: DF.Check
		enabled_host: DF.Data | None
		enabled_id: DF.Data | None
		enabled_site: DF.Data | None
		fee_item: DF.Link | None
		field_map: DF.Table[ChannelField]
		first_push_confirmed: DF.Check
		fulfilled_in_shop: DF.Literal["Draft Delivery Note", "Fail"]
		gift_card_item: DF.Link | None
		grade_factor: DF.Check
		import_renewals: DF.Check
		integration_user: DF.Link | None
		invoice_dated: DF.Literal["Payment or Delivery", "Order"]
		invoice_docstatus: DF.Literal["Draft", "Submitted"]
		invoice_series: DF.Autocomplete | None
		invoice_update_stock: DF.Check
		invoice_when: DF.Literal["Never", "When Paid", "When Delivered", "Instead of Sales Order"]
		naming_series: DF.Data | None
		new_item_group: DF.Link | None
		notify_customer: DF.Check
		order_docstatus: DF.Literal["Draft", "Submitted"]
		order_statuses: DF.SmallText | None
		orders_from: DF.Datetime | None
		own_numbering: DF.Check
		owner_customer: DF.Literal["ERPNext", "Storefront", "Nobody"]
		owner_images: DF.Literal["ERPNext", "Storefront", "Nobody"]
		owner_price: DF.Literal["ERPNext", "Storefront", "Nobody"]
		owner_stock: DF.Literal["ERPNext", "Storefront", "Nobody"]
		owner_title: DF.Literal["ERPNext", "Storefront", "Nobody"]
		partly_shipped_status: DF.Data | None
		payment_map: DF.Table[ChannelPaymentMap]
		platform: DF.Data
		preorder: DF.Check
		previous_secret_expires: DF.Datetime | None
		previous_webhook_secret: DF.Password | None
		price_list: DF.Link | None
		push_listings: DF.Check
		push_prices: DF.Check
		push_stock: DF.Check
		return_warehouse: DF.Link | None
		returns: DF.Literal["Nothing", "Draft", "Submitted"]
		rounding_account: DF.Link | None
		send_customers: DF.Literal["Nothing", "Own", "All"]
		send_local_changes: DF.Check
		send_invoices: DF.Literal["Nothing", "Own", "Own with PDF"]
		send_order_status: DF.Literal["Nothing", "Own", "All"]
		send_refunds: DF.Check
		shipped_status: DF.Data | None
		shipping_methods: DF.Table[ChannelShippingMethod]
		state: DF.Literal["Active", "Paused", "Disabled"]
		stock_buffer: DF.Float
		store_url: DF.Data | None
		tax_id_keys: DF.SmallText | None
		taxes: DF.Table[ChannelTax]
		territory: DF.Link | None
		test_orders: DF.Check
		tolerance: DF.Float
		warehouses: DF.Table[ChannelWarehouse]
		watch_stock: DF.Check
		webhook_secret: DF.Password | None
		whole_units: DF.Check

	# end: auto-generated types
	def validate(self) -> None:
		"""Every setting that can be wrong before the first order is refused here, by the name of its field."""
		self.validate_name()
		self.validate_platform()
		self.validate_needed_when_active()
		self.validate_store_url()
		self.validate_connection()
		self.validate_allowed_ips()
		self.validate_amounts()
		self.validate_currency()
		self.validate_warehouses()
		self.validate_accounts()
		self.validate_series()
		self.validate_instead_of_orders()
		self.validate_payment_map()
		self.validate_refunds()
		self.validate_field_map()
		self.validate_bundle_keys()
		self.validate_catalog()
		if self.state == "Active" and self.has_value_changed("state"):
			preflight.require(channel_of(self), credentials_of(self))
			remember_site(self)
		self.validate_integration_user()

	def before_rename(self, old: str, new: str, merge: bool = False) -> None:
		"""The name is part of the webhook URL and of every key made from an event."""
		frappe.throw(_("A channel cannot be renamed: its name is part of the webhook URL"))

	def on_trash(self) -> None:
		"""A channel with history stays, since its keys keep events from being taken twice."""
		for doctype in ("Sync Log", "Channel Record"):
			if frappe.db.exists(doctype, {"channel": self.name}):
				frappe.throw(
					_("{0} has entries in {1}. Set it to Disabled instead.").format(self.name, _(doctype))
				)
		channel_state.forget_token(self.name)
		for doctype in ("Channel State", "Stock Drift", "Drift Check"):
			frappe.db.delete(doctype, {"channel": self.name})

	def validate_name(self) -> None:
		if not NAME.fullmatch(self.channel_name or ""):
			self.refuse(
				"channel_name",
				_("use letters, digits, spaces, dots, dashes and underscores, at most 100 characters"),
			)

	def validate_platform(self) -> None:
		known = platforms()
		if self.platform not in known:
			self.refuse("platform", _("{0} is not one of {1}").format(self.platform, ", ".join(known)))

	def validate_needed_when_active(self) -> None:
		if self.state != "Active":
			return
		missing = [fieldname for fieldname in NEEDED_WHEN_ACTIVE if not self.get(fieldname)]
		if missing:
			labels = ", ".join(self.label(fieldname) for fieldname in missing)
			frappe.throw(_("An active channel needs: {0}").format(labels), frappe.MandatoryError)

	def validate_store_url(self) -> None:
		if not self.store_url:
			return
		self.store_url = self.store_url.strip().rstrip("/")
		try:
			parts = urlsplit(self.store_url)
			valid = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
		except ValueError:
			valid = False
		if not valid or parts.username is not None:
			self.refuse("store_url", _("enter an address such as https://shop.example.com"))

	def validate_connection(self) -> None:
		"""What the platform asks of address, version and credentials; what is not filled in may wait until the
		channel is to be Active."""
		follow_credentials(self)
		if not self.webhook_secret and connectors.sets_webhook_secret(self.platform):
			self.webhook_secret = new_webhook_secret(self.platform)
		settings = {field: self.get(field) for field in OF_PLATFORM}
		given = given_credentials(self)
		for fieldname, problem in connectors.settings_problems(self.platform, settings, given):
			if self.state == "Active" or self.get(fieldname):
				self.refuse(fieldname, _(problem))

	def validate_allowed_ips(self) -> None:
		for line in (self.allowed_ips or "").split():
			try:
				ipaddress.ip_network(line, strict=False)
			except ValueError:
				self.refuse("allowed_ips", _("{0} is not a network such as 203.0.113.0/24").format(line))

	def validate_amounts(self) -> None:
		for fieldname in ("tolerance", "stock_buffer"):
			if (self.get(fieldname) or 0) < 0:
				self.refuse(fieldname, _("cannot be negative"))
		if self.tolerance and not self.rounding_account:
			self.refuse("rounding_account", _("is needed with a tolerance"))

	def validate_currency(self) -> None:
		if not (self.price_list and self.currency):
			return
		currency = frappe.get_cached_value("Price List", self.price_list, "currency")
		if currency != self.currency:
			self.refuse("price_list", _("is in {0}, the channel in {1}").format(currency, self.currency))

	def validate_warehouses(self) -> None:
		self.check_company("default_warehouse", "Warehouse", self.default_warehouse)
		if self.default_warehouse and frappe.get_cached_value(
			"Warehouse", self.default_warehouse, "is_group"
		):
			self.refuse("default_warehouse", _("cannot be a group: orders are booked on it"))
		warehouses, locations = set(), set()
		for row in self.warehouses:
			self.check_company("warehouses", "Warehouse", row.warehouse)
			if row.warehouse in warehouses:
				self.refuse(
					"warehouses", _("{0} is there twice: its stock would be sold twice").format(row.warehouse)
				)
			if row.location_id and row.location_id in locations:
				self.refuse(
					"warehouses",
					_("location {0} is there twice; use a group warehouse for its sum").format(
						row.location_id
					),
				)
			warehouses.add(row.warehouse)
			locations.add(row.location_id)

	def validate_accounts(self) -> None:
		self.check_account("rounding_account", self.rounding_account)
		self.check_company("cost_center", "Cost Center", self.cost_center)
		for row in self.taxes:
			self.check_account("taxes", row.account)
			if row.rate and not re.fullmatch(r"\d+(\.\d+)?", row.rate.strip()):
				self.refuse("taxes", _("{0} is not a rate such as 7.7").format(row.rate))
		for row in self.shipping_methods:
			if bool(row.item) == bool(row.account):
				self.refuse(
					"shipping_methods", _("{0} needs either an item or an account").format(row.method)
				)
			self.check_account("shipping_methods", row.account)

	def validate_series(self) -> None:
		known = lines_of(frappe.get_meta("Sales Invoice").get_options("naming_series"))
		for fieldname in ("invoice_series", "credit_note_series"):
			series = self.get(fieldname)
			if series and series not in known:
				self.refuse(
					fieldname,
					_("{0} is not a series of Sales Invoice. There are: {1}").format(
						series, ", ".join(known)
					),
				)

	def validate_instead_of_orders(self) -> None:
		"""What needs a Sales Order, where none is made: each is refused by the name of its own field."""
		if self.invoice_when != INSTEAD:
			return
		otherwise = _("or choose another value in {0}").format(self.label("invoice_when"))
		if self.order_docstatus == "Submitted" and (self.afterwards or "Nothing") != "Nothing":
			self.refuse(
				"afterwards",
				_("{0} needs a Sales Order, and Sales Invoices are made instead. Choose Nothing, {1}").format(
					_(self.afterwards), otherwise
				),
			)
		if self.own_numbering:
			self.refuse(
				"own_numbering",
				_("is for Sales Orders, and Sales Invoices are made instead. Untick it, {0}").format(
					otherwise
				),
			)
		for row in self.field_map:
			instead = INVOICE_OF.get(row.target_doctype)
			if instead and not frappe.get_meta(instead).has_field(row.fieldname):
				self.refuse(
					"field_map",
					_(
						"row {0}: {1} has no field {2}, and is made instead of {3}. Delete the row, {4}"
					).format(row.idx, _(instead), row.fieldname, _(row.target_doctype), otherwise),
				)

	def validate_payment_map(self) -> None:
		"""Each row books on an account of the company, and none lies below one that takes all of its payments."""
		for number, row in enumerate(self.payment_map):
			row.gateway = (row.gateway or "").strip()
			for account in (row.account, row.fee_account, row.fee_tax_account):
				self.check_account("payment_map", account)
				self.check_no_party("payment_map", account)
			above = next((known for known in self.payment_map[:number] if takes_all_of(known, row)), None)
			if above:
				self.refuse(
					"payment_map",
					_(
						"row {0} ({1}) is never reached: row {2} ({3}) takes its payments. Move it up or delete it"
					).format(row.idx, row.gateway, above.idx, above.gateway),
				)
		self.validate_payment_accounts()

	def validate_payment_accounts(self) -> None:
		"""While rows are being filled in, the channel is not active."""
		if self.state != "Active":
			return
		lacking = [row for row in self.payment_map if row.book != "Never"]
		lacking = [row for row in lacking if not payment_account(self.company, row)]
		if lacking:
			rows = ", ".join(f"{row.idx} ({row.gateway})" for row in lacking)
			self.refuse(
				"payment_map",
				_(
					"no Clearing Account in row {0}, nor one of its Mode of Payment for {1}. Choose it, set Book to Never, or delete the row"
				).format(rows, self.company),
			)

	def validate_refunds(self) -> None:
		self.check_company("return_warehouse", "Warehouse", self.return_warehouse)
		if self.return_warehouse and frappe.get_cached_value("Warehouse", self.return_warehouse, "is_group"):
			self.refuse("return_warehouse", _("cannot be a group: goods are booked on it"))
		if self.adjustment_item:
			item = frappe.get_cached_doc("Item", self.adjustment_item)
			if item.is_stock_item or item.is_fixed_asset or item.has_variants:
				self.refuse("adjustment_item", _("{0} is not a service item").format(item.name))
			if item.disabled or not item.is_sales_item:
				self.refuse("adjustment_item", _("{0} may not be sold").format(item.name))

	def validate_field_map(self) -> None:
		for row in self.field_map:
			try:
				jmespath.compile(row.path)
			except (jmespath.exceptions.JMESPathError, ValueError) as error:
				self.refuse("field_map", _("path {0}: {1}").format(row.path, str(error)))
			field = frappe.get_meta(row.target_doctype).get_field(row.fieldname)
			if not field or field.fieldtype in frappe.model.no_value_fields:
				self.refuse(
					"field_map", _("{0} has no field {1}").format(_(row.target_doctype), row.fieldname)
				)
			if row.fieldname in ENGINE_FIELDS:
				self.refuse("field_map", _("{0} is decided by Commerce Bridge itself").format(row.fieldname))

	def validate_bundle_keys(self) -> None:
		"""Lines such as _bundled_by=_bundle_cart_key; each key names one thing."""
		parts = set()
		for line in lines_of(self.bundle_keys):
			part, _equals, container = (half.strip() for half in line.partition("="))
			if not (part and container) or "=" in container:
				self.refuse("bundle_keys", _("{0} is not a line such as part=container").format(line))
			if part in parts:
				self.refuse("bundle_keys", _("the key {0} is there twice").format(part))
			parts.add(part)

	def validate_catalog(self) -> None:
		"""What goes out of an item is chosen here; nothing secret, and every key once."""
		if self.compare_at_price_list and self.currency:
			currency = frappe.get_cached_value("Price List", self.compare_at_price_list, "currency")
			if currency != self.currency:
				self.refuse(
					"compare_at_price_list",
					_("is in {0}, the channel in {1}").format(currency, self.currency),
				)
		keys = set()
		for row in self.catalog_fields:
			row.item_field = (row.item_field or "").strip()
			if reason := catalog.why_not_field(row.item_field):
				self.refuse("catalog_fields", f"{row.item_field}: {_(reason)}")
			key = row.custom_key or row.item_field
			if key in keys:
				self.refuse("catalog_fields", _("the key {0} is there twice").format(key))
			keys.add(key)

	def validate_integration_user(self) -> None:
		if not self.integration_user:
			return
		if self.integration_user in ("Administrator", "Guest"):
			self.refuse("integration_user", _("cannot be {0}").format(self.integration_user))
		if self.state == "Active" and INTEGRATION not in frappe.get_roles(self.integration_user):
			self.refuse("integration_user", _("needs the role {0}").format(_(INTEGRATION)))

	def check_account(self, fieldname: str, account: str | None) -> None:
		"""An account that can be booked on: of the company, and not a group."""
		self.check_company(fieldname, "Account", account)
		if account and frappe.get_cached_value("Account", account, "is_group"):
			self.refuse(fieldname, _("{0} is a group").format(account))

	def check_no_party(self, fieldname: str, account: str | None) -> None:
		"""Money of a gateway is owed by no customer and no supplier of the ledger."""
		kind = account and frappe.get_cached_value("Account", account, "account_type")
		if kind in ("Receivable", "Payable"):
			self.refuse(
				fieldname, _("{0} is an account of type {1}, which needs a party").format(account, _(kind))
			)

	def check_company(self, fieldname: str, doctype: str, name: str | None) -> None:
		if not name:
			return
		company = frappe.get_cached_value(doctype, name, "company")
		if company != self.company:
			self.refuse(fieldname, _("{0} belongs to company {1}").format(name, company))

	def refuse(self, fieldname: str, reason: str) -> None:
		"""Raises a `ValidationError` that starts with the field's label."""
		frappe.throw(
			_("{0}: {1}").format(frappe.bold(self.label(fieldname)), frappe.utils.escape_html(reason))
		)

	def label(self, fieldname: str) -> str:
		return _(self.meta.get_label(fieldname))


def takes_all_of(above: Document, row: Document) -> bool:
	"""Whether every payment that a row of the payment map fits goes to the one above it."""
	return names_gateway(above.gateway, row.gateway) and (
		not above.order_currency or above.order_currency == row.order_currency
	)


def platforms() -> list[str]:
	"""Names of the platforms of this app and of those that register theirs by hook, sorted."""
	register_platforms()
	return connectors.platforms()
