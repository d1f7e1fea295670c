"""One product, as it is asked for: where a webhook does not name all its variants."""

from __future__ import annotations

_VARIANT = """
        id
        sku
        barcode
        title
        price
        compareAtPrice
        selectedOptions { name value }
        media(first: 1) { nodes { preview { image { url } } } }
        inventoryItem { id tracked measurement { weight { unit value } } }"""

PRODUCT = f"""query Product($id: ID!) {{
  shop {{ currencyCode }}
  product(id: $id) {{
    id
    title
    descriptionHtml
    vendor
    productType
    status
    updatedAt
    options {{ name }}
    media(first: 50) {{ nodes {{ preview {{ image {{ url }} }} }} }}
    variants(first: 70) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{{_VARIANT}
      }}
    }}
  }}
}}"""

PRODUCT_VARIANTS = f"""query ProductVariants($id: ID!, $after: String) {{
  product(id: $id) {{
    variants(first: 70, after: $after) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{{_VARIANT}
      }}
    }}
  }}
}}"""
