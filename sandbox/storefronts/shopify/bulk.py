"""Bulk queries: the whole answer as one file of JSON lines, children after their parent.

https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphql import FieldNode, OperationDefinitionNode, execute_sync, get_named_type

from sandbox.storefronts.shopify import graph
from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.queries import number
from sandbox.storefronts.shopify.schema import checked, load

AT_ONCE = 5  # https://shopify.dev/changelog/faster-bulk-operations
DEEPEST, MOST_CONNECTIONS = 2, 5
OPEN = ("CREATED", "RUNNING")


@dataclass(eq=False)
class BulkOperation:
	"""A query that runs by itself: done when the clock has passed `ends_at`."""

	id: int
	query: str
	version: str
	shop: Any
	created_at: datetime
	ends_at: datetime
	type: str = "QUERY"
	cancelled: bool = False
	error_code: str | None = None
	content: bytes | None = None
	objects: int = 0
	roots: int = 0

	@property
	def status(self) -> str:
		if self.cancelled:
			return "CANCELED"
		if self.shop.now() < self.ends_at:
			return "RUNNING"
		if self.error_code:
			return "FAILED"
		self._finish()
		return "COMPLETED"

	def _finish(self) -> None:
		if self.content is None:
			self.content = b"".join(self._lines())

	def _lines(self) -> Iterator[bytes]:
		document, _ = checked(self.version, self.query)
		assert document is not None
		self.shop.bulk, self.shop.bulk_skus = True, None
		try:
			found = execute_sync(
				load(self.version),
				document,
				context_value=self.shop,
				field_resolver=graph.resolve,
				type_resolver=graph.type_of,
			)
		finally:
			self.shop.bulk = False
		if found.errors:
			raise found.errors[0]
		for rows in (found.data or {}).values():
			for row in _rows(rows):
				self.roots += 1
				for line in _flat(row, None):
					self.objects += 1
					yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _rows(connection: Mapping[str, Any]) -> list[Any]:
	if "edges" in connection:
		return [edge["node"] for edge in connection["edges"]]
	return list(connection.get("nodes") or ())


def _flat(row: Mapping[str, Any], parent: str | None) -> Iterator[dict[str, Any]]:
	"""The row without its connections, then their rows, each with its parent's id."""
	children = {
		name: value
		for name, value in row.items()
		if isinstance(value, Mapping) and ("edges" in value or "nodes" in value)
	}
	own = {name: value for name, value in row.items() if name not in children}
	yield own | ({"__parentId": parent} if parent else {})
	for value in children.values():
		for child in _rows(value):
			yield from _flat(child, row["id"])


@mutation("bulkOperationRunQuery")
def run_query(shop: Any, args: Args) -> Payload:
	running = [each for each in shop.bulk_operations.values() if each.status in OPEN]
	if len(running) >= AT_ONCE:
		return failed(
			wrong(
				None, "A bulk query operation for this app and shop is already in progress.", "LIMIT_REACHED"
			),
			bulkOperation=None,
		)
	message = wrong_query(shop.version, args["query"])
	if message:
		return failed(wrong("query", message, "INVALID"), bulkOperation=None)
	moment = shop.now()
	operation = BulkOperation(
		shop.new_id("bulk"), args["query"], shop.version, shop, moment, moment + shop.bulk_takes
	)
	operation.error_code = shop.bulk_error
	shop.bulk_operations[operation.id] = operation
	started = {
		"id": f"gid://shopify/BulkOperation/{operation.id}",
		"status": "CREATED",
		"type": operation.type,
		"query": operation.query,
		"createdAt": moment,
		"objectCount": "0",
		"rootObjectCount": "0",
	}
	return {"bulkOperation": started, "userErrors": []}


def wrong_query(version: str, text: str) -> str | None:
	document, errors = checked(version, text)
	if errors or document is None:
		return f"Invalid bulk query: {errors[0].message}"
	operation = document.definitions[0]
	if not isinstance(operation, OperationDefinitionNode):
		return "Invalid bulk query: no operation"
	root = load(version).query_type
	depths = list(_depths(operation, root, 0))
	if not depths:
		return "Bulk queries must contain at least one connection."
	if len(depths) > MOST_CONNECTIONS:
		return "Bulk queries cannot contain more than 5 connections."
	if max(depths) > DEEPEST + 1:
		return "Bulk queries cannot contain connections with a nesting depth greater than 2."
	return None


def _depths(node: Any, parent: Any, depth: int) -> Iterator[int]:
	"""How deep each connection lies; the root's at 1."""
	for field in node.selection_set.selections if node.selection_set else ():
		if not isinstance(field, FieldNode) or field.name.value not in getattr(parent, "fields", {}):
			continue
		kind = get_named_type(parent.fields[field.name.value].type)
		below = depth + 1 if kind.name.endswith("Connection") else depth
		if below > depth:
			yield below
		yield from _depths(field, kind, below)


@mutation("bulkOperationCancel")
def cancel(shop: Any, args: Args) -> Payload:
	operation = shop.bulk_operations.get(number(args["id"]))
	if operation is None:
		return failed(wrong("id", "Bulk operation does not exist"), bulkOperation=None)
	if operation.status not in OPEN:
		return failed(
			wrong(None, f"A bulk operation cannot be canceled when it is {operation.status.lower()}"),
			bulkOperation=operation,
		)
	operation.cancelled = True
	return {"bulkOperation": operation, "userErrors": []}


def _url(shop: Any, row: BulkOperation, args: Args) -> str | None:
	if row.status != "COMPLETED" or not row.objects:
		return None
	return f"{shop.base_url}/bulk/{row.id}.jsonl?signature={row.id * 7}"


graph.TYPES[BulkOperation] = "BulkOperation"
graph.FIELDS["BulkOperation"] = {
	"id": lambda shop, row, args: f"gid://shopify/BulkOperation/{row.id}",
	"url": _url,
	"partialDataUrl": lambda shop, row, args: None,
	"objectCount": lambda shop, row, args: str(row.objects),
	"rootObjectCount": lambda shop, row, args: str(row.roots),
	"fileSize": lambda shop, row, args: str(len(row.content)) if row.content else None,
	"completedAt": lambda shop, row, args: row.ends_at if row.status == "COMPLETED" else None,
}
