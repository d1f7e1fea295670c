"""The access token of a channel: pasted, granted to the app's own credentials, or authorised by a person.

- Access Token: of an app that was made in the shop's own admin before 2026; it never ends.
- Client Credentials: the app and the shop belong to one organisation; a token lives for a day.
  https://shopify.dev/docs/apps/build/authentication-authorization/client-credentials-grant
- Authorisation: somebody with the right to install apps agrees in the browser; `session.py` makes the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import BadRequest, Misconfigured, Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Surroundings, Token, Transport
from commerce_bridge.connectors.shopify.hidden import HiddenBytes, HiddenText
from commerce_bridge.connectors.shopify.shop import NoAccess, misconfigured

#: A token is renewed so long before it ends: a unit of work must not outlive it.
MARGIN = timedelta(minutes=10)
_LONGEST = timedelta(days=400)
_NOT_INSTALLED = "app_not_installed"
#: What Shopify says instead of a token, and what has to be done about it.
_REFUSALS = {
	"shop_not_permitted": (
		"The app and the shop are not in the same organisation: use Authorisation instead of Client Credentials",
		"authentication",
	),
	_NOT_INSTALLED: ("The app is not installed in this shop: install it there", "authentication"),
	"invalid_client": ("Shopify does not know this API key and secret", "api_secret"),
	"application_cannot_be_found": ("Shopify does not know this API key", "api_key"),
	"invalid_request": ("Shopify refused the API key, the secret or the code", "api_secret"),
}


class TokenSource:
	"""Where the client gets the token of its channel."""

	def __init__(
		self,
		channel: Channel,
		credentials: Credentials,
		surroundings: Surroundings,
		transport: Transport,
		base: str,
	):
		self._channel = channel
		self._credentials = credentials
		self._surroundings = surroundings
		self._transport = transport
		self._base = base

	def get(self) -> str:
		"""The token to use now. Raises `Misconfigured` where there is none, naming the field."""
		return HiddenText(self._get())

	def _get(self) -> str:
		method = self._channel.authentication
		if method == "Access Token":
			return self._pasted()
		kept = self._surroundings.memory.get_token(self._channel.name)
		if method == "Client Credentials":
			return kept.value if kept and self._lasts(kept) else self._granted()
		if kept and (kept.expires is None or kept.expires > self._surroundings.now()):
			return kept.value
		message = "The shop has not authorised this channel: press Connect to Shop"
		raise self._wrong(message, "authentication", NoAccess)

	def renew(self, refused: str) -> str | None:
		"""Another token than the one that was just refused; None where only a person can get one."""
		if self._channel.authentication == "Access Token":
			return None
		kept = self._surroundings.memory.get_token(self._channel.name)
		if kept and kept.value != refused and self._lasts(kept):
			return HiddenText(kept.value)  # another worker was faster
		if self._channel.authentication != "Client Credentials":
			return None
		return HiddenText(self._granted())

	def exchange(self, code: str) -> Token:
		"""The token for the code that Shopify sent back with a person who agreed."""
		return self._ask({**self._app(), "code": code})

	def _pasted(self) -> str:
		pasted = (self._credentials.access_token or "").strip()
		if not pasted:
			raise self._wrong("The channel has no access token", "access_token", NoAccess)
		if not _is_plain(pasted):
			raise self._wrong("The access token holds what no token does: paste it again", "access_token")
		return pasted

	def _granted(self) -> str:
		token = self._ask({**self._app(), "grant_type": "client_credentials"})
		self._surroundings.memory.save_token(self._channel.name, token)
		return token.value

	def _lasts(self, token: Token) -> bool:
		return token.expires is None or token.expires - MARGIN > self._surroundings.now()

	def _app(self) -> dict[str, str]:
		if not self._credentials.api_key:
			raise self._wrong("The channel has no API key (client id of the app)", "api_key")
		if not self._credentials.api_secret:
			raise self._wrong("The channel has no API secret (client secret of the app)", "api_secret")
		return {
			"client_id": self._credentials.api_key,
			"client_secret": HiddenText(self._credentials.api_secret),
		}

	def _ask(self, form: Mapping[str, str]) -> Token:
		asked = self._surroundings.now()
		headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
		url = f"{self._base}/admin/oauth/access_token"
		response = self._transport.send("POST", url, headers, HiddenBytes(urlencode(form).encode("ascii")))
		return self._token(response, asked)

	def _token(self, response: HttpResponse, asked: datetime) -> Token:
		if response.status == 429 or response.status >= 500:
			raise Retryable(f"Shopify answered {response.status} when it was asked for a token")
		answer = _object(response)
		if response.status != 200:
			raise self._refused(response.status, answer)
		value, seconds = answer.get("access_token"), answer.get("expires_in")
		if not isinstance(value, str) or not _is_plain(value):
			raise Retryable("Shopify's answer holds no access token")
		if isinstance(seconds, bool) or not isinstance(seconds, int):
			return Token(value)
		return Token(value, asked + min(timedelta(seconds=max(seconds, 0)), _LONGEST))

	def _refused(self, status: int, answer: Mapping[str, Any]) -> Misconfigured:
		reason = str(answer.get("error") or "")
		known = next((code for code in _REFUSALS if code in reason), None)
		if known:
			return self._wrong(*_REFUSALS[known], NoAccess if known == _NOT_INSTALLED else Misconfigured)
		if status == 404:
			return self._wrong("There is no shop at this address", "store_url")
		return self._wrong(
			f"Shopify refused a token ({status}): check the API key and the secret", "api_secret"
		)

	def _wrong(
		self, message: str, fieldname: str, kind: type[Misconfigured] = Misconfigured
	) -> Misconfigured:
		return misconfigured(self._channel, message, fieldname, kind)


def _is_plain(token: str) -> bool:
	"""Whether it can stand in a header."""
	return bool(token) and token.isascii() and token.isprintable()


def _object(response: HttpResponse) -> dict[str, Any]:
	"""The answer; of a refusal that is a page of HTML, its first words as the error."""
	try:
		return strict_json.loads(response.body)
	except BadRequest:
		if response.status == 200:
			raise Retryable("Shopify's answer to the request for a token is not JSON") from None
		return {"error": response.body[:4000].decode("utf-8", "replace")}
