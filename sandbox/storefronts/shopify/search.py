"""The query language of Shopify's lists, as far as the connector uses it.

https://shopify.dev/docs/api/usage/search-syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from graphql import GraphQLError

from sandbox.storefronts.shopify.shop import aware

_TERM = re.compile(r"(-?)(\w+):\s*(>=|<=|>|<|)\s*(?:'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"|([^\s()]+))")

#: Field → what of a row it looks at: one value, or several.
Fields = Mapping[str, Callable[[Any], Any]]


def matcher(query: str | None, fields: Fields) -> Callable[[Any], bool]:
	"""Whether a row is found. A word the simulated shop does not understand is refused, not ignored."""
	if not query:
		return lambda row: True
	alternatives = [_all(part, fields) for part in re.split(r"\s+OR\s+", query)]
	return lambda row: any(all(test(row) for test in tests) for tests in alternatives)


def _all(part: str, fields: Fields) -> list[Callable[[Any], bool]]:
	part = part.strip().strip("()")
	rest = re.sub(r"\bAND\b", " ", _TERM.sub(" ", part)).strip(" ()")
	if rest:
		raise GraphQLError(f"The simulated Shopify does not understand {rest!r} in a search query")
	return [_term(match, fields) for match in _TERM.finditer(part)]


def _term(match: re.Match[str], fields: Fields) -> Callable[[Any], bool]:
	negated, name, sign, single, double, bare = match.groups()
	if name not in fields:
		raise GraphQLError(f"The simulated Shopify cannot search by {name!r}")
	text = next(value for value in (single, double, bare) if value is not None)
	text, read = re.sub(r"\\(.)", r"\1", text), fields[name]

	def test(row: Any) -> bool:
		values = read(row)
		several = values if isinstance(values, list | tuple | set) else [values]
		return any(_compare(value, sign, text) for value in several) is not bool(negated)

	return test


def _compare(value: Any, sign: str, text: str) -> bool:
	if value is None:
		return False
	if isinstance(value, datetime):
		# the index knows seconds
		return _ordered(value.replace(microsecond=0), sign, aware(text))
	if isinstance(value, int) and not isinstance(value, bool):
		return _ordered(value, sign, int(text))
	if isinstance(value, bool):
		return value is (text.lower() == "true")
	if text.endswith("*"):
		return str(value).lower().startswith(text[:-1].lower())
	return str(value).lower() == text.lower()


def _ordered(value: Any, sign: str, wanted: Any) -> bool:
	return {
		">=": value >= wanted,
		"<=": value <= wanted,
		">": value > wanted,
		"<": value < wanted,
		"": value == wanted,
	}[sign]
