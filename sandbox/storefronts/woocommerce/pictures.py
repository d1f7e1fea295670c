"""Images: the shop fetches an address once and keeps the file; an id names one it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.values import ApiError, dates


def images(shop: Shop, given: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
	"""What the shop keeps of these. Raises 400 where one cannot be fetched."""
	return [_image(shop, row) for row in given]


def _image(shop: Shop, row: dict[str, Any]) -> dict[str, Any]:
	known = _kept(shop).get(int(row.get("id") or 0))
	if known is not None:
		return known | {name: row[name] for name in ("name", "alt") if row.get(name) is not None}
	source = str(row.get("src") or "")
	if row.get("id"):
		raise ApiError("woocommerce_product_invalid_image_id", f"#{row['id']} is an invalid image ID.")
	if not source.startswith(("http://", "https://")) or source in shop.unreachable_images:
		raise ApiError(
			"woocommerce_product_image_upload_error",
			f"Error getting remote image {source}. Error: cURL error 7: Failed to connect",
		)
	name = urlsplit(source).path.rsplit("/", 1)[-1] or "image.jpg"
	moment = shop.now()
	return {
		"id": shop.new_id("post"),
		**dates("date_created", moment, shop.zone),
		**dates("date_modified", moment, shop.zone),
		"src": f"{shop.home}wp-content/uploads/{moment:%Y/%m}/{name}",
		"name": row.get("name") or name,
		"alt": row.get("alt") or "",
	}


def _kept(shop: Shop) -> dict[int, dict[str, Any]]:
	found = [row for product in shop.products.values() for row in product.fields.get("images", ())]
	found += [product.fields["image"] for product in shop.products.values() if product.fields.get("image")]
	return {row["id"]: row for row in found}
