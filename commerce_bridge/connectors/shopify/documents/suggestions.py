"""What the tables of a channel may have rows for.

The Admin API has no list of a shop's tax rates (Shopify computes them at the checkout): they are read off the orders
that were placed last, and so are the shipping methods, with the code that carriers and apps give, and the
payment gateways, by the names their transactions have.
https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
"""

from __future__ import annotations

CHARGES = """
query Charges {
  orders(first: 50, sortKey: CREATED_AT, reverse: true) {
    nodes {
      name
      paymentGatewayNames
      taxLines { title rate channelLiable }
      shippingLines(first: 5) {
        nodes { code title taxLines { title rate channelLiable } }
      }
    }
  }
}
"""
