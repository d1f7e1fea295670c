"""Fulfilments: what of an order was sent, what is left of it, and from where."""

from __future__ import annotations

#: Fulfilments are a list without pages: how many come with the order, at most, and at once by their ids.
LISTED = 50
MOST_LISTED = 250
SENT_ASKED = 10

_SENT = """
      id
      status
      location { id }
      trackingInfo(first: 20) { company number url }
      fulfillmentLineItems(first: 50) {
        pageInfo { hasNextPage endCursor }
        nodes { quantity lineItem { id } }
      }"""

ORDER = f"""query OrderToFulfil($id: ID!) {{
  order(id: $id) {{
    id
    name
    cancelledAt
    fulfillments(first: {LISTED}) {{{_SENT}
    }}
    fulfillmentOrders(first: 20) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        id
        status
        requestStatus
        fulfillAt
        supportedActions {{ action }}
        fulfillmentHolds {{ displayReason }}
        assignedLocation {{ name location {{ id }} }}
        lineItems(first: 50) {{
          pageInfo {{ hasNextPage endCursor }}
          nodes {{ id remainingQuantity totalQuantity lineItem {{ id }} }}
        }}
      }}
    }}
  }}
}}"""

SENT_LISTED = f"""query SentListed($id: ID!) {{
  order(id: $id) {{ fulfillments(first: {MOST_LISTED}) {{ id }} }}
}}"""

SENT = f"""query Sent($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Fulfillment {{{_SENT}
    }}
  }}
}}"""

MORE_FULFILMENT_ORDERS = """query MoreFulfilmentOrders($id: ID!, $after: String!) {
  order(id: $id) {
    fulfillmentOrders(first: 20, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        status
        requestStatus
        fulfillAt
        supportedActions { action }
        fulfillmentHolds { displayReason }
        assignedLocation { name location { id } }
        lineItems(first: 50) {
          pageInfo { hasNextPage endCursor }
          nodes { id remainingQuantity totalQuantity lineItem { id } }
        }
      }
    }
  }
}"""

MORE_LINES = """query MoreLines($id: ID!, $after: String!) {
  node(id: $id) {
    ... on FulfillmentOrder {
      lineItems(first: 250, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { id remainingQuantity totalQuantity lineItem { id } }
      }
    }
    ... on Fulfillment {
      fulfillmentLineItems(first: 250, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { quantity lineItem { id } }
      }
    }
  }
}"""

CREATE = """mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}"""

UPDATE_TRACKING = """mutation UpdateTracking($id: ID!, $info: FulfillmentTrackingInput!, $notify: Boolean) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $info, notifyCustomer: $notify) {
    fulfillment { id }
    userErrors { field message }
  }
}"""

CANCEL = """mutation CancelFulfilment($id: ID!) {
  fulfillmentCancel(id: $id) {
    fulfillment { id status }
    userErrors { field message }
  }
}"""
