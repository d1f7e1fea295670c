"""What frappe/ecommerce_integrations leaves in ERPNext when it connects a Shopify store.

https://github.com/frappe/ecommerce_integrations/blob/develop/ecommerce_integrations/shopify/constants.py
"""

from __future__ import annotations

from commerce_bridge.bridge.adoption import Link, ListingLinks, OrderLinks, Origin

ECOMMERCE_INTEGRATIONS = Origin(
	title="Ecommerce Integrations",
	platform="shopify",
	listings=ListingLinks(
		doctype="Ecommerce Item",
		only={"integration": "shopify"},
		item_code="erpnext_item_code",
		product_id="integration_item_code",
		variant_id="variant_id",
		sku="sku",
		template="has_variants",
	),
	orders=OrderLinks(
		doctypes=("Sales Order", "Delivery Note", "Sales Invoice"),
		external_id="shopify_order_id",
		external_number="shopify_order_number",
	),
	links=(
		Link("Customer", "shopify_customer_id", "Customer"),
		Link("Delivery Note", "shopify_fulfillment_id", "Fulfilment"),
	),
)
