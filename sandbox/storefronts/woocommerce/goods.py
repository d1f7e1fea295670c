"""Products and variations: how the shop keeps them, and how it shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.storefronts.woocommerce.values import dates, number_of, rounded, slug_of

if TYPE_CHECKING:
	from sandbox.storefronts.woocommerce.state import State

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
TYPES = ("simple", "grouped", "external", "variable")


@dataclass(eq=False)
class Product:
	"""A product, or with `parent` a variation. What the API shows and takes is in `fields`, in its form."""

	id: int
	created: datetime
	modified: datetime
	fields: dict[str, Any] = field(default_factory=dict)
	parent: Product | None = None
	variations: list[Product] = field(default_factory=list)
	total_sales: int = 0
	status_before: str = "publish"  # of one in the trash
	sale_from: datetime | None = None
	sale_to: datetime | None = None

	@property
	def sku(self) -> str:
		return self.fields["sku"]

	@property
	def name(self) -> str:
		"""A variation's is its attributes' values."""
		if self.parent is None:
			return self.fields["name"]
		return ", ".join(row["option"] for row in self.fields["attributes"])

	@property
	def full_name(self) -> str:
		return self.name if self.parent is None else f"{self.parent.name} - {self.name}"

	@property
	def status(self) -> str:
		return self.fields["status"]

	@property
	def is_variable(self) -> bool:
		return self.parent is None and self.fields["type"] == "variable"

	@property
	def managed(self) -> bool | str:
		"""Whether its stock is counted; "parent" of a variation whose parent's is."""
		if self.fields["manage_stock"]:
			return True
		return "parent" if self.parent is not None and self.parent.fields["manage_stock"] else False

	@property
	def counted(self) -> Product:
		"""Who has the number: itself or its parent."""
		return self.parent if self.managed == "parent" and self.parent is not None else self

	@property
	def stock(self) -> int | None:
		return self.counted.fields["stock_quantity"] if self.managed else None

	@property
	def stock_status(self) -> str:
		if self.managed:
			return stock_status_of(self.counted)
		if self.is_variable and self.variations:
			return (
				"instock" if any(each.stock_status == "instock" for each in self.variations) else "outofstock"
			)
		return "outofstock" if self.is_variable else self.fields["stock_status"]

	def on_sale(self, now: datetime) -> bool:
		if self.is_variable:
			return any(each.on_sale(now) for each in self.variations)
		if self.fields["sale_price"] == "":
			return False
		begun = self.sale_from is None or self.sale_from <= now
		return begun and (self.sale_to is None or now <= self.sale_to)

	def price(self, now: datetime) -> Any:
		"""What a buyer pays: text as it was entered, "" for none."""
		if self.is_variable:
			prices = [each.price(now) for each in self.variations]
			return min((price for price in prices if price != ""), key=number_of, default="")
		return self.fields["sale_price"] if self.on_sale(now) else self.fields["regular_price"]


def stock_status_of(product: Product) -> str:
	if (product.fields["stock_quantity"] or 0) > 0:
		return "instock"
	return "outofstock" if product.fields["backorders"] == "no" else "onbackorder"


def _common() -> dict[str, Any]:
	return {
		"status": "publish",
		"description": "",
		"sku": "",
		"global_unique_id": "",
		"regular_price": "",
		"sale_price": "",
		"virtual": False,
		"downloadable": False,
		"tax_status": "taxable",
		"tax_class": "",
		"manage_stock": False,
		"stock_quantity": None,
		"stock_status": "instock",
		"backorders": "no",
		"low_stock_amount": None,
		"weight": "",
		"dimensions": {"length": "", "width": "", "height": ""},
		"shipping_class": "",
		"menu_order": 0,
		"attributes": [],
		"meta_data": [],
	}


def new_fields(variation: bool) -> dict[str, Any]:
	"""What a product or variation has of which nothing was said."""
	if variation:
		return {**_common(), "image": None, "tax_class": "parent"}
	return {
		**_common(),
		"name": "Product",
		"slug": "",
		"type": "simple",
		"featured": False,
		"catalog_visibility": "visible",
		"short_description": "",
		"sold_individually": False,
		"reviews_allowed": True,
		"purchase_note": "",
		"external_url": "",
		"button_text": "",
		"categories": [],
		"brands": [],
		"tags": [],
		"images": [],
		"default_attributes": [],
		"upsell_ids": [],
		"cross_sell_ids": [],
		"grouped_products": [],
	}


def _price_html(shop: State, price: Any) -> str:
	if price == "":
		return ""
	shown = rounded(number_of(price if not isinstance(price, Mapping) else 1), shop.decimals)
	return (
		'<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol">'
		f"&euro;</span>{shown}</bdi></span>"
	)


def _stock(product: Product) -> dict[str, Any]:
	backorders = product.counted.fields["backorders"] if product.managed else "no"
	quantity = product.stock
	return {
		"manage_stock": product.managed,
		"stock_quantity": quantity,
		"backorders": backorders,
		"backorders_allowed": backorders != "no",
		"backordered": product.stock_status == "onbackorder",
		"low_stock_amount": product.fields["low_stock_amount"],
	}


def _prices(shop: State, product: Product) -> dict[str, Any]:
	now = shop.now()
	variable = product.is_variable
	return {
		"price": product.price(now),
		"regular_price": "" if variable else product.fields["regular_price"],
		"sale_price": "" if variable else product.fields["sale_price"],
		**dates("date_on_sale_from", product.sale_from, shop.zone),
		**dates("date_on_sale_to", product.sale_to, shop.zone),
		"on_sale": product.on_sale(now),
	}


def _moments(shop: State, product: Product) -> dict[str, Any]:
	return {
		**dates("date_created", product.created, shop.zone),
		**dates("date_modified", product.modified, shop.zone),
	}


def _file_fields() -> dict[str, Any]:
	return {"downloads": [], "download_limit": -1, "download_expiry": -1}


def shown_product(shop: State, product: Product, view: bool = True) -> dict[str, Any]:
	"""A product as GET /products/ID answers it, a variation too; what was written is answered without `view`: texts
	as they were entered."""
	if product.parent is not None:
		return _shown_by_product_route(shop, product)
	kept = product.fields
	slug = kept["slug"]
	return {
		"id": product.id,
		"name": kept["name"],
		"slug": slug,
		"permalink": f"{shop.home}product/{slug}/",
		**_moments(shop, product),
		**{name: kept[name] for name in ("type", "status", "featured", "catalog_visibility")},
		"description": paragraphs(kept["description"]) if view else kept["description"],
		"short_description": paragraphs(kept["short_description"]) if view else kept["short_description"],
		"sku": kept["sku"],
		**_prices(shop, product),
		"purchasable": product.price(shop.now()) != "",
		"total_sales": product.total_sales,
		"virtual": kept["virtual"],
		"downloadable": kept["downloadable"],
		**_file_fields(),
		**{name: kept[name] for name in ("external_url", "button_text", "tax_status", "tax_class")},
		**_stock(product),
		**{name: kept[name] for name in ("sold_individually", "weight", "dimensions")},
		"shipping_required": not kept["virtual"],
		"shipping_taxable": not kept["virtual"] and kept["tax_status"] in ("taxable", "shipping"),
		"shipping_class": kept["shipping_class"],
		"shipping_class_id": 0,
		"reviews_allowed": kept["reviews_allowed"],
		"average_rating": "0.00",
		"rating_count": 0,
		"upsell_ids": kept["upsell_ids"],
		"cross_sell_ids": kept["cross_sell_ids"],
		"parent_id": 0,
		"purchase_note": kept["purchase_note"],
		"categories": [shop.terms["categories"].short(number) for number in kept["categories"]],
		"brands": [shop.terms["brands"].short(number) for number in kept["brands"]],
		"tags": [shop.terms["tags"].short(number) for number in kept["tags"]],
		"images": kept["images"],
		"attributes": kept["attributes"],
		"default_attributes": kept["default_attributes"],
		"variations": [
			each.id for each in product.variations if each.status != "trash" and product.is_variable
		],
		"grouped_products": kept["grouped_products"],
		"menu_order": kept["menu_order"],
		"price_html": _price_html(shop, product.price(shop.now())),
		"related_ids": [],
		"meta_data": kept["meta_data"],
		"stock_status": product.stock_status,
		"has_options": product.is_variable,
		"post_password": "",
		"global_unique_id": kept["global_unique_id"],
		"_links": links(shop, f"products/{product.id}", "products"),
	}


def shown_variation(shop: State, product: Product, view: bool = True) -> dict[str, Any]:
	"""As GET /products/PARENT/variations/ID answers it: the parent's tax class is no class there. What a variation
	does not weigh by itself it weighs as its parent does."""
	assert product.parent is not None
	kept, parent = product.fields, product.parent
	query = "&".join(f"attribute_{slug_of(row['name'])}={row['option']}" for row in kept["attributes"])
	path = f"products/{parent.id}"
	stock = _stock(product)
	stock = {
		**{name: stock[name] for name in ("manage_stock", "stock_quantity")},
		"stock_status": product.stock_status,
		**stock,
	}
	return {
		"id": product.id,
		"type": "variation",
		**_moments(shop, product),
		"description": paragraphs(kept["description"]) if view else kept["description"],
		"permalink": f"{shop.home}product/{parent.fields['slug']}/?{query}",
		"sku": kept["sku"],
		"global_unique_id": kept["global_unique_id"],
		**_prices(shop, product),
		"status": kept["status"],
		"purchasable": product.price(shop.now()) != "",
		"virtual": kept["virtual"],
		"downloadable": kept["downloadable"],
		**_file_fields(),
		"tax_status": kept["tax_status"],
		"tax_class": "" if view and kept["tax_class"] == "parent" else kept["tax_class"],
		**stock,
		"weight": kept["weight"] or parent.fields["weight"],
		**{name: kept[name] for name in ("dimensions", "shipping_class")},
		"shipping_class_id": 0,
		**{name: kept[name] for name in ("image", "attributes", "menu_order", "meta_data")},
		"name": product.name,
		"parent_id": parent.id,
		"_links": {
			**links(shop, f"{path}/variations/{product.id}", f"{path}/variations"),
			"up": [{"href": shop.api(path)}],
		},
	}


def _shown_by_product_route(shop: State, product: Product) -> dict[str, Any]:
	"""A variation has a product's fields there, with its own name behind its parent's."""
	assert product.parent is not None
	plain = Product(product.id, product.created, product.modified, new_fields(False), None)
	kept = {name: value for name, value in product.fields.items() if name in plain.fields}
	plain.fields |= {**kept, "name": product.full_name, "slug": slug_of(product.full_name)}
	own = shown_variation(shop, product)
	shown = shown_product(shop, plain)
	images = [product.fields["image"]] if product.fields["image"] else product.parent.fields["images"]
	names = set(shown) & set(own) - {"permalink", "name", "_links", "tax_class"}
	return {
		**shown,
		**{name: own[name] for name in names},
		"tax_class": product.parent.fields["tax_class"]
		if product.fields["tax_class"] == "parent"
		else product.fields["tax_class"],
		"type": "variation",
		"parent_id": product.parent.id,
		"total_sales": str(product.total_sales),
		"reviews_allowed": False,
		"images": images,
		"permalink": own["permalink"],
	}


def paragraphs(entered: str) -> str:
	"""A text as WordPress shows it: each paragraph in an element of its own, and a line break behind it."""
	if not entered.strip():
		return ""
	blocks = [block.strip() for block in re.split(r"\n\s*\n", entered.strip())]
	return "".join(f"{block}\n" if block.startswith("<") else f"<p>{block}</p>\n" for block in blocks)


def links(shop: State, itself: str, collection: str, methods: list[str] | None = None) -> dict[str, Any]:
	allowed = METHODS if methods is None else methods
	return {
		"self": [{"href": shop.api(itself), "targetHints": {"allow": allowed}}],
		"collection": [{"href": shop.api(collection)}],
	}


def price_decimal(product: Product, now: datetime) -> Decimal:
	price = product.price(now)
	return number_of(price) if price != "" else Decimal(0)
