"""What is told of an order: that it is cancelled, and how far it is."""

from __future__ import annotations

CANCELLATION = """query Cancellation($id: ID!) {
  order(id: $id) { id name cancelledAt }
}"""

#: Without a method nothing is refunded: money is given back where its books are kept.
CANCEL = """mutation CancelOrder($id: ID!, $restock: Boolean!, $note: String) {
  orderCancel(orderId: $id, reason: OTHER, restock: $restock, notifyCustomer: false, staffNote: $note) {
    job { id done }
    orderCancelUserErrors { field message code }
  }
}"""

SET_METAFIELDS = """mutation SetMetafields($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { id key }
    userErrors { field message code }
  }
}"""

INVOICE_FIELD = """query InvoiceField($id: ID!, $namespace: String!, $key: String!) {
  order(id: $id) { id metafield(namespace: $namespace, key: $key) { value } }
}"""

DELETE_METAFIELDS = """mutation DeleteMetafields($metafields: [MetafieldIdentifierInput!]!) {
  metafieldsDelete(metafields: $metafields) {
    deletedMetafields { key }
    userErrors { field message }
  }
}"""
