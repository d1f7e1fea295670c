"""Products, their variants and prices, into a shop and as it has them."""

from __future__ import annotations

PRODUCTS_OF = """query ProductsOfVariants($ids: [ID!]!) {
  nodes(ids: $ids) { ... on ProductVariant { id product { id } } }
}"""

UPDATE_PRICES = """mutation UpdatePrices($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: true) {
    productVariants { id }
    userErrors { field message code }
  }
}"""

FIND = """query FindProduct($handle: String!, $skus: String!) {
  productByIdentifier(identifier: { handle: $handle }) { id }
  productVariants(first: 50, query: $skus) { nodes { id sku product { id } } }
}"""

PRODUCT = """query ProductAsItIs($id: ID!) {
  product(id: $id) {
    id
    status
    options { name }
    images: metafield(namespace: "commerce_bridge", key: "images") { value }
    media(first: 100) { nodes { ... on MediaImage { id image { url } } } }
    variants(first: 250) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        sku
        selectedOptions { name value }
        inventoryItem { id }
        published: metafield(namespace: "commerce_bridge", key: "published") { value }
      }
    }
  }
}"""

MORE_VARIANTS = """query MoreVariants($id: ID!, $after: String!) {
  product(id: $id) {
    variants(first: 250, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        sku
        selectedOptions { name value }
        inventoryItem { id }
        published: metafield(namespace: "commerce_bridge", key: "published") { value }
      }
    }
  }
}"""

CREATE_PRODUCT = """mutation CreateProduct($input: ProductSetInput!) {
  productSet(input: $input, synchronous: true) {
    product { id variants(first: 100) { nodes { id sku inventoryItem { id } } } }
    userErrors { field message code }
  }
}"""

UPDATE_PRODUCT = """mutation UpdateProduct($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) {
    product { id status }
    userErrors { field message }
  }
}"""

UPDATE_VARIANTS = """mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: true) {
    productVariants { id inventoryItem { id } }
    userErrors { field message code }
  }
}"""

CREATE_VARIANTS = """mutation CreateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkCreate(productId: $product, variants: $variants, strategy: PRESERVE_STANDALONE_VARIANT) {
    productVariants { id sku inventoryItem { id } }
    userErrors { field message code }
  }
}"""

SHOWN = """query ShownCatalog($after: String) {
  productVariants(first: 250, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id sku barcode title product { id title hasOnlyDefaultVariant } }
  }
}"""

PUBLICATIONS = """query Publications {
  publications(first: 50, catalogType: APP) {
    nodes {
      id
      catalog { id title ... on AppCatalog { apps(first: 3) { nodes { id handle title } } } }
    }
  }
}"""

PUBLISH = """mutation Publish($product: ID!, $publications: [PublicationInput!]!) {
  publishablePublish(id: $product, input: $publications) {
    userErrors { field message }
  }
}"""
