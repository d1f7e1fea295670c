"""What the app adds to a site besides its DocTypes. Every step may be repeated and changes nothing then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import frappe
from frappe.custom.doctype.custom_field.custom_field import create_custom_fields
from frappe.permissions import rights, setup_custom_perms

from commerce_bridge.custom_fields import custom_fields
from commerce_bridge.permissions import PERMISSIONS, ROLES, is_own

# Factors and batteries are a start; each merchant sets their own. R2: cosmetic classes of the R2 standard.
CONDITION_GRADES: tuple[dict[str, Any], ...] = (
	{
		"grade": "P",
		"description": "Premium: like new",
		"sell_factor": 1.0,
		"buy_factor": 1.0,
		"r2_cosmetic": "C7",
	},
	{"grade": "A", "description": "Excellent", "sell_factor": 0.92, "buy_factor": 0.9, "r2_cosmetic": "C6"},
	{"grade": "B", "description": "Very good", "sell_factor": 0.84, "buy_factor": 0.78, "r2_cosmetic": "C5"},
	{"grade": "C", "description": "Good", "sell_factor": 0.75, "buy_factor": 0.65, "r2_cosmetic": "C4"},
	{"grade": "D", "description": "Fair", "sell_factor": 0.62, "buy_factor": 0.45, "r2_cosmetic": "C3"},
	{
		"grade": "X",
		"description": "For parts",
		"sellable": 0,
		"sell_factor": 0.2,
		"buy_factor": 0.1,
		"default_warranty_months": 0,
		"min_battery": 0,
		"r2_cosmetic": "C1-C2",
	},
)
INDEXES = {
	"Delivery Note": ["cb_channel", "modified"],
	"Payment Entry": ["reference_no", "docstatus"],
	"Sales Invoice": ["cb_channel", "modified"],
	"Sales Invoice Item": ["cb_undelivered", "item_code"],
	"Sales Order": ["cb_channel", "modified"],
	"Contact Email": ["email_id", "parent"],
	"Contact Phone": ["phone", "parent"],
	"Shipment Delivery Note": ["delivery_note", "parent"],
}
# Addresses of the carriers' own public pages. The spellings are those Shopify knows tracking pages for, in exactly
# this case; it has none for Shiprocket, which sells the services of others.
# https://shopify.dev/docs/api/admin-graphql/latest/objects/FulfillmentTrackingInfo
CARRIERS: tuple[dict[str, Any], ...] = (
	{
		"carrier_name": "FedEx",
		"aliases": "Federal Express\nFed Ex",
		"tracking_url": "https://www.fedex.com/fedextrack/?trknbr={tracking_number}",
		"shopify": "FedEx",
	},
	{
		"carrier_name": "DHL",
		"aliases": "DHL Express",
		"tracking_url": "https://www.dhl.com/en/express/tracking.html?AWB={tracking_number}",
		"shopify": "DHL Express",
	},
	{
		"carrier_name": "UPS",
		"aliases": "United Parcel Service",
		"tracking_url": "https://www.ups.com/track?loc=en_US&tracknum={tracking_number}",
		"shopify": "UPS",
	},
	{
		"carrier_name": "USPS",
		"aliases": "US Postal Service\nUnited States Postal Service",
		"tracking_url": "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking_number}",
		"shopify": "USPS",
	},
	{
		"carrier_name": "BlueDart",
		"aliases": "Blue Dart\nBlue Dart Express",
		"tracking_url": "https://www.bluedart.com/trackdartresultthirdparty?trackFor=0&trackNo={tracking_number}",
		"shopify": "Bluedart",
	},
	{"carrier_name": "Shiprocket", "tracking_url": "https://shiprocket.co/tracking/{tracking_number}"},
)
#: Filters of the Sync Log list that everybody finds under Saved Filters; a merchant may delete or add some.
SAVED_FILTERS: dict[str, list[list[Any]]] = {
	"Failed Today": [["state", "=", "Failed"], ["creation", "Timespan", "today"]],
	"Settings Missing": [["state", "=", "Failed"], ["error_class", "=", "Misconfigured"]],
	"Wrong Data": [["state", "=", "Failed"], ["error_class", "=", "Rejected"]],
	"Nobody Is on It": [["state", "=", "Failed"], ["_assign", "is", "not set"]],
}
#: Where a site keeps which rights the app has given already.
RIGHTS_GIVEN = "commerce_bridge_rights_given"
GRADE_DEFAULTS = {"sellable": 1, "default_warranty_months": 12, "min_battery": 80}


def after_install() -> None:
	"""Hook: the app's DocTypes are there already."""
	add_roles()
	create_custom_fields(custom_fields())
	add_permissions()
	add_condition_grades()
	add_carriers()
	add_saved_filters()
	add_indexes()


def after_migrate() -> None:
	"""Hook: fields, rights and indexes a new version brings. What is there stays as the merchant made it."""
	create_custom_fields(custom_fields(), update=False)
	add_permissions()
	add_indexes()


def add_indexes() -> None:
	"""What buyers are looked up by, which Frappe does not index. Two columns each: migrations drop an index of one
	column whose field does not ask for it."""
	for doctype, columns in INDEXES.items():
		frappe.db.add_index(doctype, columns, index_name(columns))


def index_name(columns: list[str]) -> str:
	"""What an index of ours on these columns is called, so that it is found again."""
	return f"commerce_bridge_{'_'.join(columns)}"


def add_roles() -> None:
	"""Roles of `permissions.ROLES`. Those the DocTypes name exist already, with Desk access: it is set right."""
	for role, desk_access in ROLES.items():
		if not frappe.db.exists("Role", role):
			frappe.get_doc(doctype="Role", role_name=role).insert(ignore_permissions=True)
		doc = frappe.get_doc("Role", role)
		if doc.desk_access != int(desk_access):
			doc.desk_access = int(desk_access)
			doc.save(ignore_permissions=True)


def add_permissions() -> None:
	"""Rights of our roles on ERPNext's DocTypes, as Custom DocPerm. Rows that are there keep what a merchant set,
	and get only what this version of the app needs beyond the one before."""
	before = json.loads(frappe.db.get_global(RIGHTS_GIVEN) or "{}")
	given = {}
	for doctype, role, level, granted in _rights():
		key = f"{role}/{doctype}/{level}"
		given[key] = sorted(granted)
		if given[key] != before.get(key):
			_add_permission(doctype, role, level, granted, set(granted) - set(before.get(key, ())))
	frappe.db.set_global(RIGHTS_GIVEN, json.dumps(given))


def _rights() -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
	"""DocType, role, permission level and rights of what is ERPNext's own."""
	for role, doctypes in PERMISSIONS.items():
		for doctype, levels in doctypes.items():
			if not is_own(doctype):
				yield from ((doctype, role, level, granted) for level, granted in levels.items())


def add_condition_grades() -> None:
	"""Seeds the grades that are not there; never touches one that is."""
	for rank, grade in enumerate(CONDITION_GRADES, start=1):
		if frappe.db.exists("Condition Grade", grade["grade"]):
			continue
		doc = frappe.get_doc({"doctype": "Condition Grade", "rank": rank, **GRADE_DEFAULTS, **grade})
		doc.insert(ignore_permissions=True)


def add_carriers() -> None:
	"""Seeds the carriers that are not there; never touches one that is."""
	for seed in CARRIERS:
		if frappe.db.exists("Carrier", seed["carrier_name"]):
			continue
		spelling = seed.get("shopify")
		spellings = [{"platform": "shopify", "spelling": spelling}] if spelling else []
		doc = {**seed, "doctype": "Carrier", "spellings": spellings}
		frappe.get_doc(doc).insert(ignore_permissions=True)


def add_saved_filters() -> None:
	"""Seeds the saved filters of the Sync Log that are not there; never touches one that is."""
	for title, filters in SAVED_FILTERS.items():
		key = {"reference_doctype": "Sync Log", "filter_name": title}
		if frappe.db.exists("List Filter", {**key, "for_user": ("is", "not set")}):
			continue
		rows = json.dumps([["Sync Log", *row] for row in filters])
		frappe.get_doc({"doctype": "List Filter", **key, "filters": rows}).insert(ignore_permissions=True)


def _add_permission(doctype: str, role: str, level: int, granted: tuple[str, ...], new: set[str]) -> None:
	"""Frappe's `add_permission` sets one right; this sets all, after the standard rows were copied as it does.

	:param new: those of them that a row which is there gets
	"""
	setup_custom_perms(doctype)
	key = {"parent": doctype, "role": role, "permlevel": level, "if_owner": 0}
	if row := frappe.db.exists("Custom DocPerm", key):
		if new:
			frappe.db.set_value("Custom DocPerm", row, dict.fromkeys(new, 1))
			frappe.clear_cache(doctype=doctype)
		return
	frappe.get_doc(
		{
			"doctype": "Custom DocPerm",
			"parenttype": "DocType",
			"parentfield": "permissions",
			**key,
			**{right: int(right in granted) for right in rights},
		}
	).insert(ignore_permissions=True)
