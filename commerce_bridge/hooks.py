app_name = "commerce_bridge"
app_title = "Commerce Bridge"
app_publisher = "Commerce Bridge contributors"
app_description = "Joins storefronts and ERPNext: orders in; stock, prices and shipments out"
app_email = "hello@example.com"
app_license = "gpl-3.0"
required_apps = ["erpnext"]

# Installation
# ------------

after_install = "commerce_bridge.install.after_install"
after_migrate = "commerce_bridge.install.after_migrate"
before_uninstall = "commerce_bridge.uninstall.before_uninstall"

# Forms
# -----

doctype_js = {
	"Delivery Note": ["public/js/shipping.js", "public/js/sync_section.js"],
	"Item": "public/js/sync_section.js",
	"Sales Invoice": ["public/js/shipping.js", "public/js/sync_section.js"],
	"Sales Order": "public/js/sync_section.js",
	"Sync Log": ["public/js/payload_viewer.js", "public/js/sync_story.js"],
}

# Document Events
# ---------------

_STOCK = "commerce_bridge.erpnext.stock_change"
_ORDER = "commerce_bridge.erpnext.sales_order"
_STATUS = "commerce_bridge.erpnext.order_status"
_CUSTOMER = "commerce_bridge.erpnext.customer"
_DELIVERY = "commerce_bridge.erpnext.delivery_note"
_BILLING = "commerce_bridge.erpnext.sales_invoice"
_DIRECT = "commerce_bridge.erpnext.direct_sale"
_OWED = "commerce_bridge.erpnext.direct_stock"
_VALUES = "commerce_bridge.erpnext.order_values"
_UNITS = "commerce_bridge.erpnext.allocation"
_UNIT_DELIVERY = "commerce_bridge.erpnext.unit_delivery"
_SERIAL_NO = "commerce_bridge.erpnext.serial_no"
_GRADES = "commerce_bridge.erpnext.channel_grade_map"
_CATALOG = "commerce_bridge.erpnext.catalog"
_PRICE = "commerce_bridge.erpnext.item_price"
_SETTINGS = "commerce_bridge.erpnext.channel_settings.on_change"
_TAXES = "commerce_bridge.erpnext.sales_taxes_and_charges"
_RECEIPT = "commerce_bridge.erpnext.return_receipt.on_moved"
_INVOICE = "commerce_bridge.erpnext.invoice_events"
_RECORD_GONE = "commerce_bridge.erpnext.channel_record.on_trash"
_AMENDED = "commerce_bridge.erpnext.channel_record.on_submit"
# `db_set`, by which ERPNext closes, stops and re-opens documents, raises on_change alone.
_SUBMITTED = ("on_submit", "on_cancel", "on_change")
_SHARES = {
	"before_mapping": f"{_TAXES}.before_mapping",
	"after_mapping": [f"{_TAXES}.after_mapping", f"{_DELIVERY}.after_mapping"],
	"before_validate": [f"{_TAXES}.prorate", f"{_UNIT_DELIVERY}.before_validate"],
	"validate": f"{_UNIT_DELIVERY}.validate",
}

doc_events = {
	"Stock Ledger Entry": {
		"on_submit": [f"{_STOCK}.on_stock_ledger_entry", f"{_SERIAL_NO}.on_stock_ledger_entry"]
	},
	"Stock Reservation Entry": {
		"before_submit": "commerce_bridge.erpnext.stock_reservation_entry.before_submit",
		"on_submit": f"{_STOCK}.on_reservation",
		"on_cancel": f"{_STOCK}.on_reservation",
		"on_update_after_submit": f"{_STOCK}.on_reservation",
	},
	"Work Order": {
		"on_submit": f"{_STOCK}.on_work_order",
		"on_cancel": f"{_STOCK}.on_work_order",
		"on_change": f"{_STOCK}.on_work_order",
	},
	"Subcontracting Order": dict.fromkeys(_SUBMITTED, f"{_STOCK}.on_subcontracting_order"),
	"Production Plan": dict.fromkeys(_SUBMITTED, f"{_STOCK}.on_production_plan"),
	"Purchase Order": dict.fromkeys(_SUBMITTED, f"{_STOCK}.on_purchase_order"),
	"Purchase Order Item": {"on_trash": f"{_STOCK}.on_row_removed"},
	"Sales Order Item": {"on_trash": f"{_STOCK}.on_row_removed"},
	"Repost Item Valuation": {"on_change": f"{_STOCK}.on_repost"},
	"POS Invoice": {
		"before_validate": f"{_UNIT_DELIVERY}.before_pos_invoice",
		"on_submit": f"{_STOCK}.note_order",
		"on_cancel": f"{_STOCK}.note_order",
	},
	"Item": {"on_update": [f"{_STOCK}.on_item", f"{_CATALOG}.on_item"], "after_rename": f"{_STOCK}.on_item"},
	"Warehouse": {
		"on_update": "commerce_bridge.erpnext.warehouse.on_change",
		"after_rename": "commerce_bridge.erpnext.warehouse.on_change",
	},
	"Product Bundle": {
		"on_update": [f"{_STOCK}.on_item", f"{_CATALOG}.on_bundle"],
		"on_trash": [f"{_STOCK}.on_item", f"{_CATALOG}.on_bundle"],
	},
	"Price List": {
		"on_update": "commerce_bridge.erpnext.price_list.on_change",
		"after_rename": "commerce_bridge.erpnext.price_list.on_change",
	},
	"Item Group": {
		"on_update": "commerce_bridge.erpnext.item_group.on_change",
		"after_rename": "commerce_bridge.erpnext.item_group.on_change",
	},
	"Item Price": {"on_update": f"{_PRICE}.on_change", "on_trash": f"{_PRICE}.on_change"},
	"File": {
		"after_insert": f"{_CATALOG}.on_file",
		"on_update": f"{_CATALOG}.on_file",
		"on_trash": f"{_CATALOG}.on_file",
	},
	"Channel Listing": {"on_update": "commerce_bridge.erpnext.channel_listing.on_change"},
	"Sales Order": {
		"before_insert": f"{_ORDER}.before_insert",
		"validate": f"{_UNITS}.validate",
		"on_update": f"{_ORDER}.on_update",
		"on_submit": f"{_ORDER}.on_submit",
		"on_cancel": [f"{_ORDER}.on_cancel", f"{_UNITS}.release"],
		"on_change": [
			f"{_ORDER}.on_change",
			f"{_UNITS}.on_change",
			f"{_STATUS}.on_change",
			f"{_DELIVERY}.on_order_change",
		],
		"on_update_after_submit": [f"{_ORDER}.on_update_after_submit", f"{_UNITS}.on_update_after_submit"],
		"on_trash": [f"{_STOCK}.note_order", f"{_UNITS}.release", f"{_VALUES}.keep_number"],
		"after_delete": f"{_VALUES}.name_series",
	},
	"Stock Entry": {"on_submit": _RECEIPT, "on_cancel": _RECEIPT},
	"Delivery Note": {
		**_SHARES,
		"on_trash": _RECORD_GONE,
		"on_submit": [
			f"{_DELIVERY}.on_submit",
			f"{_UNIT_DELIVERY}.on_submit",
			f"{_OWED}.on_delivery",
			_RECEIPT,
		],
		"on_cancel": [
			f"{_DELIVERY}.on_cancel",
			f"{_UNIT_DELIVERY}.on_cancel",
			f"{_OWED}.on_delivery",
			_RECEIPT,
		],
		"onload": f"{_DELIVERY}.onload",
		"before_submit": f"{_DELIVERY}.stamp_delivered",
		"before_update_after_submit": f"{_DELIVERY}.stamp_delivered",
		"on_update_after_submit": f"{_DELIVERY}.on_update_after_submit",
	},
	"Sales Invoice": {
		**_SHARES,
		"after_mapping": [*_SHARES["after_mapping"], f"{_BILLING}.after_mapping"],
		"before_insert": f"{_DIRECT}.before_insert",
		"validate": [_SHARES["validate"], f"{_OWED}.validate"],
		"on_update": [f"{_DIRECT}.on_update", f"{_OWED}.on_update"],
		"on_trash": [_RECORD_GONE, f"{_BILLING}.on_trash", f"{_OWED}.on_trash", f"{_VALUES}.keep_number"],
		"after_delete": f"{_VALUES}.name_series",
		"onload": f"{_DELIVERY}.onload",
		"before_submit": [f"{_DELIVERY}.stamp_delivered", f"{_DIRECT}.before_submit"],
		"before_update_after_submit": [
			f"{_DELIVERY}.stamp_delivered",
			f"{_OWED}.before_update_after_submit",
		],
		"on_submit": [
			_AMENDED,
			f"{_DELIVERY}.on_submit",
			f"{_UNIT_DELIVERY}.on_submit",
			f"{_BILLING}.on_submit",
			f"{_DIRECT}.on_submit",
			f"{_OWED}.on_submit",
			f"{_INVOICE}.on_submit",
			_RECEIPT,
		],
		"on_cancel": [
			f"{_DELIVERY}.on_cancel",
			f"{_UNIT_DELIVERY}.on_cancel",
			f"{_DIRECT}.on_cancel",
			f"{_OWED}.on_cancel",
			f"{_INVOICE}.on_cancel",
			_RECEIPT,
		],
		"on_change": f"{_STATUS}.on_invoice_change",
		"on_update_after_submit": f"{_DELIVERY}.on_update_after_submit",
	},
	"Payment Entry": {"on_submit": _AMENDED, "on_trash": _RECORD_GONE},
	# Raised after submit, change and cancel, and by `db_set`.
	"Shipment": {"on_change": "commerce_bridge.erpnext.shipment.on_change"},
	"Pick List": {"before_save": "commerce_bridge.erpnext.pick_list.before_save"},
	"Serial No": {
		"before_validate": f"{_SERIAL_NO}.before_validate",
		"on_update": f"{_SERIAL_NO}.on_update",
	},
	"Condition Grade": {"on_update": f"{_GRADES}.on_grade_change"},
	"Channel Grade Map": {"on_update": f"{_GRADES}.on_change", "on_trash": f"{_GRADES}.on_change"},
	"Contact": {
		"before_save": "commerce_bridge.erpnext.contact.before_save",
		"on_update": f"{_CUSTOMER}.on_linked",
		"on_trash": f"{_CUSTOMER}.on_linked",
	},
	"Address": {"on_update": f"{_CUSTOMER}.on_linked", "on_trash": f"{_CUSTOMER}.on_linked"},
	"Channel Settings": {
		"on_update": [_SETTINGS, "commerce_bridge.erpnext.operations.on_settings"],
		"on_trash": _SETTINGS,
		"after_insert": _SETTINGS,
	},
	"Customer": {
		"on_update": f"{_CUSTOMER}.on_update",
		"on_trash": _RECORD_GONE,
	},
}

# Scheduled Tasks
# ---------------

scheduler_events = {
	"cron": {
		"* * * * *": ["commerce_bridge.tasks.sweep", "commerce_bridge.tasks.announce"],
		"*/5 * * * *": ["commerce_bridge.tasks.poll", "commerce_bridge.tasks.watch"],
		"5 0 * * *": ["commerce_bridge.tasks.change_prices"],
		"25 * * * *": ["commerce_bridge.tasks.check_webhooks"],
		"30 1 * * *": ["commerce_bridge.tasks.tell_warnings"],
		"45 1 * * *": ["commerce_bridge.tasks.count_undelivered"],
		# At night, one after the other: what somebody edited in a shop is noted before it is sent over.
		"0 2 * * *": ["commerce_bridge.tasks.check_stock"],
		"0 3 * * *": ["commerce_bridge.tasks.resync_stock"],
		"0 4 * * *": ["commerce_bridge.tasks.resync_prices"],
		"0 5 * * 0": ["commerce_bridge.tasks.resync_listings"],
		"30 5 * * *": ["commerce_bridge.tasks.fetch_payouts"],
		"*/10 * * * *": ["commerce_bridge.tasks.notice_shipments", "commerce_bridge.tasks.send_digest"],
		"40 * * * *": ["commerce_bridge.tasks.watch_silence"],
	},
}

# Request Events
# --------------

before_request = ["commerce_bridge.api.before_request"]

# Deleting documents
# ------------------

# History must not keep a merchant from deleting an order; the other way round it is refused.
ignore_links_on_delete = ["Sync Log", "Channel Record", "Stock Drift", "Drift Check", "Unbooked Sale"]

# Log Settings
# ------------

default_log_clearing_doctypes = {"Sync Log": 90}

# Testing
# -------

before_tests = "commerce_bridge.tests.base.before_tests"

# Typing
# ------

export_python_type_annotations = True
require_type_annotated_api_methods = True
