"""The fields this app adds to ERPNext's DocTypes. Installation creates them, uninstallation removes them."""

from __future__ import annotations

from typing import Any

MODULE = "Commerce Bridge"

CONDITIONS = "\nNew\nOpen Box\nRefurbished\nUsed\nFor Parts"
REFURBISHMENT_STATUSES = "\nNot Required\nPending\nIn Progress\nCompleted\nScrapped"

GRADE_HELP = (
	"Read-only unless you have the role Commerce Bridge Manager. Changes are kept in the version history."
)

SERIAL_NO = [
	{
		"fieldname": "cb_recommerce_section",
		"fieldtype": "Section Break",
		"label": "Recommerce",
		"insert_after": "employee",
		"collapsible": 1,
	},
	{
		"fieldname": "cb_grade",
		"fieldtype": "Link",
		"label": "Grade",
		"options": "Condition Grade",
		"insert_after": "cb_recommerce_section",
		"permlevel": 1,
		"in_standard_filter": 1,
		"search_index": 1,
		"description": GRADE_HELP,
	},
	{
		"fieldname": "cb_condition",
		"fieldtype": "Select",
		"label": "Condition",
		"options": CONDITIONS,
		"insert_after": "cb_grade",
		"description": "How the unit was processed, independent of how it looks (Grade).",
	},
	{
		"fieldname": "cb_refurbishment_status",
		"fieldtype": "Select",
		"label": "Refurbishment Status",
		"options": REFURBISHMENT_STATUSES,
		"insert_after": "cb_condition",
	},
	{
		"fieldname": "cb_battery_health",
		"fieldtype": "Percent",
		"label": "Battery Health",
		"insert_after": "cb_refurbishment_status",
	},
	{
		"fieldname": "cb_imei",
		"fieldtype": "Data",
		"label": "IMEI",
		"insert_after": "cb_battery_health",
		"search_index": 1,
		"no_copy": 1,
	},
	{
		"fieldname": "cb_identifier_status",
		"fieldtype": "Select",
		"label": "Identifier Status",
		"options": "\nUnknown\nClear\nBlacklisted\nFinanced\nLocked",
		"insert_after": "cb_imei",
		"description": "Result of the IMEI or lock check.",
	},
	{
		"fieldname": "cb_sales_order",
		"fieldtype": "Link",
		"label": "Promised To",
		"options": "Sales Order",
		"insert_after": "cb_identifier_status",
		"read_only": 1,
		"no_copy": 1,
		"search_index": 1,
		"description": "The order this very unit was sold to and that has not been delivered yet.",
	},
	{
		"fieldname": "cb_sales_order_item",
		"fieldtype": "Data",
		"label": "Promised To Row",
		"insert_after": "cb_sales_order",
		"hidden": 1,
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
	},
	{
		"fieldname": "cb_recommerce_column",
		"fieldtype": "Column Break",
		"insert_after": "cb_sales_order_item",
	},
	{
		"fieldname": "cb_buyback_source",
		"fieldtype": "Select",
		"label": "Buyback Source",
		"options": "\nTrade-In\nMarketplace Buyback\nCustomer Return\nB2B Lot\nRental Return",
		"insert_after": "cb_recommerce_column",
	},
	{
		"fieldname": "cb_acquisition_cost",
		"fieldtype": "Currency",
		"label": "Acquisition Cost",
		"insert_after": "cb_buyback_source",
		"options": "Company:company:default_currency",
		"description": "What was paid for this unit, in the company's currency.",
	},
	{
		"fieldname": "cb_vat_scheme",
		"fieldtype": "Select",
		"label": "VAT Scheme",
		"options": "\nStandard\nMargin",
		"insert_after": "cb_acquisition_cost",
	},
	{
		"fieldname": "cb_resale_channel",
		"fieldtype": "Link",
		"label": "Resale Channel",
		"options": "Channel Settings",
		"insert_after": "cb_vat_scheme",
	},
	{
		"fieldname": "cb_warranty_months",
		"fieldtype": "Int",
		"label": "Warranty (Months)",
		"insert_after": "cb_resale_channel",
		"non_negative": 1,
	},
	{
		"fieldname": "cb_warranty_start",
		"fieldtype": "Date",
		"label": "Warranty Start",
		"insert_after": "cb_warranty_months",
		"no_copy": 1,
	},
	{
		"fieldname": "cb_warranty_expiry",
		"fieldtype": "Date",
		"label": "Warranty Expiry",
		"insert_after": "cb_warranty_start",
		"no_copy": 1,
		"description": "Kept here because stock moves clear ERPNext's own Warranty Expiry Date.",
	},
]

ITEM = [
	{
		"fieldname": "cb_recommerce_section",
		"fieldtype": "Section Break",
		"label": "Recommerce",
		"insert_after": "image",
		"collapsible": 1,
		"collapsible_depends_on": "eval:doc.cb_recommerce",
	},
	{
		"fieldname": "cb_recommerce",
		"fieldtype": "Check",
		"label": "Recommerce",
		"insert_after": "cb_recommerce_section",
		"in_standard_filter": 1,
		"description": "This item is sold used, refurbished or by grade.",
	},
	{
		"fieldname": "cb_listing_mode",
		"fieldtype": "Select",
		"label": "Listing Mode",
		"options": "\nUnit\nPool\nVariant",
		"insert_after": "cb_recommerce",
		"depends_on": "cb_recommerce",
		"description": "Unit: one listing for each serial number. Pool: one for each grade. "
		"Variant: grades are item variants (goods without serial numbers).",
	},
	{
		"fieldname": "cb_identifier_type",
		"fieldtype": "Select",
		"label": "Identifier Type",
		"options": "\nNone\nIMEI\nSerial",
		"insert_after": "cb_listing_mode",
		"depends_on": "cb_recommerce",
	},
	{
		"fieldname": "cb_recommerce_column",
		"fieldtype": "Column Break",
		"insert_after": "cb_identifier_type",
	},
	{
		"fieldname": "cb_condition",
		"fieldtype": "Select",
		"label": "Condition",
		"options": CONDITIONS,
		"insert_after": "cb_recommerce_column",
		"depends_on": "eval:doc.cb_recommerce && !doc.has_serial_no",
		"description": "For goods without serial numbers; else the condition of each Serial No counts.",
	},
	{
		"fieldname": "cb_grade",
		"fieldtype": "Link",
		"label": "Grade",
		"options": "Condition Grade",
		"insert_after": "cb_condition",
		"permlevel": 1,
		"depends_on": "eval:doc.cb_recommerce && !doc.has_serial_no",
		"description": GRADE_HELP,
	},
	{
		"fieldname": "cb_refurbishment_status",
		"fieldtype": "Select",
		"label": "Refurbishment Status",
		"options": REFURBISHMENT_STATUSES,
		"insert_after": "cb_grade",
		"depends_on": "eval:doc.cb_recommerce && !doc.has_serial_no",
	},
]

WAREHOUSE = [
	{
		"fieldname": "cb_purpose",
		"fieldtype": "Select",
		"label": "Purpose",
		"options": "\nSellable\nQuarantine\nRefurbishment\nScrap\nRented Out",
		"insert_after": "warehouse_type",
		"description": "What the goods in this warehouse are there for.",
	},
]


# Of Sales Order, Delivery Note and Sales Invoice: ERPNext copies equal names from one to the next.
ORDER = [
	{
		"fieldname": "cb_section",
		"fieldtype": "Section Break",
		"label": "Storefront",
		"collapsible": 1,
		"collapsible_depends_on": "cb_channel",
	},
	{
		"fieldname": "cb_channel",
		"fieldtype": "Link",
		"label": "Channel",
		"options": "Channel Settings",
		"insert_after": "cb_section",
		"read_only": 1,
		"print_hide": 1,
		"in_standard_filter": 1,
		"description": "The storefront this order came from.",
	},
	{
		"fieldname": "cb_external_number",
		"fieldtype": "Data",
		"label": "Storefront Order Number",
		"insert_after": "cb_channel",
		"read_only": 1,
		"in_global_search": 1,
		"in_standard_filter": 1,
		"search_index": 1,
		"description": "The number the buyer knows.",
	},
	{
		"fieldname": "cb_external_id",
		"fieldtype": "Data",
		"label": "Storefront Order ID",
		"insert_after": "cb_external_number",
		"read_only": 1,
		"print_hide": 1,
		"search_index": 1,
	},
	{"fieldname": "cb_column", "fieldtype": "Column Break", "insert_after": "cb_external_id"},
	{
		"fieldname": "cb_carrier",
		"fieldtype": "Data",
		"label": "Carrier",
		"insert_after": "cb_column",
		"allow_on_submit": 1,
		"description": "A Carrier by name or alias; the storefront gets its own spelling of it. Any other text "
		"goes out as it is.",
	},
	{
		"fieldname": "cb_tracking_number",
		"fieldtype": "Data",
		"label": "Tracking Number",
		"insert_after": "cb_carrier",
		"allow_on_submit": 1,
		"description": "Entered or changed after submit, it is told to the storefront again.",
	},
	{
		"fieldname": "cb_tracking_url",
		"fieldtype": "Data",
		"label": "Tracking URL",
		"options": "URL",
		"insert_after": "cb_tracking_number",
		"allow_on_submit": 1,
		"description": "Left empty, it is made from the carrier's template.",
	},
]

# Of Delivery Note and Sales Invoice, behind the fields of the order. Not copied: a return, or the invoice of a
# delivery, has parcels of its own or none.
SHIPPED = [
	{
		"fieldname": "cb_delivery_status",
		"fieldtype": "Select",
		"label": "Delivery Status",
		"options": "\nIn Transit\nDelivered\nReturned\nLost",
		"insert_after": "cb_tracking_url",
		"allow_on_submit": 1,
		"no_copy": 1,
		"description": "Where the parcels are. What a Shipment of ERPNext says of them counts first.",
	},
	{
		"fieldname": "cb_delivered_at",
		"fieldtype": "Datetime",
		"label": "Delivered At",
		"insert_after": "cb_delivery_status",
		"allow_on_submit": 1,
		"no_copy": 1,
		"depends_on": "eval:doc.cb_delivery_status == 'Delivered' || doc.cb_delivered_at",
		"description": "Left empty, it is the time of saving.",
	},
	{
		"fieldname": "cb_parcels_section",
		"fieldtype": "Section Break",
		"label": "Storefront: Parcels",
		"insert_after": "cb_delivered_at",
		"collapsible": 1,
		"collapsible_depends_on": "eval:(doc.cb_parcels || []).length",
	},
	{
		"fieldname": "cb_parcels",
		"fieldtype": "Table",
		"label": "Parcels",
		"options": "Delivery Parcel",
		"insert_after": "cb_parcels_section",
		"allow_on_submit": 1,
		"no_copy": 1,
		"description": "For more than one parcel. With rows here, carrier and tracking above do not count.",
	},
]

# Of Sales Invoice alone. Not copied: what a person makes of it is a person's.
MADE = [
	{
		"fieldname": "cb_made",
		"fieldtype": "Check",
		"label": "Made by the Channel",
		"insert_after": "cb_parcels",
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"description": "Made by the channel's policy; a credit note with the amounts that the shop gave back.",
	},
	{
		"fieldname": "cb_instead_of_order",
		"fieldtype": "Check",
		"label": "Instead of a Sales Order",
		"insert_after": "cb_made",
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"description": "It stands for the shop's order, which has no Sales Order.",
	},
]

# Of Payment Entry. What reaches the account is less by the gateway's fees, and may be in another currency.
PAYMENT = [
	{
		"fieldname": "cb_section",
		"fieldtype": "Section Break",
		"label": "Storefront",
		"insert_after": "title",
		"collapsible": 1,
		"collapsible_depends_on": "cb_channel",
		"depends_on": "cb_channel",
	},
	{
		"fieldname": "cb_channel",
		"fieldtype": "Link",
		"label": "Channel",
		"options": "Channel Settings",
		"insert_after": "cb_section",
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"in_standard_filter": 1,
	},
	{
		"fieldname": "cb_external_number",
		"fieldtype": "Data",
		"label": "Storefront Order Number",
		"insert_after": "cb_channel",
		"read_only": 1,
		"no_copy": 1,
		"in_global_search": 1,
		"in_standard_filter": 1,
		"description": "The number the buyer knows.",
	},
	{
		"fieldname": "cb_external_id",
		"fieldtype": "Data",
		"label": "Storefront Order ID",
		"insert_after": "cb_external_number",
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"search_index": 1,
	},
	{"fieldname": "cb_column", "fieldtype": "Column Break", "insert_after": "cb_external_id"},
	{
		"fieldname": "cb_gateway",
		"fieldtype": "Data",
		"label": "Gateway",
		"insert_after": "cb_column",
		"read_only": 1,
		"no_copy": 1,
	},
	{
		"fieldname": "cb_amount",
		"fieldtype": "Currency",
		"label": "Amount in the Shop",
		"options": "cb_currency",
		"insert_after": "cb_gateway",
		"read_only": 1,
		"no_copy": 1,
		"description": "What the buyer paid or got back, fees included.",
	},
	{
		"fieldname": "cb_currency",
		"fieldtype": "Link",
		"label": "Currency of the Shop",
		"options": "Currency",
		"insert_after": "cb_amount",
		"read_only": 1,
		"no_copy": 1,
	},
]


def of_return(insert_after: str) -> dict[str, Any]:
	"""Of the documents by which goods of a return came back."""
	return {
		"fieldname": "cb_return_authorisation",
		"fieldtype": "Link",
		"label": "Return Authorisation",
		"options": "Return Authorisation",
		"insert_after": insert_after,
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"search_index": 1,
		"depends_on": "cb_return_authorisation",
	}


# Of Stock Entry, and of its rows: goods that left with a Sales Invoice come back with one.
RETURNED_INVOICE = [
	{
		"fieldname": "cb_sales_invoice",
		"fieldtype": "Link",
		"label": "Returned From Sales Invoice",
		"options": "Sales Invoice",
		"insert_after": "cb_return_authorisation",
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"search_index": 1,
		"depends_on": "cb_sales_invoice",
		"description": "The goods left with it, and are back by this entry: its credit note moves no stock.",
	},
]
RETURNED_ROW = [
	{
		"fieldname": "cb_sales_invoice_item",
		"fieldtype": "Data",
		"label": "Returned Row",
		"insert_after": "cb_line_id",
		"hidden": 1,
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"search_index": 1,
	},
	{
		"fieldname": "cb_line_part",
		"fieldtype": "Float",
		"label": "Part of the Line",
		"precision": "9",
		"insert_after": "cb_sales_invoice_item",
		"hidden": 1,
		"read_only": 1,
		"no_copy": 1,
		"print_hide": 1,
		"description": "How much of the storefront's line one of it is: less than one of a bundle's parts.",
	},
]

# Of the item rows of Sales Order, Delivery Note and Sales Invoice.
ORDER_ROW = [
	{
		"fieldname": "cb_line_id",
		"fieldtype": "Data",
		"label": "Storefront Line ID",
		"insert_after": "description",
		"hidden": 1,
		"read_only": 1,
		"print_hide": 1,
	},
	{
		"fieldname": "cb_grade",
		"fieldtype": "Link",
		"label": "Grade",
		"options": "Condition Grade",
		"insert_after": "cb_line_id",
	},
	{
		"fieldname": "cb_serial_no",
		"fieldtype": "Link",
		"label": "Sold Serial No",
		"options": "Serial No",
		"insert_after": "cb_grade",
		"search_index": 1,
		"description": "The one unit the buyer chose.",
	},
	{
		"fieldname": "cb_listing",
		"fieldtype": "Link",
		"label": "Channel Listing",
		"options": "Channel Listing",
		"insert_after": "cb_serial_no",
		"read_only": 1,
		"print_hide": 1,
	},
]

# Of the item rows of Sales Invoice. Levels look for it, by an index.
UNDELIVERED = {
	"fieldname": "cb_undelivered",
	"fieldtype": "Check",
	"label": "Not Delivered Yet",
	"insert_after": "cb_listing",
	"hidden": 1,
	"read_only": 1,
	"no_copy": 1,
	"print_hide": 1,
	"description": "Goods of a storefront's order that is a Sales Invoice, and of which something is left to deliver.",
}


def order_fields(insert_after: str) -> list[dict[str, Any]]:
	"""`ORDER`, the section of it standing below a field of the DocType."""
	section, *fields = ORDER
	return [{**section, "insert_after": insert_after}, *fields]


CUSTOM_FIELDS: dict[str, list[dict[str, Any]]] = {
	"Serial No": SERIAL_NO,
	"Item": ITEM,
	"Warehouse": WAREHOUSE,
	"Sales Order": order_fields("more_info"),
	"Delivery Note": [*order_fields("more_info_tab"), *SHIPPED, of_return("cb_parcels")],
	"Stock Entry": [of_return("remarks"), *RETURNED_INVOICE],
	"Stock Entry Detail": [*ORDER_ROW[:1], *RETURNED_ROW],
	"Sales Invoice": [
		*order_fields("more_info_tab"),
		*SHIPPED,
		*MADE,
		of_return("cb_instead_of_order"),
	],
	"Payment Entry": PAYMENT,
	"Sales Order Item": ORDER_ROW,
	"Delivery Note Item": ORDER_ROW,
	"Sales Invoice Item": [*ORDER_ROW, UNDELIVERED],
}


def custom_fields() -> dict[str, list[dict[str, Any]]]:
	"""`CUSTOM_FIELDS` as `create_custom_fields` wants them: each marked as this module's."""
	return {
		doctype: [{**field, "module": MODULE, "is_system_generated": 1} for field in fields]
		for doctype, fields in CUSTOM_FIELDS.items()
	}
