"""Takes back what `install.py` added. Frappe itself deletes DocTypes and whatever names our module."""

from __future__ import annotations

import frappe
from frappe.installer import update_site_config
from frappe.permissions import reset_perms, rights

from commerce_bridge.custom_fields import CUSTOM_FIELDS
from commerce_bridge.erpnext.channel_settings import SITE_ID
from commerce_bridge.erpnext.onboarding import STEPS
from commerce_bridge.install import INDEXES, RIGHTS_GIVEN, index_name
from commerce_bridge.permissions import ROLES, is_own

COMPARED = ("role", "permlevel", "if_owner", *rights)


def before_uninstall() -> None:
	"""Hook. The columns of custom fields stay in the database, as Frappe always leaves them."""
	remove_custom_fields()
	remove_permissions()
	remove_roles()
	remove_log_settings()
	remove_saved_filters()
	remove_scheduled_jobs()
	remove_first_steps()
	update_site_config(SITE_ID, "None")  # how Frappe spells "delete the key"
	remove_indexes()  # last: changing a table commits


def remove_custom_fields() -> None:
	"""Our custom fields, and property setters anybody put on them."""
	for doctype, fields in CUSTOM_FIELDS.items():
		names = [field["fieldname"] for field in fields]
		frappe.db.delete("Custom Field", {"dt": doctype, "fieldname": ("in", names)})
		frappe.db.delete("Property Setter", {"doc_type": doctype, "field_name": ("in", names)})
		frappe.clear_cache(doctype=doctype)


def remove_permissions() -> None:
	"""Rows of our roles; where only copies of the standard rows are left, the standard itself is back in force."""
	ours = {"role": ("in", list(ROLES))}
	for doctype in set(frappe.get_all("Custom DocPerm", filters=ours, pluck="parent")):
		frappe.db.delete("Custom DocPerm", {**ours, "parent": doctype})
		if not is_own(doctype) and _rows("Custom DocPerm", doctype) == _rows("DocPerm", doctype):
			reset_perms(doctype)
		frappe.clear_cache(doctype=doctype)
	frappe.defaults.clear_default(RIGHTS_GIVEN)


def remove_roles() -> None:
	"""Our roles, wherever they were given."""
	for role in ROLES:
		for doctype in ("Has Role", "DocPerm"):
			frappe.db.delete(doctype, {"role": role})
		frappe.delete_doc("Role", role, ignore_missing=True, force=True, ignore_permissions=True)


def remove_indexes() -> None:
	"""The indexes of `install.INDEXES`, where they are still there."""
	for doctype, columns in INDEXES.items():
		if frappe.db.has_index(f"tab{doctype}", index_name(columns)):
			frappe.db.sql_ddl(f"ALTER TABLE `tab{doctype}` DROP INDEX `{index_name(columns)}`")


def remove_log_settings() -> None:
	frappe.db.delete("Logs To Clear", {"ref_doctype": "Sync Log"})


def remove_saved_filters() -> None:
	"""Those of the Sync Log, whoever saved them."""
	frappe.db.delete("List Filter", {"reference_doctype": "Sync Log"})


def remove_scheduled_jobs() -> None:
	"""Frappe would find them orphaned at its next migration; until then it would try to run them."""
	frappe.db.delete("Scheduled Job Type", {"method": ("like", "commerce_bridge.%")})


def remove_first_steps() -> None:
	"""Steps name no module by which Frappe would find them."""
	frappe.db.delete("Onboarding Step", {"name": ("in", list(STEPS))})


def _rows(doctype: str, parent: str) -> list[tuple]:
	"""The permission rows of a DocType, comparable."""
	rows = frappe.get_all(doctype, filters={"parent": parent}, fields=list(COMPARED))
	return sorted(tuple(row[field] or 0 for field in COMPARED) for row in rows)
