"""Base of all site tests: one name for the test case of Frappe 15 and of later versions."""

from __future__ import annotations

import frappe

try:
	from frappe.tests import IntegrationTestCase as SiteTestCase  # Frappe 16
except ImportError:
	from frappe.tests.utils import FrappeTestCase as SiteTestCase

__all__ = ["RolledBackTestCase", "SiteTestCase", "before_tests"]


class RolledBackTestCase(SiteTestCase):
	"""Every test starts from what the site had before: Frappe rolls back once for a class, this after each test."""

	def tearDown(self) -> None:
		frappe.set_user("Administrator")
		frappe.db.rollback()
		super().tearDown()


def before_tests() -> None:
	"""Hook of the test runner: a fresh site gets ERPNext's own test company, and ours is repeated."""
	from erpnext.setup.utils import before_tests as set_up_erpnext

	from commerce_bridge.install import after_install

	set_up_erpnext()
	after_install()
