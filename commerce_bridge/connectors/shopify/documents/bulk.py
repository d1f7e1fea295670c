"""All products of a shop, written by Shopify into one file.

https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

from __future__ import annotations

#: What Shopify runs by itself: connections have no pages here. Each node becomes a line of the file.
PRODUCTS = """query ProductsInBulk {
  products {
    edges {
      node {
        id
        title
        descriptionHtml
        vendor
        productType
        status
        updatedAt
        isGiftCard
        options { name }
        priceRangeV2 { minVariantPrice { currencyCode } }
        media { edges { node { id preview { image { url } } } } }
        variants {
          edges {
            node {
              id
              sku
              barcode
              title
              price
              compareAtPrice
              selectedOptions { name value }
              inventoryItem { id tracked duplicateSkuCount measurement { weight { unit value } } }
              media { edges { node { id preview { image { url } } } } }
            }
          }
        }
      }
    }
  }
}"""

# Grouped: what belongs to a product follows it in the file, so that it is read from the beginning to the end, a
# piece at a time, and never held as a whole.
START = """mutation StartProducts($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id status }
    userErrors { field message code }
  }
}"""

STATUS = """query BulkStatus($id: ID!) {
  bulkOperation(id: $id) { id status errorCode rootObjectCount fileSize url }
}"""
