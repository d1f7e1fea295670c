"""Orders, as they are asked for.

Pages are as long as the cost of a document allows: at most 1,000 points, an object counted as one and a
connection as many objects as its page has. https://shopify.dev/docs/api/usage/limits
"""

from __future__ import annotations

_LINE = """
        id
        name
        title
        sku
        vendor
        quantity
        currentQuantity
        requiresShipping
        taxable
        isGiftCard
        variantTitle
        product { id }
        variant { id }
        customAttributes { key value }
        originalUnitPriceSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
        discountAllocations {
          discountApplication { index }
          allocatedAmountSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
        }
        taxLines { title rate channelLiable priceSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } } }
        duties {
          id
          harmonizedSystemCode
          countryCodeOfOrigin
          price { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
          taxLines { title rate channelLiable priceSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } } }
        }"""

_APPLICATION = """
        __typename
        index
        allocationMethod
        targetSelection
        targetType
        value { __typename ... on MoneyV2 { amount } ... on PricingPercentageValue { percentage } }
        ... on DiscountCodeApplication { code }
        ... on ManualDiscountApplication { title description }
        ... on AutomaticDiscountApplication { title }
        ... on ScriptDiscountApplication { title }"""

_ADDRESS = """
      name
      firstName
      lastName
      company
      address1
      address2
      city
      province
      provinceCode
      zip
      country
      countryCodeV2
      phone
      latitude
      longitude"""

_TRANSACTION = """
      id
      kind
      status
      gateway
      test
      createdAt
      processedAt
      paymentId
      receiptJson
      parentTransaction { id }
      amountSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
      amountRoundingSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
      fees { amount { amount currencyCode } taxAmount { amount currencyCode } }"""

_TOTALS = "\n".join(
	f"    {name} {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}"
	for name in (
		"totalPriceSet",
		"subtotalPriceSet",
		"totalTaxSet",
		"totalDiscountsSet",
		"totalShippingPriceSet",
		"totalTipReceivedSet",
		"totalOutstandingSet",
		"originalTotalDutiesSet",
		"originalTotalAdditionalFeesSet",
		"currentTotalPriceSet",
		"currentSubtotalPriceSet",
		"currentTotalTaxSet",
		"currentTotalDiscountsSet",
		"currentShippingPriceSet",
		"currentTotalDutiesSet",
		"currentTotalAdditionalFeesSet",
	)
)

TRANSACTIONS_ASKED = 20
#: Of refunds and fulfilments, which are lists without pages: with the order, and at most.
LISTED = 50
MOST_LISTED = 250

ORDER = f"""query Order($id: ID!) {{
  shop {{ ianaTimezone }}
  order(id: $id) {{
    id
    name
    number
    app {{ id }}
    clientIp
    confirmed
    customerAcceptsMarketing
    registeredSourceUrl
    merchantOfRecordApp {{ id }}
    totalWeight
    createdAt
    processedAt
    updatedAt
    cancelledAt
    cancelReason
    closedAt
    confirmationNumber
    currencyCode
    presentmentCurrencyCode
    taxesIncluded
    dutiesIncluded
    taxExempt
    estimatedTaxes
    test
    displayFinancialStatus
    displayFulfillmentStatus
    returnStatus
    sourceName
    sourceIdentifier
    customerLocale
    email
    phone
    note
    poNumber
    tags
    paymentGatewayNames
    customAttributes {{ key value }}
    retailLocation {{ id }}
{_TOTALS}
    totalCashRoundingAdjustment {{
      paymentSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
      refundSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
    }}
    customer {{
      id
      firstName
      lastName
      note
      taxExempt
      taxExemptions
      createdAt
      updatedAt
      state
      verifiedEmail
      multipassIdentifier
      defaultEmailAddress {{ emailAddress }}
      defaultPhoneNumber {{ phoneNumber }}
      defaultAddress {{
      id{_ADDRESS}
      }}
    }}
    billingAddress {{{_ADDRESS}
    }}
    shippingAddress {{{_ADDRESS}
    }}
    additionalFees {{
      id
      name
      price {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
      taxLines {{ title rate channelLiable priceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }} }}
    }}
    discountApplications(first: 10) {{
      nodes {{{_APPLICATION}
      }}
    }}
    taxLines {{ title rate channelLiable priceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }} }}
    shippingLines(first: 10, includeRemovals: true) {{
      nodes {{
        id
        isRemoved
        carrierIdentifier
        phone
        title
        code
        source
        originalPriceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        discountedPriceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        currentDiscountedPriceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        discountAllocations {{
          discountApplication {{ index }}
          allocatedAmountSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        }}
        taxLines {{ title rate channelLiable priceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }} }}
      }}
    }}
    transactions(first: {TRANSACTIONS_ASKED}) {{{_TRANSACTION}
    }}
    refunds(first: {LISTED}) {{ id }}
    fulfillments(first: {LISTED}) {{ id }}
    lineItems(first: 20) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{{_LINE}
      }}
    }}
  }}
}}"""

ORDER_LINES = f"""query OrderLines($id: ID!, $after: String) {{
  order(id: $id) {{
    lineItems(first: 40, after: $after) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{{_LINE}
      }}
    }}
  }}
}}"""

REFUNDS_LISTED = f"""query RefundsListed($id: ID!) {{
  order(id: $id) {{ refunds(first: {MOST_LISTED}) {{ id }} }}
}}"""

FULFILMENTS_LISTED = f"""query FulfilmentsListed($id: ID!) {{
  order(id: $id) {{ fulfillments(first: {MOST_LISTED}) {{ id }} }}
}}"""

ORDER_TRANSACTIONS = f"""query OrderTransactions($id: ID!) {{
  order(id: $id) {{
    transactions(first: {MOST_LISTED}) {{{_TRANSACTION}
    }}
  }}
}}"""

_REFUNDED_LINE = """
          id
          quantity
          restockType
          location { id }
          lineItem { id }
          subtotalSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
          totalTaxSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"""

#: How many refunds are asked for at once.
REFUNDS_ASKED = 3

REFUNDS = f"""query Refunds($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Refund {{
      id
      createdAt
      processedAt
      updatedAt
      note
      return {{ id }}
      duties {{
        amountSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        originalDuty {{ id }}
      }}
      transactions(first: 10) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_TRANSACTION}
        }}
      }}
      orderAdjustments(first: 10) {{
        nodes {{
          id
          reason
          amountSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
          taxAmountSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        }}
      }}
      refundShippingLines(first: 10) {{
        nodes {{
          id
          shippingLine {{ id }}
          subtotalAmountSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
          taxAmountSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
        }}
      }}
      refundLineItems(first: 20) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_REFUNDED_LINE}
        }}
      }}
    }}
  }}
}}"""

REFUND_LINES = f"""query RefundLines($id: ID!, $after: String) {{
  refund(id: $id) {{
      refundLineItems(first: 100, after: $after) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_REFUNDED_LINE}
        }}
      }}
  }}
}}"""

REFUND_TRANSACTIONS = f"""query RefundTransactions($id: ID!, $after: String) {{
  refund(id: $id) {{
      transactions(first: 100, after: $after) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{{_TRANSACTION}
        }}
      }}
  }}
}}"""

#: Asked by itself: to apps that may not read returns, an order with them would be none at all.
ORDER_RETURNS = """query OrderReturns($id: ID!, $after: String) {
  order(id: $id) {
    returns(first: 250, after: $after) { pageInfo { hasNextPage endCursor } nodes { id } }
  }
}"""

#: How many fulfilments are asked for at once.
FULFILMENTS_ASKED = 10

FULFILMENTS = """query Fulfilments($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Fulfillment {
      id
      name
      status
      displayStatus
      createdAt
      updatedAt
      location { id }
      trackingInfo(first: 10) { company number url }
      fulfillmentLineItems(first: 30) {
        pageInfo { hasNextPage endCursor }
        nodes { quantity lineItem { id } }
      }
    }
  }
}"""

FULFILMENT_LINES = """query FulfilmentLines($id: ID!, $after: String) {
  fulfillment(id: $id) {
    fulfillmentLineItems(first: 250, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { quantity lineItem { id } }
    }
  }
}"""

ASSIGNED_LOCATIONS = """query AssignedLocations($id: ID!, $after: String) {
  order(id: $id) {
    fulfillmentOrders(first: 10, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        status
        assignedLocation { location { id } }
        lineItems(first: 40) {
          pageInfo { hasNextPage endCursor }
          nodes { totalQuantity lineItem { id } }
        }
      }
    }
  }
}"""

ASSIGNED_LINES = """query AssignedLines($id: ID!, $after: String) {
  fulfillmentOrder(id: $id) {
    lineItems(first: 250, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { totalQuantity lineItem { id } }
    }
  }
}"""

ORDER_OF_FULFILMENT_ORDER = """query OrderOfFulfilmentOrder($id: ID!) {
  fulfillmentOrder(id: $id) { orderId }
}"""

ORDERS_CHANGED = """query OrdersChanged($query: String, $after: String) {
  orders(first: 250, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes { id updatedAt }
  }
}"""
