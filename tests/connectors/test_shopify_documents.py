"""Every GraphQL document the connector sends is valid in every API version it supports."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from graphql import DocumentNode, FieldNode, GraphQLSchema, OperationDefinitionNode, get_named_type

from commerce_bridge.connectors.shopify import documents
from commerce_bridge.connectors.shopify.shop import DEFAULT_VERSION, SUPPORTED_VERSIONS
from sandbox.storefronts.shopify import bulk
from sandbox.storefronts.shopify.cost import MAXIMUM, Price
from sandbox.storefronts.shopify.graph import knows
from sandbox.storefronts.shopify.mutations import MUTATIONS, NEED_A_KEY
from sandbox.storefronts.shopify.schema import VERSIONS, checked, load

OPERATION = re.compile(r"\s*(query|mutation)\b")


def _documents() -> dict[str, str]:
	found = {}
	for module in pkgutil.iter_modules(documents.__path__):
		for name, value in vars(import_module(f"{documents.__name__}.{module.name}")).items():
			if name.isupper() and not name.startswith("_") and isinstance(value, str):
				found[f"{module.name}.{name}"] = value
	return found


DOCUMENTS = _documents()


def test_there_is_a_schema_of_every_version_the_connector_supports() -> None:
	assert set(SUPPORTED_VERSIONS) <= set(VERSIONS)
	assert DEFAULT_VERSION in SUPPORTED_VERSIONS


def test_the_documents_are_found() -> None:
	assert len(DOCUMENTS) >= 15
	assert all(OPERATION.match(text) for text in DOCUMENTS.values()), (
		"an upper-case text that is no operation"
	)


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_valid(name: str, version: str) -> None:
	document, errors = checked(version, DOCUMENTS[name])
	assert [error.message for error in errors] == []
	assert document is not None
	operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
	assert len(operations) == 1
	assert operations[0].name is not None, "an operation without a name cannot be found in Shopify's logs"


def _asked(document: DocumentNode, schema: GraphQLSchema) -> Iterator[tuple[Any, str]]:
	"""Every field a document asks for, with the type it is asked of."""

	def walk(selections: Any, parent: Any) -> Iterator[tuple[Any, str]]:
		for each in selections.selections if selections else ():
			if not isinstance(each, FieldNode):
				condition = getattr(each, "type_condition", None)
				of = schema.type_map[condition.name.value] if condition else parent
				yield from walk(getattr(each, "selection_set", None), of)
				continue
			if each.name.value.startswith("__"):
				continue
			yield parent, each.name.value
			if each.selection_set:
				yield from walk(each.selection_set, get_named_type(parent.fields[each.name.value].type))

	for definition in document.definitions:
		mutation = getattr(getattr(definition, "operation", None), "value", "") == "mutation"
		condition = getattr(definition, "type_condition", None)
		root = schema.mutation_type if mutation else schema.query_type
		yield from walk(
			definition.selection_set, schema.type_map[condition.name.value] if condition else root
		)


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_uses_nothing_deprecated(name: str, version: str) -> None:
	document, _ = checked(version, DOCUMENTS[name])
	assert document is not None
	asked = _asked(document, load(version))
	deprecated = {
		f"{parent.name}.{field}: {parent.fields[field].deprecation_reason}"
		for parent, field in asked
		if parent.fields[field].deprecation_reason
	}
	assert deprecated == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_simulated_shop_knows_what_a_document_asks_for(name: str) -> None:
	document, _ = checked(DEFAULT_VERSION, DOCUMENTS[name])
	assert document is not None
	unknown = {
		f"{parent.name}.{field}"
		for parent, field in _asked(document, load(DEFAULT_VERSION))
		if not (field in MUTATIONS if parent.name == "Mutation" else knows(parent.name, field))
	}
	assert unknown == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_mutation_that_needs_a_key_has_one(name: str) -> None:
	document, _ = checked(DEFAULT_VERSION, DOCUMENTS[name])
	assert document is not None
	for operation in document.definitions:
		for field in (
			operation.selection_set.selections if isinstance(operation, OperationDefinitionNode) else ()
		):
			if field.name.value in NEED_A_KEY:
				assert [each.name.value for each in field.directives] == ["idempotent"]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("bulk.PRODUCTS")])
def test_no_document_costs_more_than_a_call_may(name: str) -> None:
	"""Pages as large as there are, where the size is a variable."""
	document, _ = checked(DEFAULT_VERSION, DOCUMENTS[name])
	assert document is not None
	largest = dict.fromkeys(re.findall(r"\$(\w+): Int!?", DOCUMENTS[name]), 250)
	assert Price(load(DEFAULT_VERSION), document, largest).requested() <= MAXIMUM


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_the_bulk_queries_keep_to_the_limits_of_bulk_queries(version: str) -> None:
	assert bulk.wrong_query(version, DOCUMENTS["bulk.PRODUCTS"]) is None
