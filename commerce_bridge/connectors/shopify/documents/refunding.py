"""Giving money back: what of an order can be, and the call that does it, once."""

from __future__ import annotations

REFUNDABLE = """query Refundable($id: ID!) {
  order(id: $id) {
    id
    name
    currencyCode
    presentmentCurrencyCode
    taxesIncluded
    shippingLines(first: 10) {
      nodes {
        discountedPriceSet { shopMoney { amount currencyCode } }
        taxLines { priceSet { shopMoney { amount currencyCode } } }
      }
    }
    refunds(first: 250) { id note }
    transactions(first: 250) {
      id
      kind
      status
      gateway
      createdAt
      parentTransaction { id }
      amountSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
    }
  }
}"""

REFUNDABLE_LINES = """query RefundableLines($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on LineItem { id refundableQuantity }
  }
}"""

REFUND = """mutation CreateRefund($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id }
    userErrors { field message }
  }
}"""
