"""Stock levels out of and into a shop."""

from __future__ import annotations

SET_QUANTITIES = """mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id createdAt }
    userErrors { field message code }
  }
}"""

#: `isActive` tells what the levels do not: an inactive one takes a quantity, and sells nothing of it.
STATES = """query StockStates($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on ProductVariant {
      id
      inventoryItem { id tracked inventoryLevel(locationId: $location) { id isActive } }
    }
    ... on InventoryItem { id tracked inventoryLevel(locationId: $location) { id isActive } }
  }
}"""

ACTIVATE = """mutation Activate($item: ID!, $location: ID!, $available: Int!, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available)
    @idempotent(key: $key) {
    inventoryLevel { id }
    userErrors { field message }
  }
}"""

SHOWN = """query ShownStock($location: ID!, $after: String) {
  location(id: $location) {
    id
    inventoryLevels(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        quantities(names: ["available"]) { name quantity }
        item { id sku tracked variants(first: 1) { nodes { id product { id } } } }
      }
    }
  }
}"""
