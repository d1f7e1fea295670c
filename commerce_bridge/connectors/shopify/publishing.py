"""New products onto the shelf: `productSet` makes them, and publishes them nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from commerce_bridge.connectors.shopify.client import AccessDenied, ShopifyClient, user_errors
from commerce_bridge.connectors.shopify.documents.catalog import PUBLICATIONS, PUBLISH
from commerce_bridge.connectors.shopify.ids import gid

#: Shopify's own handle of the sales channel that is the shop's web site, and what it is called.
_HANDLE, _TITLE = "online_store", "online store"
_BY_HAND = "Publish it in Shopify: open the product, Publishing, Manage"


class Publisher:
	"""Publishes products of one shop, whose sales channels are asked for once."""

	def __init__(self, client: ShopifyClient):
		self._client = client

	def publish(self, product: str) -> str | None:
		"""Makes a product visible in the Online Store; other sales channels are the merchant's to choose.

		:param product: its number
		:return: what a person has to do where that is not possible; None where it is done
		"""
		try:
			if not self._online_stores:
				return f"The product is made, but this shop has no Online Store to show it in. {_BY_HAND}"
			variables = {
				"product": gid("Product", product),
				"publications": [{"publicationId": each} for each in self._online_stores],
			}
			payload = self._client.run(PUBLISH, variables)["publishablePublish"]
		except AccessDenied as error:
			return f"The product is made, but not visible. {error}. {_BY_HAND}"
		told = "; ".join(dict.fromkeys(error.message for error in user_errors(payload)))
		return f"The product is made, but not visible: {told}. {_BY_HAND}" if told else None

	@cached_property
	def _online_stores(self) -> list[str]:
		"""Global ids of the publications. What of an app may not be seen is done without."""
		nodes = self._client.ask(PUBLICATIONS).data["publications"]["nodes"]
		return [node["id"] for node in nodes if _is_online_store(node["catalog"] or {})]


def _is_online_store(catalog: Mapping[str, Any]) -> bool:
	apps = (catalog.get("apps") or {}).get("nodes") or ()
	return any(app["handle"] == _HANDLE for app in apps) or _TITLE in _titles(catalog, apps)


def _titles(catalog: Mapping[str, Any], apps: Any) -> Iterator[str]:
	for each in (catalog, *apps):
		yield (each.get("title") or "").strip().lower()
