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
before_uninstall = "commerce_bridge.uninstall.before_uninstall"

# Document Events
# ---------------

_STOCK = "commerce_bridge.erpnext.stock_change"
_ORDER = "commerce_bridge.erpnext.sales_order"
_DELIVERY = "commerce_bridge.erpnext.delivery_note"
_SETTINGS = "commerce_bridge.erpnext.channel_settings.on_change"
_TAXES = "commerce_bridge.erpnext.sales_taxes_and_charges"
_SHARES = {
	"before_mapping": f"{_TAXES}.before_mapping",
	"after_mapping": f"{_TAXES}.after_mapping",
	"before_validate": f"{_TAXES}.prorate",
}

doc_events = {
	"Stock Ledger Entry": {"on_submit": f"{_STOCK}.on_stock_ledger_entry"},
	"Stock Reservation Entry": {
		"on_submit": f"{_STOCK}.on_reservation",
		"on_cancel": f"{_STOCK}.on_reservation",
		"on_update_after_submit": f"{_STOCK}.on_reservation",
	},
	"Work Order": {
		"on_submit": f"{_STOCK}.on_work_order",
		"on_cancel": f"{_STOCK}.on_work_order",
		"on_change": f"{_STOCK}.on_work_order",
	},
	"POS Invoice": {"on_submit": f"{_STOCK}.note_order", "on_cancel": f"{_STOCK}.note_order"},
	"Item": {"on_update": f"{_STOCK}.on_item"},
	"Product Bundle": {"on_update": f"{_STOCK}.on_item", "on_trash": f"{_STOCK}.on_item"},
	"Sales Order": {
		"on_update": f"{_ORDER}.on_update",
		"on_submit": f"{_ORDER}.on_submit",
		"on_cancel": f"{_ORDER}.on_cancel",
		"on_change": f"{_ORDER}.on_change",
		"on_update_after_submit": f"{_ORDER}.on_update_after_submit",
		"on_trash": f"{_STOCK}.note_order",
	},
	"Delivery Note": {
		**_SHARES,
		"on_submit": f"{_DELIVERY}.on_submit",
		"on_cancel": f"{_DELIVERY}.on_cancel",
		"on_update_after_submit": f"{_DELIVERY}.on_update_after_submit",
	},
	"Sales Invoice": _SHARES,
	"Contact": {"before_save": "commerce_bridge.erpnext.contact.before_save"},
	"Channel Settings": {
		"on_update": [_SETTINGS, "commerce_bridge.erpnext.operations.on_settings"],
		"on_trash": _SETTINGS,
		"after_insert": _SETTINGS,
	},
	"Customer": {"on_trash": "commerce_bridge.erpnext.channel_record.on_trash"},
}

# Scheduled Tasks
# ---------------

scheduler_events = {
	"cron": {
		"* * * * *": ["commerce_bridge.tasks.sweep", "commerce_bridge.tasks.announce"],
		"*/5 * * * *": ["commerce_bridge.tasks.poll"],
	},
}

# Request Events
# --------------

before_request = ["commerce_bridge.api.before_request"]

# Deleting documents
# ------------------

# History must not keep a merchant from deleting an order; the other way round it is refused.
ignore_links_on_delete = ["Sync Log", "Channel Record"]

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
