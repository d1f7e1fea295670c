"""Reads of one transaction: asked once, and asked again where the answer may differ."""

from __future__ import annotations

from unittest.mock import patch

import frappe
from pymysql.connections import Connection

from commerce_bridge.erpnext import reads
from commerce_bridge.tests.base import RolledBackTestCase

READ = "SELECT name, first_name FROM `tabUser` WHERE name = %s"
ADMINISTRATOR = "Administrator"


class TestReads(RolledBackTestCase):
	def asked(self, *statements: str) -> int:
		"""How many of the statements reach the server."""
		with patch.object(Connection, "query", autospec=True, side_effect=Connection.query) as query:
			for statement in statements:
				frappe.db.sql(statement, ADMINISTRATOR)
		return query.call_count

	def test_the_same_read_is_asked_once_and_answered_alike(self) -> None:
		with reads.once():
			first = frappe.db.sql(READ, ADMINISTRATOR, as_dict=True)
			with patch.object(Connection, "query", side_effect=AssertionError):
				again = frappe.db.sql(READ, ADMINISTRATOR, as_dict=True)
		self.assertEqual(first, again)
		self.assertEqual(first[0].name, ADMINISTRATOR)

	def test_other_values_are_another_read(self) -> None:
		with reads.once():
			frappe.db.sql(READ, ADMINISTRATOR)
			self.assertEqual(frappe.db.sql(READ, "Guest")[0][0], "Guest")

	def test_a_write_to_the_table_is_seen(self) -> None:
		with reads.once():
			frappe.db.sql(READ, ADMINISTRATOR)
			frappe.db.set_value("User", ADMINISTRATOR, "first_name", "Somebody else")
			self.assertEqual(frappe.db.sql(READ, ADMINISTRATOR)[0][1], "Somebody else")

	def test_a_rollback_to_a_savepoint_is_seen(self) -> None:
		before = frappe.db.sql(READ, ADMINISTRATOR)
		with reads.once():
			frappe.db.savepoint("unchanged")
			frappe.db.set_value("User", ADMINISTRATOR, "first_name", "Somebody else")
			frappe.db.sql(READ, ADMINISTRATOR)
			frappe.db.rollback(save_point="unchanged")
			self.assertEqual(frappe.db.sql(READ, ADMINISTRATOR), before)

	def test_a_write_to_another_table_leaves_it(self) -> None:
		with reads.once():
			frappe.db.sql(READ, ADMINISTRATOR)
			frappe.db.set_value("Role", "Guest", "desk_access", 0)
			self.assertEqual(self.asked(READ), 0)

	def test_a_sequence_is_asked_for_each_number(self) -> None:
		sequence = "commerce_bridge_test_seq"
		frappe.db.sql(f"CREATE OR REPLACE SEQUENCE {sequence} NOCACHE")
		try:
			with reads.once():
				numbers = [frappe.db.sql(f"SELECT nextval({sequence})")[0][0] for _ in range(2)]
		finally:
			frappe.db.sql(f"DROP SEQUENCE {sequence}")
		self.assertEqual(numbers, [1, 2])

	def test_a_write_to_several_tables_forgets_all(self) -> None:
		with reads.once():
			frappe.db.sql(READ, ADMINISTRATOR)
			frappe.db.sql("UPDATE `tabRole` one JOIN `tabUser` two ON two.name = one.name SET one.idx = 0")
			self.assertEqual(self.asked(READ), 1)

	def test_locking_reads_and_clocks_are_always_asked(self) -> None:
		for statement in (
			f"{READ} FOR UPDATE",
			f"{READ} LOCK IN SHARE MODE",
			"SELECT NOW(6), %s",
			"SELECT GET_LOCK(%s, 0)",
		):
			with self.subTest(statement), reads.once():
				self.assertEqual(self.asked(statement, statement), 2)
		frappe.db.sql("SELECT RELEASE_LOCK(%s), RELEASE_LOCK(%s)", (ADMINISTRATOR, ADMINISTRATOR))

	def test_afterwards_all_is_as_before(self) -> None:
		with reads.once():
			frappe.db.sql(READ, ADMINISTRATOR)
		self.assertEqual(self.asked(READ, READ), 2)
