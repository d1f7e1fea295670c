"""The pruned official schemas, ready to execute."""

from __future__ import annotations

import gzip
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema, parse, validate

from sandbox.storefronts.shopify.graph import decimal, iso

FOLDER = Path(__file__).resolve().parents[2] / "schemas"
VERSIONS = tuple(
	sorted(
		path.name.removeprefix("shopify-").removesuffix(".graphql.gz")
		for path in FOLDER.glob("shopify-*.graphql.gz")
	)
)


@cache
def load(version: str) -> GraphQLSchema:
	"""The schema of a supported version. Shopify's own breaks rules for deprecated fields: it is not validated."""
	with gzip.open(FOLDER / f"shopify-{version}.graphql.gz", "rt", encoding="utf-8") as file:
		schema = build_schema(file.read(), assume_valid=True, assume_valid_sdl=True)
	writers = {"Decimal": _decimal, "Money": _money, "DateTime": _time}
	for name, write in writers.items():
		if name in schema.type_map:
			schema.type_map[name].coerce_output_value = write  # type: ignore[union-attr]
	return schema


@lru_cache(maxsize=500)
def checked(version: str, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
	"""The document, or what is wrong with it."""
	try:
		document = parse(text)
	except GraphQLError as error:
		return None, (error,)
	return document, tuple(validate(load(version), document))


def _decimal(value: Any) -> str:
	return decimal(value) if isinstance(value, Decimal) else str(value)


def _money(value: Any) -> str:
	return f"{value:.2f}" if isinstance(value, Decimal) else str(value)


def _time(value: Any) -> Any:
	return iso(value) if isinstance(value, datetime) else value
