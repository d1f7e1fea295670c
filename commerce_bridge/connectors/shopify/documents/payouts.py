"""Shopify Payments: what reached the bank, and what it is made of."""

from __future__ import annotations

PAYOUTS = """query Payouts($query: String, $after: String) {
  shop { ianaTimezone }
  shopifyPaymentsAccount {
    payouts(first: 20, after: $after, query: $query, sortKey: ISSUED_AT) {
      pageInfo { hasNextPage endCursor }
      nodes { id legacyResourceId issuedAt status externalTraceId net { amount currencyCode } }
    }
  }
}"""

BALANCE = """query Balance($query: String, $after: String) {
  shopifyPaymentsAccount {
    balanceTransactions(first: 100, after: $after, query: $query, hideTransfers: true, sortKey: PROCESSED_AT) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        type
        test
        transactionDate
        adjustmentReason
        sourceOrderTransactionId
        amount { amount currencyCode }
        fee { amount currencyCode }
        net { amount currencyCode }
        associatedOrder { id name }
      }
    }
  }
}"""
