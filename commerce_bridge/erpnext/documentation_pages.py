"""The documents of the app's own folder `docs`, shown in the Desk: always those of the version that runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import frappe
from frappe import _
from frappe.utils import md_to_html

FIRST = "operations"
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}


def folder() -> Path:
	"""Beside the package; a bench clones the whole repository."""
	return Path(frappe.get_app_path("commerce_bridge")).parent / "docs"


def page(name: str | None) -> dict[str, Any]:
	"""A document as HTML, and the names and titles of all.

	:param name: without `.md`; none: the one to begin with
	:raises frappe.DoesNotExistError: where there is none of this name
	"""
	documents = {path.stem: path.read_text() for path in sorted(folder().glob("*.md"))}
	name = name or FIRST
	if name not in documents:
		frappe.throw(_("There is no document of this name"), frappe.DoesNotExistError)
	titles = [{"name": key, "title": _title(text)} for key, text in documents.items()]
	return {"name": name, "html": str(md_to_html(documents[name])), "documents": titles}


def picture(name: str) -> tuple[bytes, str]:
	"""Content and type of a picture of a document.

	:raises frappe.DoesNotExistError: where there is none of this name
	"""
	pictures = {path.name: path for path in (folder() / "images").glob("*") if path.suffix in PICTURES}
	if name not in pictures:
		frappe.throw(_("There is no picture of this name"), frappe.DoesNotExistError)
	return pictures[name].read_bytes(), PICTURES[pictures[name].suffix]


def _title(text: str) -> str:
	found = re.search(r"^# (.+)$", text, re.MULTILINE)
	return found[1] if found else ""
