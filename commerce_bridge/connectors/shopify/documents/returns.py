"""Returns: what comes back of an order, and the steps a shop is told of."""

from __future__ import annotations

_RETURN_LINE = """
          id
          quantity
          processableQuantity
          customerNote
          returnReasonNote
          returnReasonDefinition { handle name }
          ... on ReturnLineItem { fulfillmentLineItem { id lineItem { id } } }"""

_REVERSE_ORDER = """
          id
          lineItems(first: 50) {
            pageInfo { hasNextPage endCursor }
            nodes {
              id
              totalQuantity
              fulfillmentLineItem { id }
              dispositions { type quantity createdAt location { id } }
            }
          }"""

_RETURN = f"""
      id
      name
      status
      createdAt
      closedAt
      requestApprovedAt
      decline {{ reason note }}
      returnLineItems(first: 20) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_RETURN_LINE}
        }}
      }}
      reverseFulfillmentOrders(first: 5) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_REVERSE_ORDER}
        }}
      }}"""

#: How many returns are asked for at once.
RETURNS_ASKED = 3

RETURNS = f"""query Returns($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Return {{{_RETURN}
    }}
  }}
}}"""

RETURN_LINES = f"""query ReturnLines($id: ID!, $after: String) {{
  return(id: $id) {{
      returnLineItems(first: 100, after: $after) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_RETURN_LINE}
        }}
      }}
  }}
}}"""

REVERSE_ORDERS = f"""query ReverseOrders($id: ID!, $after: String) {{
  return(id: $id) {{
      reverseFulfillmentOrders(first: 10, after: $after) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_REVERSE_ORDER}
        }}
      }}
  }}
}}"""

REVERSE_LINES = """query ReverseLines($id: ID!, $after: String) {
  node(id: $id) {
    ... on ReverseFulfillmentOrder {
      lineItems(first: 250, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id
          totalQuantity
          fulfillmentLineItem { id }
          dispositions { type quantity createdAt location { id } }
        }
      }
    }
  }
}"""

#: How a return stands, for the next step of it.
STANDING = f"""query Standing($id: ID!) {{
  return(id: $id) {{{_RETURN}
  }}
}}"""

APPROVE = """mutation ApproveReturn($input: ReturnApproveRequestInput!) {
  returnApproveRequest(input: $input) {
    return { id status }
    userErrors { field message code }
  }
}"""

DECLINE = """mutation DeclineReturn($input: ReturnDeclineRequestInput!) {
  returnDeclineRequest(input: $input) {
    return { id status }
    userErrors { field message code }
  }
}"""

CANCEL = """mutation CancelReturn($id: ID!) {
  returnCancel(id: $id) {
    return { id status }
    userErrors { field message code }
  }
}"""

CLOSE = """mutation CloseReturn($id: ID!) {
  returnClose(id: $id) {
    return { id status }
    userErrors { field message code }
  }
}"""

PROCESS = """mutation ProcessReturn($input: ReturnProcessInput!) {
  returnProcess(input: $input) {
    return { id status }
    userErrors { field message code }
  }
}"""

DISPOSE = """mutation Dispose($rows: [ReverseFulfillmentOrderDisposeInput!]!) {
  reverseFulfillmentOrderDispose(dispositionInputs: $rows) {
    reverseFulfillmentOrderLineItems { id }
    userErrors { field message code }
  }
}"""

#: What of an order can be sent back still, and which returns it has.
RETURNABLE = """query Returnable($id: ID!) {
  order(id: $id) {
    id
    name
    returns(first: 50, reverse: true) {
      nodes { id status returnLineItems(first: 1) { nodes { id returnReasonNote } } }
    }
  }
  returnableFulfillments(orderId: $id, first: 25) {
    nodes {
      id
      returnableFulfillmentLineItems(first: 100) {
        nodes { quantity fulfillmentLineItem { id lineItem { id } } }
      }
    }
  }
}"""

CREATE = """mutation CreateReturn($input: ReturnInput!) {
  returnCreate(returnInput: $input) {
    return { id status }
    userErrors { field message code }
  }
}"""
