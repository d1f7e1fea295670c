"""Settings of the site, changed for the time of one test."""

from __future__ import annotations

from typing import Any
from unittest import TestCase

import frappe


def change(case: TestCase, doctype: str, **values: Any) -> None:
	"""Saves a Single DocType with other values, committed, until the test is over."""
	before = {field: frappe.db.get_single_value(doctype, field) for field in values}
	case.addCleanup(_save, doctype, before)
	_save(doctype, values)


def _save(doctype: str, values: dict[str, Any]) -> None:
	frappe.db.rollback()
	frappe.set_user("Administrator")
	doc = frappe.get_doc(doctype)
	if all(doc.get(field) == value for field, value in values.items()):
		return  # to save it would forget all that is cached
	doc.update(values)
	doc.save(ignore_permissions=True)
	frappe.db.commit()
	frappe.clear_cache()
