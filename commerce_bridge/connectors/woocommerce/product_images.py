"""Images of listings into products: beside those a product has, each address once.

The shop fetches an image while it answers, and refuses a product as a whole for one that it cannot fetch. So images
come after their product was made, and where they are refused together they are handed over one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.model import Listing
from commerce_bridge.connectors.woocommerce import product_bodies as bodies
from commerce_bridge.connectors.woocommerce.client import Refused
from commerce_bridge.connectors.woocommerce.product_bodies import Body
from commerce_bridge.connectors.woocommerce.products import is_parent

#: Writes a product: its path and body → the product as it is then.
Put = Callable[[str, Body], Body]


class Images:
	"""Hands images over.

	:param base: the shop's address: what it shows itself is not handed over again
	:param is_late: whether no more calls are to be begun
	"""

	def __init__(self, base: str, put: Put, is_late: Callable[[], bool]):
		self._own = f"{base}/wp-content/"
		self._put = put
		self._is_late = is_late

	def add(self, product: Body, listings: Iterable[Listing]) -> tuple[Body, str | None]:
		"""The product with the images of these listings, and what a person has to know."""
		urls = self._new(product, listings)
		if not urls:
			return product, None
		try:
			return self._give(product, urls), None
		except Refused:  # one of them cannot be fetched: which?
			return self._give_each(product, urls)
		except Retryable as error:
			return product, f"The shop did not take the images: {error}. Push the listing again"

	def _give_each(self, product: Body, urls: Sequence[str]) -> tuple[Body, str | None]:
		left = list(urls)
		for url in urls:
			if self._is_late():
				break
			try:
				product = self._give(product, [url])
				left.remove(url)
			except Refused:
				continue
			except Retryable:
				break
		return product, f"Images that the shop could not fetch: {', '.join(left)}" if left else None

	def _give(self, product: Body, urls: Sequence[str]) -> Body:
		path = f"products/{product['id']}"
		has = [{"id": image["id"]} for image in product.get("images") or ()]
		given = bodies.given_images(product)
		new = [{"src": url} for url in urls]
		meta = bodies.images_meta(given | dict.fromkeys(urls, 0))
		answer = self._put(path, {"images": [*has, *new], "meta_data": [meta]})
		shown = answer.get("images") or []
		if not is_parent(product) or len(shown) != len(has) + len(new):
			return answer
		# Variations show an image by its number, which is known only now.
		numbers = {url: image["id"] for url, image in zip(urls, shown[len(has) :], strict=True)}
		return self._put(path, {"meta_data": [bodies.images_meta(given | numbers)]})

	def _new(self, product: Body, listings: Iterable[Listing]) -> list[str]:
		given = bodies.given_images(product)
		files = {bodies.file_name(str(image.get("src"))) for image in product.get("images") or ()}
		urls = dict.fromkeys(url for listing in listings for url in listing.images or ())
		return [
			url
			for url in urls
			if url not in given and bodies.file_name(url) not in files and not url.startswith(self._own)
		]
