"""What the simulated Shopify's mutations have in common: user errors, idempotency, rules the schema does not tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

Args = dict[str, Any]
Payload = dict[str, Any]
Mutation = Callable[[Any, Args], Payload]

#: https://shopify.dev/docs/api/usage/implementing-idempotency
NEED_A_KEY = {
	"inventorySetQuantities",
	"inventoryAdjustQuantities",
	"inventoryActivate",
	"inventoryDeactivate",
	"refundCreate",
}
LARGEST_INPUT = 250  # https://shopify.dev/api/usage/limits
MUTATIONS: dict[str, Mutation] = {}


@dataclass(frozen=True)
class Attempt:
	"""What came of a call with a key."""

	content: str
	payload: Payload
	failed: bool


def mutation(name: str) -> Callable[[Mutation], Mutation]:
	def add(function: Mutation) -> Mutation:
		MUTATIONS[name] = function
		return function

	return add


def wrong(path: str | None, message: str, code: str | None = None) -> dict[str, Any]:
	"""A user error; `path` with dots, as the arguments are nested."""
	return {"field": path.split(".") if path else None, "message": message, "code": code}


def failed(*errors: dict[str, Any], **values: Any) -> Payload:
	return {**values, "userErrors": list(errors)}


def run(shop: Any, info: GraphQLResolveInfo, args: Args) -> Payload:
	"""One mutation, under the rules that hold for all."""
	name = info.field_name
	function = MUTATIONS.get(name)
	if function is None:
		raise GraphQLError(
			f"The simulated Shopify does not know the mutation {name}", extensions={"code": "NOT_SIMULATED"}
		)
	_check_size(name, args)
	key = _key(info)
	if key is None:
		if name in NEED_A_KEY:
			raise GraphQLError(
				"The @idempotent directive is required for this mutation but was not provided.",
				extensions={"code": "BAD_REQUEST"},
			)
		return function(shop, args)
	content = json.dumps([name, args], sort_keys=True, default=str)
	known = shop.attempts.get(key)
	if known is None:
		payload = function(shop, args)
		shop.attempts[key] = Attempt(content, payload, bool(payload.get("userErrors")))
		return payload
	shop.repetitions += 1
	return _again(known, content)


def _again(known: Attempt, content: str) -> Payload:
	if known.content != content:
		return failed(
			wrong(
				None,
				"The same idempotency key cannot be used with different operation parameters.",
				"IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
			)
		)
	if known.failed:
		return failed(
			wrong(
				None,
				"A previous request with this idempotency key failed. Retry with a new idempotency key.",
				"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
			)
		)
	return known.payload


def _key(info: GraphQLResolveInfo) -> str | None:
	for directive in info.field_nodes[0].directives or ():
		if directive.name.value == "idempotent":
			value = directive.arguments[0].value
			name = getattr(getattr(value, "name", None), "value", None)
			return info.variable_values.coerced.get(name) if name else getattr(value, "value", None)
	return None


def _check_size(name: str, value: Any, path: tuple[str, ...] = ()) -> None:
	if isinstance(value, Mapping):
		for key, inner in value.items():
			_check_size(name, inner, (*path, key))
	elif isinstance(value, list):
		allowed = (
			2048
			if path[-1:] == ("variants",)
			else 512
			if "fulfillmentOrder" in "".join(path)
			else LARGEST_INPUT
		)
		if len(value) > allowed:
			raise GraphQLError(
				f"The input array size of {len(value)} is greater than the maximum allowed of {allowed}.",
				extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"},
			)
		for inner in value:
			_check_size(name, inner, path)
