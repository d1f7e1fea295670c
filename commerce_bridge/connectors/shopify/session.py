"""The one file that uses ShopifyAPI: the shop's name, the address where a person authorises the app, and the
check of what Shopify sends back with that person.

Of ShopifyAPI 12.7.0, its last release, these parts are not used, and must not be:

- `GraphQL`: its calls have no timeout, hide the answer's headers, and take the access token from whatever
  session was activated last: an old client of store A sends store B's token to A.
- `Session.request_token`: urlopen without a timeout, redirects followed. `tokens.py` exchanges the code.
- `Session.setup`: keeps key and secret on the class, for all channels of the process. Here each use has a class
  of its own.
- `Session.validate_params`: reads the clock itself, and raises on a timestamp that is no number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shopify.session import Session

from commerce_bridge.connectors.shopify.shop import DEFAULT_VERSION

#: How long ago Shopify may have signed what a browser brings back.
OLDEST_QUERY = timedelta(hours=1)


def permission_url(domain: str, api_key: str, scopes: Sequence[str], callback_url: str, state: str) -> str:
	"""Where a person agrees that the app may use the shop.

	:param domain: NAME.myshopify.com; ShopifyAPI would silently turn any other into one that may be a stranger's
	:raises ValueError: it is none
	"""
	session = _session_class(api_key=api_key)(domain, DEFAULT_VERSION)
	if session.url != domain:
		raise ValueError("not a shop's own address")
	return session.create_permission_url(list(scopes), callback_url, state)


def is_signed(query: Mapping[str, str], secret: str, now: datetime) -> bool:
	"""Whether Shopify signed this query with the app's secret, and lately.

	https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
	"""
	stamp = query.get("timestamp", "")
	if not re.fullmatch(r"[0-9]{1,12}", stamp) or not query.get("hmac", "").isascii():
		return False
	if abs(now.timestamp() - int(stamp)) > OLDEST_QUERY.total_seconds():
		return False
	return bool(secret) and _session_class(secret=secret).validate_hmac(dict(query))


def _session_class(**settings: str) -> type[Session]:
	return type("_ChannelSession", (Session,), settings)
