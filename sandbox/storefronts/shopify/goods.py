"""What the simulated Shopify sells, and where it lies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(eq=False)
class Location:
	id: int
	name: str
	active: bool = True
	fulfils_online: bool = True


@dataclass(eq=False)
class Level:
	"""Stock at a location: `available` is on offer, `committed` is sold and not sent yet."""

	available: int = 0
	committed: int = 0
	active: bool = True
	updated_at: datetime | None = None

	@property
	def on_hand(self) -> int:
		return self.available + self.committed


@dataclass(eq=False)
class Image:
	id: int
	url: str
	alt: str = ""


@dataclass(eq=False)
class Metafield:
	id: int
	owner: object
	namespace: str
	key: str
	type: str
	value: str
	updated_at: datetime

	@property
	def compare_digest(self) -> str:
		return hashlib.sha256(json.dumps([self.type, self.value]).encode()).hexdigest()


Metafields = dict[tuple[str, str], Metafield]


@dataclass(eq=False)
class Variant:
	id: int
	product: Product
	inventory_item_id: int
	sku: str | None
	price: Decimal
	created_at: datetime
	updated_at: datetime
	options: dict[str, str] = field(default_factory=dict)
	compare_at: Decimal | None = None
	barcode: str | None = None
	tracked: bool = True
	policy: str = "DENY"  # or CONTINUE: sells what is not there
	weight: Decimal = Decimal(0)
	weight_unit: str = "KILOGRAMS"
	requires_shipping: bool = True
	taxable: bool = True
	cost: Decimal | None = None
	image: Image | None = None
	levels: dict[int, Level] = field(default_factory=dict)  # by location
	metafields: Metafields = field(default_factory=dict)

	@property
	def title(self) -> str:
		return " / ".join(self.options.values()) or "Default Title"

	@property
	def position(self) -> int:
		return self.product.variants.index(self) + 1

	@property
	def total(self) -> int:
		return sum(level.available for level in self.levels.values() if level.active)


@dataclass(eq=False)
class Product:
	id: int
	title: str
	handle: str
	created_at: datetime
	updated_at: datetime
	vendor: str = "Simulated"
	product_type: str = ""
	status: str = "ACTIVE"
	description_html: str = ""
	gift_card: bool = False
	tags: list[str] = field(default_factory=list)
	option_names: list[str] = field(default_factory=list)
	option_ids: dict[str, int] = field(default_factory=dict)
	images: list[Image] = field(default_factory=list)
	variants: list[Variant] = field(default_factory=list)
	metafields: Metafields = field(default_factory=dict)
	publications: set[int] = field(default_factory=set)

	@property
	def published_at(self) -> datetime | None:
		return self.created_at if self.publications else None


@dataclass(eq=False)
class Publication:
	"""What a sales channel offers."""

	id: int
	name: str
	app: str = "online_store"  # the channel's handle
