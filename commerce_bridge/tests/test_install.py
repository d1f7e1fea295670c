"""Installation may be repeated; uninstallation leaves nothing. Both run in a transaction that is rolled back."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import frappe
from frappe.permissions import setup_custom_perms
from frappe.utils import add_days, now_datetime

from commerce_bridge import install, uninstall
from commerce_bridge.custom_fields import CUSTOM_FIELDS, MODULE
from commerce_bridge.permissions import PERMISSIONS, ROLES
from commerce_bridge.tests.base import RolledBackTestCase

FOLDER = Path(frappe.get_app_path("commerce_bridge")) / "commerce_bridge"


class TestInstall(RolledBackTestCase):
	def test_a_second_run_changes_nothing(self):
		before = everything_of_ours()
		install.after_install()
		self.assertEqual(everything_of_ours(), before)

	def test_a_migration_brings_what_is_missing_and_keeps_what_a_merchant_changed(self):
		self.addCleanup(frappe.db.commit)
		self.addCleanup(install.after_install)
		frappe.db.set_value("Custom Field", "Serial No-cb_imei", "label", "IMEI or MEID")
		frappe.delete_doc("Custom Field", "Serial No-cb_battery_health")
		install.after_migrate()
		self.assertTrue(frappe.db.exists("Custom Field", "Serial No-cb_battery_health"))
		self.assertEqual(frappe.db.get_value("Custom Field", "Serial No-cb_imei", "label"), "IMEI or MEID")

	def test_every_field_of_the_table_is_on_the_site(self):
		for doctype, fields in CUSTOM_FIELDS.items():
			meta = frappe.get_meta(doctype)
			for field in fields:
				found = meta.get_field(field["fieldname"])
				self.assertEqual(
					(found.fieldtype, found.options),
					(field["fieldtype"], field.get("options")),
					field["fieldname"],
				)

	def test_every_field_stands_where_the_table_says(self):
		for doctype, fields in CUSTOM_FIELDS.items():
			order = [field.fieldname for field in frappe.get_meta(doctype).fields]
			for field in fields:
				place = order.index(field["fieldname"])
				self.assertEqual(order[place - 1], field["insert_after"], f"{doctype}.{field['fieldname']}")

	def test_an_order_s_fields_are_copied_to_delivery_and_invoice(self):
		names = {field["fieldname"] for field in CUSTOM_FIELDS["Sales Order"]}
		for doctype in ("Delivery Note", "Sales Invoice"):
			copied = {field["fieldname"] for field in CUSTOM_FIELDS[doctype] if not field.get("no_copy")}
			self.assertEqual(copied - {"cb_parcels_section"}, names)

	def test_parcels_and_delivery_can_be_entered_after_submit_and_are_not_copied(self):
		for doctype in ("Delivery Note", "Sales Invoice"):
			for name in ("cb_parcels", "cb_delivery_status", "cb_delivered_at"):
				field = frappe.get_meta(doctype).get_field(name)
				self.assertEqual((field.allow_on_submit, field.no_copy), (1, 1), name)

	def test_tracking_can_be_entered_after_submit(self):
		for doctype in ("Sales Order", "Delivery Note", "Sales Invoice"):
			editable = {field.fieldname for field in frappe.get_meta(doctype).fields if field.allow_on_submit}
			self.assertLessEqual({"cb_carrier", "cb_tracking_number", "cb_tracking_url"}, editable)
			self.assertNotIn("cb_external_id", editable)

	def test_six_grades_are_seeded_best_first_and_a_merchant_s_change_stays(self):
		names = frappe.get_all("Condition Grade", order_by="rank", pluck="name")
		self.assertEqual([name for name in names if name in "PABCDX"], list("PABCDX"))
		frappe.db.set_value("Condition Grade", "B", "sell_factor", 0.5)
		install.add_condition_grades()
		self.assertEqual(frappe.db.get_value("Condition Grade", "B", "sell_factor"), 0.5)
		self.assertFalse(frappe.db.get_value("Condition Grade", "X", "sellable"))

	def test_a_right_a_merchant_took_away_stays_away(self):
		key = {"parent": "Customer", "role": "Commerce Bridge Integration", "permlevel": 0}
		frappe.db.set_value("Custom DocPerm", key, "create", 0)
		install.add_permissions()
		self.assertEqual(frappe.db.get_value("Custom DocPerm", key, "create"), 0)

	def test_a_right_that_a_new_version_needs_is_given_by_migrating(self):
		key = {"parent": "Delivery Note", "role": "Commerce Bridge Integration", "permlevel": 0}
		version_before = json.loads(frappe.db.get_global(install.RIGHTS_GIVEN))
		version_before["Commerce Bridge Integration/Delivery Note/0"] = ["read", "write"]
		frappe.db.set_global(install.RIGHTS_GIVEN, json.dumps(version_before))
		frappe.db.set_value("Custom DocPerm", key, {"create": 0, "write": 0})
		install.after_migrate()
		self.assertEqual(
			frappe.db.get_value("Custom DocPerm", key, ["create", "write"]), (1, 0), "what was there, stays"
		)


class TestUninstall(RolledBackTestCase):
	def setUp(self):
		config = patch.object(uninstall, "update_site_config", self.note_config)
		config.start()
		self.addCleanup(config.stop)
		indexes_stay = patch.object(uninstall, "remove_indexes")  # it would commit what is rolled back here
		self.indexes_removed = indexes_stay.start()
		self.addCleanup(indexes_stay.stop)
		self.config = {}
		self.addCleanup(frappe.clear_cache)

	def note_config(self, key, value):
		self.config[key] = value

	def test_no_field_role_permission_or_job_is_left(self):
		uninstall.before_uninstall()
		roles = {"role": ("in", list(ROLES))}
		left = {
			"Custom Field": {"module": MODULE},
			"Property Setter": {"field_name": ("like", "cb\\_%")},
			"Role": {"name": ("in", list(ROLES))},
			"Custom DocPerm": roles,
			"DocPerm": roles,
			"Has Role": {**roles, "parenttype": "User"},
			"Scheduled Job Type": {"method": ("like", "commerce_bridge.%")},
			"Logs To Clear": {"ref_doctype": "Sync Log"},
			"List Filter": {"reference_doctype": "Sync Log"},
			"DefaultValue": {"defkey": install.RIGHTS_GIVEN},
		}
		self.assertEqual(
			{doctype: frappe.db.count(doctype, filters) for doctype, filters in left.items()},
			dict.fromkeys(left, 0),
		)
		self.assertEqual(self.config, {"commerce_bridge_site_id": "None"})
		self.indexes_removed.assert_called_once_with()

	def test_standard_permissions_are_back_where_only_copies_remain(self):
		before = {d: frappe.db.count("DocPerm", {"parent": d}) for d in ("Bin", "Customer", "Sales Order")}
		uninstall.remove_permissions()
		for doctype, standard in before.items():
			self.assertEqual(frappe.db.count("Custom DocPerm", {"parent": doctype}), 0, doctype)
			self.assertEqual(frappe.db.count("DocPerm", {"parent": doctype}), standard, doctype)

	def test_permissions_a_merchant_made_are_kept(self):
		setup_custom_perms("Customer")
		row = {
			"doctype": "Custom DocPerm",
			"parent": "Customer",
			"role": "Stock User",
			"permlevel": 0,
			"read": 1,
		}
		frappe.db.delete("Custom DocPerm", {"parent": "Customer", "role": "Stock User"})
		frappe.get_doc({**row, "export": 1}).insert(ignore_permissions=True)
		uninstall.remove_permissions()
		kept = frappe.get_all("Custom DocPerm", filters={"parent": "Customer"}, pluck="role")
		self.assertIn("Stock User", kept)
		self.assertGreater(len(kept), 1)

	def test_what_frappe_deletes_by_module_names_our_module(self):
		for path in FOLDER.glob("*/*/*.json"):
			document = json.loads(path.read_text())
			if document["doctype"] == "Onboarding Step":  # has no module: see below
				continue
			self.assertEqual(document["module"], MODULE, path.name)

	def test_the_first_steps_go_too(self):
		ours = [path.parent.name for path in FOLDER.glob("onboarding_step/*/*.json")]
		names = {"name": ("in", [name.replace("_", " ").title() for name in ours])}
		self.assertEqual(frappe.db.count("Onboarding Step", names), len(ours))
		uninstall.remove_first_steps()
		self.assertEqual(frappe.db.count("Onboarding Step", names), 0)


class TestDocTypes(RolledBackTestCase):
	def test_unique_keys_are_in_the_database(self):
		unique = {
			"Sync Log": "dedupe_key",
			"Channel Listing": "listing_key",
			"Channel Grade Map": "map_key",
			"Channel State": "channel",
			"Channel Settings": "channel_name",
		}
		for doctype, column in unique.items():
			keys = frappe.db.sql(
				f"SHOW INDEX FROM `tab{doctype}` WHERE Column_name = %s AND Non_unique = 0", column
			)
			self.assertTrue(keys, doctype)

	def test_look_ups_have_their_index(self):
		wanted = {
			"Sync Log": [
				("state", "next_attempt_at"),
				("channel", "state", "creation"),
				("external_id",),
				("external_number",),
				("reference_doctype", "reference_name"),
			],
			"Channel Record": [("document_type", "document_name")],
			"Channel Listing": [("channel", "item_code"), ("channel", "sku")],
			"Sales Order": [("cb_external_id",), ("cb_external_number",)],
			"Serial No": [("cb_imei",), ("cb_sales_order",)],
			"Contact Email": [("email_id",)],
			"Contact Phone": [("phone",)],
			"Shipment Delivery Note": [("delivery_note", "parent")],
		}
		for doctype, columns in wanted.items():
			self.assertLessEqual(set(columns), indexes(doctype), doctype)

	def test_indexes_on_frappe_s_tables_come_and_go(self):
		self.addCleanup(install.add_indexes)
		for _again in range(2):
			uninstall.remove_indexes()
			self.assertNotIn(("email_id",), indexes("Contact Email"))
			self.assertNotIn(("phone",), indexes("Contact Phone"))
		for _again in range(2):
			install.add_indexes()
			self.assertIn(("email_id", "parent"), indexes("Contact Email"))
			self.assertIn(("phone", "parent"), indexes("Contact Phone"))

	def test_tables_take_part_in_transactions(self):
		for doctype in frappe.get_all("DocType", filters={"module": MODULE, "issingle": 0}, pluck="name"):
			status = frappe.db.sql("SHOW TABLE STATUS WHERE Name = %s", f"tab{doctype}", as_dict=True)
			self.assertEqual(status[0].Engine, "InnoDB", doctype)


class TestLogExpiry(RolledBackTestCase):
	def setUp(self):
		frappe.db.delete("Sync Log")
		frappe.db.delete("Sync Attempt", {"parenttype": "Sync Log"})

	def test_the_daily_clean_up_knows_the_sync_log(self):
		settings = frappe.get_doc("Log Settings")
		settings.set("logs_to_clear", [])
		settings.remove_unsupported_doctypes()
		settings.add_default_logtypes()
		self.assertIn(("Sync Log", 90), {(row.ref_doctype, row.days) for row in settings.logs_to_clear})

	def test_contents_go_first_and_the_key_stays(self):
		name = log("Succeeded", age=100)
		clear(90)
		row = frappe.db.get_value("Sync Log", name, ["payload", "summary", "traceback", "dedupe_key"])
		self.assertEqual(row, (None, None, None, name))
		self.assertEqual(frappe.get_all("Sync Attempt", {"parent": name}, pluck="message"), [None])

	def test_what_is_younger_keeps_its_contents(self):
		name = log("Succeeded", age=89)
		clear(90)
		self.assertEqual(frappe.db.get_value("Sync Log", name, "payload"), "{}")

	def test_the_row_goes_after_180_days_at_the_earliest(self):
		names = [log("Succeeded", age=181), log("Skipped", age=179)]
		clear(30)
		self.assertEqual(frappe.get_all("Sync Log", pluck="name"), names[1:])
		self.assertEqual(
			frappe.get_all("Sync Attempt", {"parenttype": "Sync Log"}, pluck="parent"), names[1:]
		)

	def test_a_longer_period_is_kept(self):
		log("Succeeded", age=300)
		clear(365)
		self.assertEqual(frappe.get_all("Sync Log", pluck="payload"), ["{}"])

	def test_what_is_unfinished_or_failed_is_never_touched(self):
		states = ["Queued", "Running", "Retrying", "Failed"]
		for state in states:
			log(state, age=2000)
		clear(1)
		left = frappe.get_all("Sync Log", fields=["state", "payload", "summary", "traceback"])
		self.assertEqual({row.state for row in left}, set(states))
		self.assertEqual({(row.payload, row.summary, row.traceback) for row in left}, {("{}", "sent", "at")})


def clear(days: int) -> None:
	from commerce_bridge.commerce_bridge.doctype.sync_log.sync_log import SyncLog

	SyncLog.clear_old_logs(days)


def log(state: str, age: int) -> str:
	"""A Sync Log entry that ended `age` days ago, with one attempt. Returns its name, which is its key too."""
	name, ended = frappe.generate_hash(length=20), add_days(now_datetime(), -age)
	contents = {"payload": "{}", "summary": "sent", "traceback": "at"}
	row = {"doctype": "Sync Log", "name": name, "dedupe_key": name, "state": state, "direction": "Inbound"}
	doc = frappe.get_doc({**row, **contents, "attempts": [{"outcome": state, "message": "m"}]})
	doc.flags.name_set = True
	doc.insert(ignore_permissions=True)
	frappe.db.set_value("Sync Log", doc.name, {"modified": ended, "creation": ended}, update_modified=False)
	return doc.name


def indexes(doctype: str) -> set[tuple[str, ...]]:
	"""The columns of every index of a table, and of each index's beginnings."""
	columns: dict[str, list[str]] = {}
	for row in frappe.db.sql(f"SHOW INDEX FROM `tab{doctype}`", as_dict=True):
		columns.setdefault(row.Key_name, []).append(row.Column_name)
	return {tuple(names[:end]) for names in columns.values() for end in range(1, len(names) + 1)}


def everything_of_ours() -> dict[str, list]:
	"""Every row installation writes, with its time of change."""
	stamped = ["name", "modified"]
	return {
		"fields": frappe.get_all("Custom Field", {"module": MODULE}, stamped, order_by="name"),
		"roles": frappe.get_all("Role", {"name": ("in", list(ROLES))}, stamped, order_by="name"),
		"permissions": frappe.get_all(
			"Custom DocPerm",
			{"parent": ("in", sorted({doctype for table in PERMISSIONS.values() for doctype in table}))},
			stamped,
			order_by="name",
		),
		"grades": frappe.get_all("Condition Grade", {}, stamped, order_by="name"),
		"carriers": frappe.get_all("Carrier", {}, stamped, order_by="name"),
		"filters": frappe.get_all("List Filter", {"reference_doctype": "Sync Log"}, stamped, order_by="name"),
		"settings": frappe.get_all("Property Setter", {}, stamped, order_by="name"),
	}
