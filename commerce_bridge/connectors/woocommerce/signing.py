"""The one file that uses the package `woocommerce`: signs the address of a request with OAuth 1.0a, which a shop
asks for where the request is not encrypted.

Of `woocommerce` 3.0.0, its last release, `woocommerce.API` is not used for sending, and must not be:

- It hands the request to `requests`, which resolves the name itself and follows redirects: an address that a user
  typed in would reach this server's own network.
- Its answers have no size limit, and its timeout counts from byte to byte, not for the whole answer.
- Over http it sends the parameters twice, in the signed address and beside it; in query-string mode it writes the
  secret into the caller's dict.
- A list becomes repeated names, of which PHP keeps the last.

Two details of its `OAuth` are replaced here: it leaves "/" as it is and takes "%25" for "%", where the shop does
neither, so that a search for the SKU "A/B" is refused; and its nonces come from eight digits, of which a busy shop
meets some twice.
https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication-over-http
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from woocommerce.oauth import OAuth


class _Signer(OAuth):
	@staticmethod
	def normalize_parameters(params: Mapping[str, Any]) -> dict[str, str]:
		"""As PHP's `rawurlencode` does it, and once more for the text that is signed."""
		return {_encoded(name): _encoded(value) for name, value in (params or {}).items()}

	@staticmethod
	def generate_nonce() -> str:
		return secrets.token_hex(16)


def signed_url(method: str, url: str, key: str, secret: str, now: datetime) -> str:
	"""The address with its signature in the query. Good for one request, within 15 minutes of the shop's clock.

	:param url: with the query that is sent, no name in it twice
	"""
	stamp = int(now.timestamp())
	return _Signer(url, key, secret, version="wc/v3", method=method, oauth_timestamp=stamp).get_oauth_url()


def basic(key: str, secret: str) -> str:
	"""The `Authorization` header of an encrypted request."""
	return "Basic " + b64encode(f"{key}:{secret}".encode()).decode()


def _encoded(value: Any) -> str:
	return quote(str(value), safe="").replace("%", "%25")
