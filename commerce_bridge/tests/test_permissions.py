"""The table of `permissions.py`: what it allows works, and everything else is refused."""

from __future__ import annotations

import importlib
import json

import frappe
from frappe.permissions import rights

from commerce_bridge.commerce_bridge.doctype.channel_listing.channel_listing import listing_key
from commerce_bridge.custom_fields import MODULE
from commerce_bridge.permissions import (
	INTEGRATION,
	MACHINE_WRITTEN,
	MANAGER,
	METHODS,
	PERMISSIONS,
	ROLES,
	USER,
	is_own,
	may_call,
	require,
)
from commerce_bridge.tests.base import RolledBackTestCase

ASKED = [right for right in rights if right not in ("select", "share")]


class TestPermissions(RolledBackTestCase):
	def setUp(self):
		self.users = {role: make_user(f"{frappe.scrub(role)}@example.com", role) for role in ROLES}
		self.nobody = make_user("no_role@example.com", None)
		frappe.get_doc({"doctype": "Role", "role_name": "Any Desk Role"}).insert(ignore_permissions=True)
		self.clerk = make_user("desk_role@example.com", "Any Desk Role")

	def test_our_doctypes_say_what_the_table_says(self):
		for doctype in own_doctypes():
			rows = frappe.get_all(
				"DocPerm", filters={"parent": doctype}, fields=["role", "permlevel", *rights]
			)
			said = {(row.role, row.permlevel): {right for right in rights if row[right]} for row in rows}
			self.assertEqual(said, table_rows(doctype), doctype)

	def test_erpnext_s_doctypes_got_what_the_table_says(self):
		for doctype in {
			doctype for table in PERMISSIONS.values() for doctype in table if not is_own(doctype)
		}:
			rows = frappe.get_all(
				"Custom DocPerm",
				filters={"parent": doctype, "role": ("in", list(ROLES))},
				fields=["role", "permlevel", *rights],
			)
			said = {(row.role, row.permlevel): {right for right in rights if row[right]} for row in rows}
			self.assertEqual(said, table_rows(doctype), doctype)

	def test_each_role_may_do_on_each_doctype_exactly_what_the_table_says(self):
		doctypes = {*own_doctypes(), *(doctype for table in PERMISSIONS.values() for doctype in table)}
		for role, user in self.users.items():
			anybody = self.clerk if ROLES[role] else self.nobody
			for doctype in sorted(doctypes):
				allowed = PERMISSIONS[role].get(doctype, {}).get(0, ())
				for right in ASKED:
					# what ERPNext gives to everybody (their own addresses, for example) is not ours to refuse
					expected = right in allowed or frappe.has_permission(doctype, right, user=anybody)
					may = frappe.has_permission(doctype, right, user=user)
					self.assertEqual(bool(may), bool(expected), f"{role}: {right} on {doctype}")

	def test_without_a_role_nothing_of_ours_can_be_read(self):
		for doctype in own_doctypes():
			self.assertFalse(frappe.has_permission(doctype, "read", user=self.nobody), doctype)

	def test_the_integration_user_cannot_change_prices(self):
		"""It may make one that is missing: an import of products does. ERPNext's "Auto Insert Item Price If Missing"
		asks whether it may write."""
		user = self.users[INTEGRATION]
		self.assertTrue(frappe.has_permission("Item Price", "create", user=user))
		for right in ("write", "delete", "import", "share"):
			self.assertFalse(frappe.has_permission("Item Price", right, user=user), right)

	def test_machine_written_rows_are_refused_even_to_administrators(self):
		for doctype in MACHINE_WRITTEN:
			doc = frappe.get_doc(
				{"doctype": doctype, "flags": {"ignore_permissions": True}, **minimal(doctype)}
			)
			self.assertRaises(frappe.PermissionError, doc.insert)

	def test_machine_written_rows_cannot_be_changed_or_deleted_by_hand(self):
		for doctype in MACHINE_WRITTEN:
			doc = frappe.get_doc({"doctype": doctype, **minimal(doctype)}).insert(ignore_permissions=True)
			written = frappe.get_doc(doctype, doc.name)
			self.assertRaises(frappe.PermissionError, written.save)
			self.assertRaises(frappe.PermissionError, frappe.delete_doc, doctype, doc.name)
			self.assertTrue(frappe.db.exists(doctype, doc.name))

	def test_only_managers_change_a_grade(self):
		serial = make_serial_no()
		frappe.set_user(self.users[MANAGER])
		save_grade(serial, "B")
		self.assertEqual(frappe.db.get_value("Serial No", serial, "cb_grade"), "B")
		frappe.set_user("Administrator")
		frappe.get_doc("User", self.nobody).add_roles("Stock User", "Item Manager", "Stock Manager")
		frappe.set_user(self.nobody)
		save_grade(serial, "A")
		self.assertEqual(frappe.db.get_value("Serial No", serial, "cb_grade"), "B")

	def test_a_changed_grade_is_in_the_version_history(self):
		serial = make_serial_no()
		frappe.set_user(self.users[MANAGER])
		save_grade(serial, "C")
		frappe.set_user("Administrator")
		changes = frappe.get_all("Version", {"ref_doctype": "Serial No", "docname": serial}, pluck="data")
		changed = [change for data in changes for change in json.loads(data).get("changed", [])]
		self.assertIn(["cb_grade", None, "C"], [[field, old or None, new] for field, old, new in changed])

	def test_methods_are_allowed_to_the_roles_of_the_table_and_refused_to_others(self):
		for method, roles in METHODS.items():
			for role, user in self.users.items():
				frappe.set_user(user)
				if role in roles:
					require(method)
				else:
					self.assertRaises(frappe.PermissionError, require, method)
			self.assertFalse(may_call(method, self.nobody), method)
			self.assertFalse(may_call(method, "Guest"), method)

	def test_a_method_that_is_not_in_the_table_is_nobody_s(self):
		self.assertRaises(KeyError, require, "commerce_bridge.api.no_such_method")

	def test_every_method_of_the_table_is_whitelisted(self):
		for method in METHODS:
			module, _, name = method.rpartition(".")
			self.assertIn(getattr(importlib.import_module(module), name), frappe.whitelisted, method)

	def test_every_method_of_the_table_refuses_who_has_no_role(self):
		for method in sorted(set(METHODS) - {"commerce_bridge.api.webhook"}):
			frappe.set_user(self.nobody)
			arguments = {
				"channel": "x",
				"name": "x",
				"names": ["x"],
				"reason": "x",
				"difference": "1",
				"since": "2026-01-01",
				"kind": "stock",
				"publication": "Paused",
				"product": {},
				"item_code": "x",
				"item_name": "x",
				"item_group": "x",
			}
			with self.assertRaises(frappe.PermissionError, msg=method):
				frappe.call(method, **arguments)

	def test_user_reads_and_manager_configures_channels(self):
		name = make_channel("Permission Test")
		frappe.set_user(self.users[USER])
		doc = frappe.get_doc("Channel Settings", name)
		doc.check_permission("read")
		self.assertRaises(frappe.PermissionError, doc.save)
		frappe.set_user(self.users[MANAGER])
		doc = frappe.get_doc("Channel Settings", name)
		doc.dry_run = 1
		doc.save()
		self.assertEqual(frappe.db.get_value("Channel Settings", name, "dry_run"), 1)


class TestChannelSettings(RolledBackTestCase):
	def refused(self, fieldname: str, **values) -> None:
		label = frappe.get_meta("Channel Settings").get_label(fieldname)
		with self.assertRaisesRegex(frappe.ValidationError, label):
			make_channel("Refused", **values)

	def test_settings_that_cannot_work_are_refused_by_name(self):
		group = frappe.db.get_value("Warehouse", {"company": company(), "is_group": 1})
		account = frappe.db.get_value("Account", {"company": company(), "is_group": 1})
		self.refused("platform", platform="no-such-platform")
		self.refused("channel_name", channel_name="a/b")
		self.refused("store_url", store_url="shop.example.com")
		self.refused("store_url", store_url="https://user:secret@shop.example.com")
		self.refused("allowed_ips", allowed_ips="203.0.113.0/24\n999.1.1.1")
		self.refused("tolerance", tolerance=-1)
		self.refused("stock_buffer", stock_buffer=-1)
		self.refused("rounding_account", tolerance=0.01)
		self.refused("rounding_account", rounding_account=account)
		self.refused("default_warehouse", default_warehouse=group)
		self.refused("taxes", taxes=[{"title": "VAT", "account": account}])
		self.refused("shipping_methods", shipping_methods=[{"method": "*"}])
		self.refused("integration_user", integration_user="Administrator")
		self.refused("warehouses", warehouses=[{"warehouse": group}, {"warehouse": group}])

	def test_an_active_channel_needs_its_settings(self):
		with self.assertRaises(frappe.MandatoryError):
			make_channel("Not Ready", state="Active")

	def test_another_company_s_warehouse_is_refused(self):
		warehouse = frappe.db.get_value("Warehouse", {"company": company(), "is_group": 0})
		frappe.db.set_value("Warehouse", warehouse, "company", "Somebody Else")
		frappe.clear_document_cache("Warehouse", warehouse)
		self.addCleanup(frappe.clear_document_cache, "Warehouse", warehouse)
		self.refused("warehouses", warehouses=[{"warehouse": warehouse}])

	def test_field_map_paths_compile_and_fields_exist(self):
		row = {"path": "attributes.tier", "target_doctype": "Sales Order", "fieldname": "terms"}
		make_channel("Mapped", field_map=[row])
		self.refused("field_map", field_map=[{**row, "path": "attributes..tier["}])
		self.refused("field_map", field_map=[{**row, "fieldname": "no_such_field"}])
		self.refused("field_map", field_map=[{**row, "fieldname": "company"}])

	def test_a_channel_is_bound_to_this_site_when_it_is_switched_on(self):
		user = make_user("worker@example.com", INTEGRATION)
		currency = frappe.get_cached_value("Company", company(), "default_currency")
		own = {"selling": 1, "currency": currency}
		price_list = frappe.db.get_value("Price List", own, ["name", "currency"], as_dict=True)
		doc = frappe.get_doc("Channel Settings", make_channel("Bound"))
		self.assertFalse(doc.enabled_site)
		doc.update({"integration_user": user, "price_list": price_list.name, "currency": price_list.currency})
		doc.default_warehouse = frappe.db.get_value("Warehouse", {"company": company(), "is_group": 0})
		doc.state = "Active"
		doc.save()
		self.assertEqual(doc.enabled_site, frappe.local.site)
		self.assertEqual(doc.enabled_id, frappe.conf.commerce_bridge_site_id)

	def test_a_channel_cannot_be_renamed_nor_deleted_with_its_history(self):
		name = make_channel("Kept")
		self.assertRaises(
			frappe.ValidationError, frappe.rename_doc, "Channel Settings", name, "Other", force=True
		)
		entry = {"doctype": "Sync Log", **minimal("Sync Log"), "channel": name}
		frappe.get_doc(entry).insert(ignore_permissions=True)
		self.assertRaises(frappe.ValidationError, frappe.delete_doc, "Channel Settings", name)

	def test_a_channel_without_history_can_be_deleted(self):
		name = make_channel("Deleted")
		state = {"doctype": "Channel State", "channel": name}
		frappe.get_doc(state).insert(ignore_permissions=True)
		frappe.delete_doc("Channel Settings", name)
		self.assertFalse(frappe.db.exists("Channel State", name))


class TestListing(RolledBackTestCase):
	def test_a_product_is_listed_once_in_a_channel(self):
		channel, item = make_channel("Listed"), make_item()
		listing = {"doctype": "Channel Listing", "channel": channel, "item_code": item, "product_id": "7"}
		doc = frappe.get_doc(listing).insert()
		self.assertEqual((doc.sku, doc.listing_key), (item, listing_key(channel, "7", None, item)))
		self.assertRaises(frappe.UniqueValidationError, frappe.get_doc(listing).insert)
		frappe.get_doc({**listing, "variant_id": "8"}).insert()

	def test_a_unit_is_listed_under_its_own_item(self):
		listing = {
			"doctype": "Channel Listing",
			"channel": make_channel("Units"),
			"serial_no": make_serial_no(),
		}
		self.assertRaises(
			frappe.ValidationError, frappe.get_doc({**listing, "item_code": make_item()}).insert
		)

	def test_a_grade_is_mapped_once(self):
		row = {"doctype": "Channel Grade Map", "channel": make_channel("Grades"), "grade": "A"}
		frappe.get_doc({**row, "outbound_code": "EXCELLENT"}).insert()
		with self.assertRaisesRegex(frappe.ValidationError, "There is a row already"):
			frappe.get_doc({**row, "outbound_code": "GOOD"}).insert()
		frappe.get_doc({**row, "condition": "Used", "outbound_code": "GOOD"}).insert()


# --- what the tests above need ---------------------------------------------------------------------------


def own_doctypes() -> list[str]:
	return frappe.get_all("DocType", filters={"module": MODULE, "istable": 0}, pluck="name")


def table_rows(doctype: str) -> dict[tuple[str, int], set[str]]:
	return {
		(role, level): set(granted)
		for role, table in PERMISSIONS.items()
		for level, granted in table.get(doctype, {}).items()
	}


def minimal(doctype: str) -> dict[str, str]:
	"""The mandatory fields of a machine-written DocType."""
	key = frappe.generate_hash(length=20)
	record = {"channel": make_channel("Minimal"), "record_type": "order", "external_id": key, "name": key}
	return {
		"Sync Log": {"direction": "Inbound", "state": "Queued", "dedupe_key": key},
		"Channel Record": record,
		"Stock Change": {"item_code": "x"},
		"Channel State": {"channel": record["channel"]},
		"Stock Drift": {"channel": record["channel"], "kind": "Differs"},
		"Drift Check": {"channel": record["channel"]},
		"Unbooked Sale": {
			"channel": record["channel"],
			"external_id": key,
			"record": key,
			"item_code": make_item(),
			"warehouse": frappe.get_all("Warehouse", {"is_group": 0}, pluck="name", limit=1)[0],
			"log": new_log(key),
		},
	}[doctype]


def new_log(key: str) -> str:
	log = {"doctype": "Sync Log", "direction": "Inbound", "state": "Queued", "dedupe_key": f"log {key}"}
	return frappe.get_doc(log).insert(ignore_permissions=True).name


def make_user(email: str, role: str | None) -> str:
	if not frappe.db.exists("User", email):
		user = {"doctype": "User", "email": email, "first_name": email, "send_welcome_email": 0}
		frappe.get_doc(user).insert(ignore_permissions=True)
	if role:
		frappe.get_doc("User", email).add_roles(role)
	return email


def company() -> str:
	return frappe.get_all("Company", limit=1, order_by="creation", pluck="name")[0]


def make_channel(name: str, **values) -> str:
	if frappe.db.exists("Channel Settings", name):
		return name
	doc = {"doctype": "Channel Settings", "channel_name": name, "platform": "custom", "company": company()}
	return frappe.get_doc({**doc, **values}).insert().name


def make_item(**values) -> str:
	group = frappe.db.get_value("Item Group", {"is_group": 0})
	item = {"doctype": "Item", "item_code": frappe.generate_hash(length=12), "item_group": group}
	return frappe.get_doc({**item, "stock_uom": "Nos", **values}).insert().name


def make_serial_no() -> str:
	serial = {"doctype": "Serial No", "serial_no": frappe.generate_hash(length=12), "company": company()}
	return frappe.get_doc({**serial, "item_code": make_item(has_serial_no=1)}).insert().name


def save_grade(serial_no: str, grade: str) -> None:
	doc = frappe.get_doc("Serial No", serial_no)
	doc.cb_grade = grade
	doc.save(ignore_version=False)  # Frappe keeps no versions in tests unless asked
