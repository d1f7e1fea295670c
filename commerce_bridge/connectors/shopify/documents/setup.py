"""What a channel asks of its shop before it works: who it is, what it may do, where its webhooks go."""

from __future__ import annotations

SHOP = """
query Shop {
  shop { myshopifyDomain name currencyCode plan { publicDisplayName } }
  currentAppInstallation { accessScopes { handle } }
  publicApiVersions { handle supported }
}
"""

LOCATIONS = """
query Locations($after: String) {
  locations(first: 250, after: $after, includeInactive: true, includeLegacy: true) {
    pageInfo { hasNextPage endCursor }
    nodes { id name isActive }
  }
}
"""

SCOPES = """
query Scopes {
  currentAppInstallation { accessScopes { handle } }
}
"""

SUBSCRIPTIONS = """
query Subscriptions($after: String) {
  webhookSubscriptions(first: 250, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id topic uri format includeFields filter }
  }
}
"""

SUBSCRIBE = """
mutation Subscribe($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { id topic uri }
    userErrors { field message }
  }
}
"""

UNSUBSCRIBE = """
mutation Unsubscribe($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId
    userErrors { field message }
  }
}
"""
