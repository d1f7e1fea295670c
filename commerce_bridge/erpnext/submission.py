"""How a document of ours is written: in one step where nothing on the site depends on a saved draft."""

from __future__ import annotations

from typing import Any

import frappe
from frappe.model.workflow import get_workflow_name


def book(doc: Any, submit: bool) -> None:
	"""Inserts the document, and submits it. With an active Workflow it stops as Draft: both ways of submitting would
	bypass the approval."""
	if not submit or get_workflow_name(doc.doctype):
		doc.update({"docstatus": 0, "status": "Draft"})
		doc.insert()
	elif needs_draft_first(doc.doctype):
		doc.status = "Draft"
		doc.insert()
		doc.submit()
	else:
		doc.submit()


def needs_draft_first(doctype: str) -> bool:
	"""Whether something on this site acts on saved drafts: another app's `before_save`, an Assignment Rule."""
	hooks = frappe.get_doc_hooks()
	if any(hooks.get(name, {}).get("before_save") for name in (doctype, "*")):
		return True
	return doctype in _with_assignment_rules()


def _with_assignment_rules() -> list[str]:
	"""DocTypes that have an Assignment Rule, kept for a minute."""
	key = "commerce_bridge_assignment_rules"
	found = frappe.cache.get_value(key, expires=True)
	if found is None:
		found = frappe.get_all("Assignment Rule", {"disabled": 0}, pluck="document_type", distinct=True)
		frappe.cache.set_value(key, found, expires_in_sec=60)
	return found
