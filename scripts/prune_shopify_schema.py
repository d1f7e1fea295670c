"""Cuts Shopify's Admin schema down to what the connector and the simulated shop use.

Usage: python scripts/prune_shopify_schema.py FULL TARGET

FULL is the whole schema, as SDL (.graphql) or as the introspection (.json) that the npm package @shopify/dev-mcp
has in dist/data, either of them gzipped or not. TARGET is sandbox/schemas/shopify-VERSION.graphql.gz.
To use another type or operation, add it here and run this for every version.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_client_schema, parse, print_ast, print_schema
from graphql.language import ast

NOTICE = """\
# A part of Shopify's Admin API schema, cut out by scripts/prune_shopify_schema.py from the npm package
# @shopify/dev-mcp 1.16.0 (ISC License):
#
# Copyright 2025-present, Shopify Inc.
#
# Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
# granted, provided that the above copyright notice and this permission notice appear in all copies.
#
# THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING
# ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL,
# DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS,
# WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE
# USE OR PERFORMANCE OF THIS SOFTWARE.

"""

QUERIES = """
	bulkOperation bulkOperations currentBulkOperation currentAppInstallation customer customers fulfillment
	fulfillmentOrder fulfillmentOrders inventoryItem inventoryItems inventoryLevel location locations
	metafieldDefinitions node nodes order orderByIdentifier orders ordersCount product productByIdentifier
	productOperation productVariant productVariantByIdentifier productVariants products productsCount
	publicApiVersions publications refund return returnableFulfillments shop shopifyPaymentsAccount
	webhookSubscription webhookSubscriptions webhookSubscriptionsCount
""".split()

MUTATIONS = """
	bulkOperationCancel bulkOperationRunMutation bulkOperationRunQuery fileUpdate fulfillmentCancel
	fulfillmentCreate fulfillmentOrderCancel fulfillmentOrderMove fulfillmentTrackingInfoUpdate
	inventoryActivate inventoryAdjustQuantities inventoryBulkToggleActivation inventoryDeactivate
	inventoryItemUpdate inventorySetQuantities metafieldDefinitionCreate metafieldsDelete metafieldsSet
	orderCancel orderClose orderCreate orderCreateManualPayment orderEditBegin orderEditCommit
	orderEditSetQuantity orderMarkAsPaid orderOpen orderUpdate productCreate productCreateMedia productDelete
	productOptionsCreate productOptionUpdate productReorderMedia productSet productUpdate
	productVariantAppendMedia productVariantsBulkCreate productVariantsBulkDelete productVariantsBulkUpdate
	publishablePublish publishablePublishToCurrentChannel publishableUnpublish refundCreate returnApproveRequest
	returnCancel returnClose returnCreate returnDeclineRequest returnProcess reverseFulfillmentOrderDispose
	stagedUploadsCreate tagsAdd tagsRemove webhookSubscriptionCreate webhookSubscriptionDelete
	webhookSubscriptionUpdate
""".split()

#: Object, interface and union types that stay; so do their connections, payloads and errors.
TYPES = """
	AccessScope AdditionalFee ApiVersion App AppCatalog AppInstallation Attribute AutomaticDiscountApplication
	BulkOperation CalculatedOrder CashRoundingAdjustment Catalog Count Customer CustomerEmailAddress
	CustomerPhoneNumber DeliveryMethod DiscountAllocation DiscountApplication DiscountCodeApplication
	Duty EditableProperty ExternalVideo File FileError Fulfillment FulfillmentEvent FulfillmentHold
	FulfillmentLineItem FulfillmentOrder FulfillmentOrderAssignedLocation FulfillmentOrderDestination
	FulfillmentOrderLineItem FulfillmentOrderLocationForMove FulfillmentOrderMerchantRequest
	FulfillmentOrderSupportedAction FulfillmentService FulfillmentTrackingInfo HarmonizedSystemCode HasMetafields
	Image InventoryAdjustmentGroup InventoryChange InventoryItem InventoryItemMeasurement InventoryLevel
	InventoryQuantity Job LegacyInteroperability LineItem LineItemGroup Location LocationAddress MailingAddress
	ManualDiscountApplication Media MediaError MediaImage MediaImageOriginalSource MediaPreviewImage
	MediaWarning Metafield MetafieldDefinition MetafieldDefinitionType MetafieldIdentifier MoneyBag MoneyV2 Node Order
	OrderAdjustment OrderApp OrderCancelJobResult OrderCancellation OrderDisputeSummary OrderTransaction PageInfo
	PaymentTerms PricingPercentageValue PricingValue Product ProductOperation ProductOption
	ProductOptionValue ProductOptionValueSwatch ProductPriceRangeV2 ProductSetOperation ProductVariant
	Publication Publishable Refund RefundDuty RefundLineItem RefundShippingLine ResourcePublication
	ResourcePublicationV2 Return ReturnDecline ReturnLineItem ReturnLineItemType ReturnReasonDefinition
	ReturnableFulfillment ReturnableFulfillmentLineItem
	ReverseFulfillmentOrder ReverseFulfillmentOrderDisposition ReverseFulfillmentOrderLineItem SEO
	ScriptDiscountApplication SelectedOption
	ShippingLine Shop ShopAddress ShopPlan ShopifyPaymentsAccount ShopifyPaymentsAssociatedOrder
	ShopifyPaymentsBalanceTransaction ShopifyPaymentsBalanceTransactionAssociatedPayout ShopifyPaymentsPayout
	ShopifyPaymentsPayoutSummary StagedMediaUploadTarget StagedUploadParameter TaxLine TaxonomyCategory
	TransactionFee UnverifiedReturnLineItem Video WebhookEventBridgeEndpoint WebhookHttpEndpoint
	WebhookPubSubEndpoint WebhookSubscription WebhookSubscriptionEndpoint WebhookSubscriptionMetafieldIdentifier
	Weight DisplayableError UserError BulkMutationErrorCode
""".split()
COMPANIONS = ("Connection", "Edge")


def main() -> None:
	"""See the module."""
	full, target = map(Path, sys.argv[1:])
	kept = pruned(definitions(read(full)))
	text = NOTICE + "\n\n".join(print_ast(definition) for definition in kept) + "\n"
	with gzip.GzipFile(target, "wb", mtime=0) as file:
		file.write(text.encode())
	print(f"{target.name}: {len(kept)} types, {len(text)} characters, {target.stat().st_size} bytes")


def read(path: Path) -> str:
	"""The schema as SDL."""
	content = path.read_bytes()
	if path.suffix == ".gz":
		content = gzip.decompress(content)
	if ".json" not in path.name:
		return content.decode()
	introspection: Any = json.loads(content)
	return print_schema(_client_schema(introspection.get("data", introspection)))


def _client_schema(introspection: Any) -> GraphQLSchema:
	return build_client_schema(introspection, assume_valid=True)


def definitions(sdl: str) -> dict[str, Any]:
	"""Definitions by name; the schema's own is "schema", that of a directive begins with "@"."""
	found: dict[str, Any] = {}
	for definition in parse(sdl, no_location=True).definitions:
		if isinstance(definition, ast.SchemaDefinitionNode):
			found["schema"] = definition
		else:
			sign = "@" if isinstance(definition, ast.DirectiveDefinitionNode) else ""
			found[sign + definition.name.value] = definition
	return found


def pruned(known: dict[str, Any]) -> list[Any]:
	"""What remains, sorted by name; descriptions are left out."""
	roots = {"QueryRoot": set(QUERIES), "Mutation": set(MUTATIONS)}
	kept: dict[str, Any] = {}
	queue = ["QueryRoot", "Mutation", *(name for name in TYPES if name in known)]
	while queue:
		name = queue.pop()
		if name in kept or name not in known:
			continue
		definition = kept[name] = _cut(known[name], known, roots.get(name))
		queue += _mentioned(definition)
	used = _reachable(kept)
	specials = [definition for name, definition in known.items() if name in ("schema", "@idempotent")]
	return [*specials, *(kept[name] for name in sorted(used))]


def _cut(definition: Any, known: dict[str, Any], fields: set[str] | None) -> Any:
	"""The definition without what leads to types that do not stay."""
	values: dict[str, Any] = {key: getattr(definition, key) for key in definition.keys if key != "loc"}
	values["description"] = None
	if values.get("interfaces"):
		values["interfaces"] = tuple(each for each in definition.interfaces if each.name.value in TYPES)
	if isinstance(definition, ast.UnionTypeDefinitionNode):
		values["types"] = tuple(each for each in definition.types if _stays(each.name.value, known))
	elif values.get("fields"):
		output = not isinstance(definition, ast.InputObjectTypeDefinitionNode)
		values["fields"] = tuple(
			_plain(field)
			for field in definition.fields
			if (field.name.value in fields if fields is not None else True)
			and (not output or fields is not None or _stays(_named(field.type), known))
		)
	elif values.get("values"):
		values["values"] = tuple(_plain(value) for value in definition.values)
	return type(definition)(**values)


def _plain(node: Any) -> Any:
	"""A field, argument or value without its description."""
	values: dict[str, Any] = {key: getattr(node, key) for key in node.keys if key != "loc"}
	values["description"] = None
	if values.get("arguments"):
		values["arguments"] = tuple(map(_plain, node.arguments))
	return type(node)(**values)


def _stays(name: str, known: dict[str, Any]) -> bool:
	definition = known.get(name)
	if definition is None or isinstance(
		definition, ast.ScalarTypeDefinitionNode | ast.EnumTypeDefinitionNode
	):
		return True
	for companion in COMPANIONS:
		name = name.removesuffix(companion)
	return name in TYPES or name.endswith("UserError")


def _named(node: Any) -> str:
	while not isinstance(node, ast.NamedTypeNode):
		node = node.type
	return node.name.value


def _mentioned(definition: Any) -> list[str]:
	"""Names of the types a definition needs."""
	names = [each.name.value for each in getattr(definition, "interfaces", ()) or ()]
	if isinstance(definition, ast.UnionTypeDefinitionNode):
		names += [each.name.value for each in definition.types]
	for field in getattr(definition, "fields", ()) or ():
		names.append(_named(field.type))
		names += [_named(argument.type) for argument in getattr(field, "arguments", ()) or ()]
	return names


def _reachable(kept: dict[str, Any]) -> set[str]:
	"""Names that an operation can come to; an interface leads to what implements it."""
	implementing: dict[str, list[str]] = {}
	for name, definition in kept.items():
		for each in getattr(definition, "interfaces", ()) or ():
			implementing.setdefault(each.name.value, []).append(name)
	seen: set[str] = set()
	queue = ["QueryRoot", "Mutation"]
	while queue:
		name = queue.pop()
		if name in seen or name not in kept:
			continue
		seen.add(name)
		queue += [*_mentioned(kept[name]), *implementing.get(name, ())]
	return seen


if __name__ == "__main__":
	main()
