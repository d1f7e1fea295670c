"""What the API says of values of the wrong kind. A batch is not checked at all: seen on a real shop."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.storefronts.woocommerce.values import ApiError, moment_of

UTC = ZoneInfo("UTC")
ORDER_STATUSES = (
	"auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft",
)  # fmt: skip
PRODUCT_STATUSES = ("draft", "pending", "private", "publish", "future", "auto-draft", "trash")


@dataclass(frozen=True)
class Rule:
	"""What a parameter has to be; `least` and `most` of an integer, `choices` of a string or of each in a list."""

	kind: str
	choices: Sequence[str] = ()
	least: int | None = None
	most: int | None = None


def _enumeration(choices: Sequence[str]) -> str:
	*first, last = choices
	return f"{', '.join(first)}, and {last}" if len(first) > 1 else " and ".join(choices)


PRODUCT: Mapping[str, Rule] = {
	**{
		name: Rule("string")
		for name in (
			"name", "slug", "description", "short_description", "sku", "regular_price", "sale_price", "weight",
			"global_unique_id", "tax_class", "shipping_class", "purchase_note",
		)
	},
	"type": Rule("string", ("simple", "grouped", "external", "variable")),
	"status": Rule("string", PRODUCT_STATUSES),
	"catalog_visibility": Rule("string", ("visible", "catalog", "search", "hidden")),
	"stock_status": Rule("string", ("instock", "outofstock", "onbackorder")),
	"backorders": Rule("string", ("no", "notify", "yes")),
	"tax_status": Rule("string", ("taxable", "shipping", "none")),
	"manage_stock": Rule("boolean"),
	"stock_quantity": Rule("integer"),
	"virtual": Rule("boolean"),
	**{name: Rule("array") for name in ("images", "attributes", "categories", "tags", "brands", "meta_data")},
}  # fmt: skip
VARIATION: Mapping[str, Rule] = {
	**{
		name: rule for name, rule in PRODUCT.items() if name not in ("name", "type", "manage_stock", "images")
	},
	"status": Rule("string", ("draft", "pending", "private", "publish")),
}
ORDER: Mapping[str, Rule] = {
	"status": Rule("string", ORDER_STATUSES),
	"customer_id": Rule("integer"),
	"set_paid": Rule("boolean"),
	"customer_note": Rule("string"),
	**{
		name: Rule("array")
		for name in ("line_items", "shipping_lines", "fee_lines", "coupon_lines", "meta_data")
	},
}
LIST: Mapping[str, Rule] = {
	"page": Rule("integer", least=1),
	"per_page": Rule("integer", least=1, most=100),
	"order": Rule("string", ("asc", "desc")),
	**{name: Rule("date") for name in ("after", "before", "modified_after", "modified_before")},
	"dates_are_gmt": Rule("boolean"),
}
ORDER_LIST = {
	**LIST,
	"orderby": Rule("string", ("date", "id", "include", "title", "slug", "modified")),
	"status": Rule("list", ("any", "trash", *ORDER_STATUSES)),
}
PRODUCT_LIST = {
	**LIST,
	"orderby": Rule(
		"string",
		(
			"date", "id", "include", "title", "slug", "modified", "popularity", "rating", "post__in", "price", "sales",
			"menu_order", "random", "popularity", "rating", "menu_order", "price", "popularity", "rating",
		),
	),
	"status": Rule("string", ("any", "future", "trash", "draft", "pending", "private", "publish")),
	"type": Rule("string", ("simple", "grouped", "external", "variable")),
}  # fmt: skip
WEBHOOK = {
	"name": Rule("string"),
	"status": Rule("string", ("active", "paused", "disabled")),
	"secret": Rule("string"),
}


def check(given: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
	"""Raises 400 `rest_invalid_param` naming every parameter that is not as its rule says. Null is passed over."""
	found: dict[str, tuple[str, str, Any]] = {}
	for name, rule in rules.items():
		wrong = _wrong(name, given[name], rule) if given.get(name) is not None else None
		if wrong is not None:
			found[name] = wrong
	if found:
		raise ApiError(
			"rest_invalid_param",
			f"Invalid parameter(s): {', '.join(found)}",
			params={name: message for name, (_, message, _) in found.items()},
			details={
				name: {"code": code, "message": message, "data": data}
				for name, (code, message, data) in found.items()
			},
		)


def needed(given: Mapping[str, Any], *names: str) -> None:
	missing = [name for name in names if given.get(name) is None]
	if missing:
		raise ApiError(
			"rest_missing_callback_param", f"Missing parameter(s): {', '.join(missing)}", params=missing
		)


def _wrong(name: str, value: Any, rule: Rule) -> tuple[str, str, Any] | None:
	if rule.kind == "date":
		known = isinstance(value, str) and moment_of(value, UTC) is not None
		return None if known else ("rest_invalid_date", "Invalid date.", None)
	if rule.kind == "list":
		for index, each in enumerate(str(value).split(",")):
			if each not in rule.choices:
				return _not_one_of(f"{name}[{index}]", rule)
		return None
	if not _is(value, rule.kind):
		return "rest_invalid_type", f"{name} is not of type {rule.kind}.", {"param": name}
	if rule.choices and value not in rule.choices:
		return _not_one_of(name, rule)
	if rule.kind == "integer" and _out_of_bounds(int(value), rule):
		bounds = f"between {rule.least} (inclusive) and {rule.most} (inclusive)"
		if rule.most is None:
			bounds = f"greater than or equal to {rule.least}"
		return "rest_out_of_bounds", f"{name} must be {bounds}", None
	return None


def _not_one_of(name: str, rule: Rule) -> tuple[str, str, Any]:
	return "rest_not_in_enum", f"{name} is not one of {_enumeration(rule.choices)}.", None


def _out_of_bounds(value: int, rule: Rule) -> bool:
	return (rule.least is not None and value < rule.least) or (rule.most is not None and value > rule.most)


def _is(value: Any, kind: str) -> bool:
	if kind == "string":
		return isinstance(value, str)
	if kind == "boolean":
		return isinstance(value, bool) or value in (0, 1, "0", "1", "true", "false")
	if kind == "array":
		return isinstance(value, list)
	if isinstance(value, bool):
		return False
	if isinstance(value, int | float):
		return float(value).is_integer()
	return isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.0*)?", value) is not None
