"""What a call costs, and the bucket it is paid from.

The costs were fitted to responses captured from a live shop (API 2026-04): an object 1, a list as one object, a
connection 2 and its rows with the binary logarithm of how many are asked for, a mutation 10, MoneyBag nothing.
https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil, log2
from typing import Any

from graphql import (
	DocumentNode,
	FieldNode,
	FragmentDefinitionNode,
	FragmentSpreadNode,
	GraphQLSchema,
	InlineFragmentNode,
	IntValueNode,
	OperationDefinitionNode,
	SelectionSetNode,
	VariableNode,
	get_named_type,
	is_leaf_type,
)

MUTATION = 10
MAXIMUM = 1000  # of one query
_FREE = ("pageInfo", "userErrors", "edges")


@dataclass
class Bucket:
	"""Points that come back with time: the leaky bucket of one app in one shop."""

	now: Any
	size: float = 2000
	restore: float = 100  # a second
	available: float = 2000
	filled_at: datetime | None = None

	def status(self) -> dict[str, Any]:
		self._fill()
		return {
			"maximumAvailable": self.size,
			"currentlyAvailable": int(self.available),
			"restoreRate": self.restore,
		}

	def affords(self, cost: float) -> bool:
		self._fill()
		return cost <= self.available

	def take(self, cost: float) -> None:
		self._fill()
		self.available -= cost

	def _fill(self) -> None:
		moment = self.now()
		if self.filled_at is not None:
			passed = max((moment - self.filled_at).total_seconds(), 0)
			self.available = min(self.size, self.available + passed * self.restore)
		self.filled_at = moment


class Price:
	"""The price of a document: before it runs by what it asks for, afterwards by what it got."""

	def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]):
		self._schema = schema
		self._variables = variables
		self._fragments = {
			each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
		}
		self._operation = next(
			each for each in document.definitions if isinstance(each, OperationDefinitionNode)
		)

	def requested(self) -> int:
		return self._of_operation(None)

	def actual(self, data: Mapping[str, Any] | None) -> int:
		return self._of_operation(data or {})

	def _of_operation(self, data: Mapping[str, Any] | None) -> int:
		mutation = self._operation.operation.value == "mutation"
		root = self._schema.mutation_type if mutation else self._schema.query_type
		cost = 0
		for field in self._fields(self._operation.selection_set):
			below = self._value(data, field)
			if mutation:
				cost += MUTATION + self._payload(field, root, below)
			else:
				cost += self._field(field, root, below)
		return cost if mutation else max(cost, 1)

	def _payload(self, field: FieldNode, root: Any, data: Any) -> int:
		"""Objects that a mutation gives back are in its price; what is asked of them is not."""
		payload = get_named_type(root.fields[field.name.value].type)
		cost = 0
		for each in self._fields(field.selection_set):
			if each.name.value not in _FREE and each.selection_set and each.name.value in payload.fields:
				cost += max(self._field(each, payload, self._value(data, each)) - 1, 0)
		return cost

	def _field(self, field: FieldNode, parent: Any, data: Any) -> int:
		name = field.name.value
		if name.startswith("__") or name not in getattr(parent, "fields", {}) or data == "absent":
			return 0
		kind = get_named_type(parent.fields[name].type)
		if is_leaf_type(kind) or name in ("pageInfo", "userErrors"):
			return 0
		rows = 1
		if kind.name.endswith("Connection"):
			rows, own = self._rows(field, data), 2
		else:
			own = 0 if name in _FREE or kind.name == "MoneyBag" else 1
		below = sum(
			self._field(each, type_, self._below(data, each))
			for each, type_ in self._typed_fields(field.selection_set, kind)
		)
		return own + rows * below

	def _rows(self, field: FieldNode, data: Any) -> int:
		if isinstance(data, Mapping):
			count = len(data.get("nodes") or data.get("edges") or ())
			return ceil(log2(count)) if count > 1 else count
		for argument in field.arguments:
			if argument.name.value in ("first", "last"):
				count = self._number(argument.value)
				return max(1, ceil(log2(count))) if count > 0 else 1
		return 1

	def _number(self, value: Any) -> int:
		if isinstance(value, VariableNode):
			return int(self._variables.get(value.name.value) or 1)
		return int(value.value) if isinstance(value, IntValueNode) else 1

	@staticmethod
	def _value(data: Any, field: FieldNode) -> Any:
		"""What a field got; None where nothing ran yet, "absent" where it got nothing."""
		if data is None:
			return None
		name = (field.alias or field.name).value
		if not isinstance(data, Mapping) or data.get(name) is None:
			return "absent"
		return data[name]

	def _below(self, data: Any, field: FieldNode) -> Any:
		"""Lists are one object: its first row stands for all."""
		if isinstance(data, list):
			data = next((row for row in data if row is not None), {})
		return self._value(data, field)

	def _fields(self, selections: SelectionSetNode | None) -> Iterator[FieldNode]:
		for field, _ in self._typed_fields(selections, None):
			yield field

	def _typed_fields(
		self, selections: SelectionSetNode | None, parent: Any
	) -> Iterator[tuple[FieldNode, Any]]:
		for each in selections.selections if selections else ():
			if isinstance(each, FieldNode):
				yield each, parent
				continue
			fragment = self._fragments[each.name.value] if isinstance(each, FragmentSpreadNode) else each
			assert isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode)
			condition = fragment.type_condition
			kind = self._schema.type_map[condition.name.value] if condition else parent
			yield from self._typed_fields(fragment.selection_set, kind)
