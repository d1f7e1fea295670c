"""What an app may do in the simulated shop, and which field needs which scope."""

from __future__ import annotations

from graphql import GraphQLError

SCOPES = """
	read_products write_products read_inventory write_inventory read_locations read_orders write_orders
	read_all_orders read_fulfillments read_merchant_managed_fulfillment_orders write_merchant_managed_fulfillment_orders
	read_fulfillments write_fulfillments read_customers write_customers read_returns write_returns
	read_publications write_publications read_shopify_payments_accounts read_shopify_payments_payouts
""".split()

#: Fields that are null, and an error, for apps without access to protected customer data.
#: https://shopify.dev/docs/apps/launch/protected-customer-data
PROTECTED = frozenset(
	{
		*(f"Order.{name}" for name in ("customer", "billingAddress", "shippingAddress", "email", "phone")),
		"ShippingLine.phone",
	}
)

#: Root field → any of these scopes lets it pass.
NEEDED: dict[str, tuple[str, ...]] = {
	**dict.fromkeys(("order", "orders", "ordersCount"), ("read_orders",)),
	**dict.fromkeys(
		("product", "products", "productsCount", "productVariant", "productVariants", "productByIdentifier"),
		("read_products",),
	),
	**dict.fromkeys(("inventoryItem", "inventoryItems", "inventoryLevel"), ("read_inventory",)),
	**dict.fromkeys(("location", "locations"), ("read_locations", "read_inventory")),
	**dict.fromkeys(("customer", "customers"), ("read_customers",)),
	"publications": ("read_publications",),
	**dict.fromkeys(("fulfillmentOrder", "fulfillmentOrders"), ("read_merchant_managed_fulfillment_orders",)),
	**dict.fromkeys(
		("inventorySetQuantities", "inventoryAdjustQuantities", "inventoryActivate", "inventoryItemUpdate"),
		("write_inventory",),
	),
	**dict.fromkeys(
		(
			"fulfillmentCreate",
			"fulfillmentCancel",
			"fulfillmentTrackingInfoUpdate",
			"fulfillmentOrderMove",
		),
		("write_merchant_managed_fulfillment_orders",),
	),
	**dict.fromkeys(("orderCancel", "orderUpdate", "orderMarkAsPaid", "refundCreate"), ("write_orders",)),
	**dict.fromkeys(("return", "returnableFulfillments"), ("read_returns",)),
	**dict.fromkeys(
		(
			"returnApproveRequest",
			"returnCancel",
			"returnClose",
			"returnCreate",
			"returnDeclineRequest",
			"returnProcess",
			"reverseFulfillmentOrderDispose",
		),
		("write_returns",),
	),
	"shopifyPaymentsAccount": ("read_shopify_payments_accounts", "read_shopify_payments_payouts"),
	**dict.fromkeys(
		(
			"productCreate",
			"productUpdate",
			"productSet",
			"productDelete",
			"productCreateMedia",
			"productVariantsBulkCreate",
			"productVariantsBulkUpdate",
		),
		("write_products",),
	),
	**dict.fromkeys(("publishablePublish", "publishableUnpublish"), ("write_publications",)),
}


#: Fields of objects that need a scope of their own.
NEEDED_BELOW: dict[str, tuple[str, ...]] = {
	"Order.returns": ("read_returns",),
	"Refund.return": ("read_returns",),
	"ShopifyPaymentsAccount.payouts": ("read_shopify_payments_payouts",),
}


def check(field: str, granted: set[str]) -> None:
	"""Raises what Shopify answers where a scope is missing; writing includes reading."""
	needed = (NEEDED_BELOW if "." in field else NEEDED).get(field, ())
	has = granted | {scope.replace("write_", "read_", 1) for scope in granted if scope.startswith("write_")}
	if needed and not has.intersection(needed):
		required = f"`{needed[0]}` access scope."
		raise GraphQLError(
			f"Access denied for {field} field. Required access: {required}",
			extensions={
				"code": "ACCESS_DENIED",
				"documentation": "https://shopify.dev/api/usage/access-scopes",
				"requiredAccess": required,
			},
		)


def check_protected(kind: str, field: str) -> None:
	"""Raises what Shopify answers an app without access to protected customer data."""
	if f"{kind}.{field}" in PROTECTED:
		raise GraphQLError(
			f"This app is not approved to access the {kind}.{field} field. See "
			"https://shopify.dev/docs/apps/launch/protected-customer-data for more details.",
			extensions={"code": "ACCESS_DENIED"},
		)
