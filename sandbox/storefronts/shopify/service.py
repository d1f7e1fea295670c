"""The simulated Shopify on the network: GraphQL Admin API, access tokens, files of bulk operations."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from graphql import (
	DocumentNode,
	GraphQLError,
	GraphQLResolveInfo,
	OperationDefinitionNode,
	execute_sync,
)

from commerce_bridge.bridge.clock import Now, utc_now
from sandbox.local_server import LocalServer
from sandbox.storefronts.shopify import (
	bulk,
	catalog,
	graph,
	mutations,
	refunding,
	scopes,
	sending,
	stocking,
	subscriptions,
)
from sandbox.storefronts.shopify.cost import MAXIMUM, Bucket, Price
from sandbox.storefronts.shopify.schema import VERSIONS, checked, load
from sandbox.storefronts.shopify.shop import Shop

HttpAnswer = tuple[int, Mapping[str, str], bytes]
CLIENT_ID = "simulated-client"
ACCESS_TOKEN = "shpat_simulated"
TOKEN_LASTS = timedelta(seconds=86_399)
JSON = {"content-type": "application/json; charset=utf-8"}
_API = re.compile(r"/admin/api/([^/]+)/graphql\.json")
_FILE = re.compile(r"/bulk/(\d+)\.jsonl")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
#: Faults by name → the answer; "hang up" is before, "lost" after the call was done.
_FAULTS: dict[str, HttpAnswer] = {
	"401": (
		401,
		JSON,
		b'{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}',
	),
	"402": (402, JSON, b'{"errors":"Unavailable Shop"}'),
	"403": (403, JSON, b'{"errors":"[API] This action requires merchant approval."}'),
	"423": (423, JSON, b'{"errors":"This shop is unavailable"}'),
	"429": (429, {**JSON, "retry-after": "2.0"}, b'{"errors":"Exceeded 2 calls per second for api client."}'),
	"500": (500, JSON, b'{"errors":"Internal Server Error"}'),
	"503": (503, {"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>"),
	"html": (200, {"content-type": "text/html"}, b"<!DOCTYPE html><html><body>One moment</body></html>"),
	"truncated": (200, JSON, b'{"data":{"shop":'),
	"internal": (
		200,
		JSON,
		b'{"errors":[{"message":"Internal error. Looks like something went wrong on our end.\\nRequest ID: 1",'
		b'"extensions":{"code":"INTERNAL_SERVER_ERROR","requestId":"1"}}]}',
	),
}


@dataclass
class Fault:
	"""What goes wrong with the next calls: a key of `_FAULTS`, hang up, lost or throttled."""

	kind: str
	calls: int
	operation: str | None  # only of calls whose document contains this


@dataclass(frozen=True)
class Access:
	scopes: frozenset[str]
	expires: datetime | None = None


@dataclass(frozen=True)
class Call:
	"""One call that was answered."""

	version: str
	document: str
	variables: Mapping[str, Any]
	cost: int = 0

	@property
	def fields(self) -> list[str]:
		"""Its root fields."""
		document, _ = checked(self.version, self.document)
		operation = next(
			(
				each
				for each in (document.definitions if document else ())
				if isinstance(each, OperationDefinitionNode)
			),
			None,
		)
		return [each.name.value for each in operation.selection_set.selections] if operation else []  # type: ignore[union-attr]


class ShopifyStorefront(Shop):
	"""The shop with its API. `calls` are those that were answered."""

	def __init__(
		self,
		now: Now = utc_now,
		currency: str = "EUR",
		client_id: str = CLIENT_ID,
		client_secret: str = "shpss_simulated",
		access_token: str | None = ACCESS_TOKEN,
	):
		super().__init__(now, currency, client_secret)
		self.client_id, self.client_secret = client_id, client_secret
		self.tokens: dict[str, Access] = {}
		if access_token:
			self.tokens[access_token] = Access(frozenset(scopes.SCOPES))
		self.codes: dict[str, frozenset[str]] = {}
		self.same_organisation = True  # whether the client-credentials grant is given
		self.installed = True
		self.bucket = Bucket(now)
		self.faults: list[Fault] = []
		self.outage: bool | str = False  # True: 503; "reset": hangs up
		self.calls: list[Call] = []
		self.requests_refused = 0
		self.tokens_given = 0
		self._server: LocalServer | None = None

	# --- the network

	def start(self, port: int = 0) -> ShopifyStorefront:
		self._server = LocalServer(self.handle, port)
		self._server.__enter__()
		return self

	def stop(self) -> None:
		if self._server is not None:
			self._server.__exit__()
			self._server = None

	def __enter__(self) -> ShopifyStorefront:
		return self.start()

	def __exit__(self, *_: object) -> None:
		self.stop()

	@property
	def url(self) -> str:
		if self._server is None:
			raise RuntimeError("the storefront is not started")
		return self._server.url

	@property
	def base_url(self) -> str:
		"""Where its files are."""
		return self._server.url if self._server else f"https://{self.domain}"

	def fail(self, kind: str, calls: int = 1, operation: str | None = None) -> None:
		"""The next calls go wrong.

		:param kind: 401, 402, 403, 423, 429, 500, 503, html, truncated, internal, throttled; "hang up" answers
			nothing, "lost" does what was asked and answers nothing
		:param operation: only calls whose document contains this, a mutation's name for example
		"""
		self.faults.append(Fault(kind, calls, operation))

	def count(self, field: str) -> int:
		"""How many answered calls had this root field."""
		return sum(field in call.fields for call in self.calls)

	def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
		"""One HTTP request. Raises ConnectionAbortedError to hang up."""
		with self.lock:
			url = urlsplit(target)
			if self.outage:
				self.requests_refused += 1
				if self.outage == "reset":
					raise ConnectionAbortedError
				return _FAULTS["503"]
			api = _API.fullmatch(url.path)
			if method == "POST" and api:
				return self._api(api.group(1), headers, body)
			if method == "POST" and url.path == "/admin/oauth/access_token":
				return self._token(headers, body)
			file = _FILE.fullmatch(url.path)
			if method == "GET" and file:
				return self._file(int(file.group(1)), url.query, headers)
			return 404, JSON, b'{"errors":"Not Found"}'

	# --- the API

	def _api(self, asked: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
		version = served(asked)
		if version is None:
			return 404, JSON, b'{"errors":"Not Found"}'
		fault = self._fault(body)
		if fault in _FAULTS or fault == "hang up":
			self.requests_refused += 1
			if fault == "hang up":
				raise ConnectionAbortedError
			return _FAULTS[fault]
		access = self.tokens.get(headers.get("x-shopify-access-token", ""))
		if access is None or (access.expires is not None and access.expires <= self.now()):
			return _FAULTS["401"]
		self.scopes, self.version = set(access.scopes), version
		answer = self._answer(version, body, fault == "throttled")
		if fault == "lost":
			raise ConnectionAbortedError
		named = {
			**JSON,
			"x-shopify-api-version": version,
			"x-request-id": str(uuid.uuid4()),
			"date": self._date(),
		}
		return 200, named, json.dumps(answer).encode()

	def _date(self) -> str:
		return self.now().astimezone(timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")

	def _fault(self, body: bytes) -> str:
		for fault in self.faults:
			if fault.operation is None or fault.operation.encode() in body:
				fault.calls -= 1
				if fault.calls <= 0:
					self.faults.remove(fault)
				return fault.kind
		return ""

	def _answer(self, version: str, body: bytes, throttled: bool) -> dict[str, Any]:
		try:
			asked = json.loads(body)
			text, variables = asked["query"], asked.get("variables") or {}
		except (ValueError, KeyError, TypeError, AttributeError):
			return {"errors": {"query": "Required parameter missing or invalid"}}
		document, errors = checked(version, text)
		if errors or document is None:
			return {"errors": [_wrong_document(error) for error in errors]}
		price = Price(load(version), document, variables)
		requested = price.requested()
		if requested > MAXIMUM:
			return _too_costly(requested)
		if throttled or not self.bucket.affords(requested):
			return self._throttled(requested, throttled)
		answer = self._execute(version, document, variables)
		if answer.get("data") is None and "data" not in answer:
			return answer
		actual = price.actual(answer["data"])
		self.bucket.take(actual)
		self.calls.append(Call(version, text, variables, actual))
		answer["extensions"] = {"cost": self._cost(requested, actual)}
		return answer

	def _execute(self, version: str, document: DocumentNode, variables: Mapping[str, Any]) -> dict[str, Any]:
		found = execute_sync(
			load(version),
			document,
			context_value=self,
			variable_values=dict(variables),
			field_resolver=_resolve,
			type_resolver=graph.type_of,
		)
		if found.data is None and found.errors and found.errors[0].path is None:
			return {"errors": [_invalid_variable(error) for error in found.errors]}
		answer: dict[str, Any] = {"data": found.data}
		if found.errors:
			answer["errors"] = [_formatted(error) for error in found.errors]
		return answer

	def _cost(self, requested: int, actual: int | None) -> dict[str, Any]:
		return {
			"requestedQueryCost": requested,
			"actualQueryCost": actual,
			"throttleStatus": self.bucket.status(),
		}

	def _throttled(self, requested: int, forced: bool) -> dict[str, Any]:
		self.requests_refused += 1
		if forced:
			self.bucket.available = min(self.bucket.available, requested - 1)
		return {
			"errors": [
				{
					"message": "Throttled",
					"extensions": {
						"code": "THROTTLED",
						"documentation": "https://shopify.dev/api/usage/rate-limits",
					},
				}
			],
			"extensions": {"cost": self._cost(requested, None)},
		}

	# --- access tokens

	def _token(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
		"""Client credentials, and the code of an authorisation."""
		given = _form(headers, body)
		fault = self._fault(body)
		if fault in _FAULTS:
			return _FAULTS[fault]
		if given.get("client_id") != self.client_id or given.get("client_secret") != self.client_secret:
			return _refused("invalid_client", "Client authentication failed", 401)
		if given.get("grant_type") == "client_credentials":
			if not self.installed:
				return _refused("app_not_installed", "The app is not installed on this shop.")
			if not self.same_organisation:
				return _refused("shop_not_permitted", "Client credentials cannot be performed on this shop.")
			return self._granted(frozenset(self.app_scopes), TOKEN_LASTS)
		code = self.codes.pop(given.get("code", ""), None)
		if code is None:
			return _refused("invalid_request", "The authorization code was not found or was already used")
		return self._granted(code, None)

	@property
	def app_scopes(self) -> list[str]:
		return scopes.SCOPES

	def _granted(self, granted: frozenset[str], lasts: timedelta | None) -> HttpAnswer:
		token = f"shpat_{uuid.uuid4().hex}"
		self.tokens_given += 1
		self.tokens[token] = Access(granted, self.now() + lasts if lasts else None)
		ends = {"expires_in": int(lasts.total_seconds())} if lasts else {}
		answer = {"access_token": token, "scope": ",".join(sorted(granted)), **ends}
		return 200, JSON, json.dumps(answer).encode()

	def uninstall(self) -> None:
		"""The merchant removes the app: no token of it is taken any more, and it is told so."""
		super().uninstall()
		self.tokens, self.installed = {}, False

	def expire_tokens(self) -> None:
		"""Every token ends now."""
		self.tokens = {token: Access(access.scopes, self.now()) for token, access in self.tokens.items()}

	def authorise(self, authorisation_url: str) -> str:
		"""What happens when the merchant follows the link and agrees: the address the browser is sent to."""
		asked = dict(parse_qsl(urlsplit(authorisation_url).query))
		code = uuid.uuid4().hex
		self.codes[code] = frozenset(asked["scope"].split(","))
		query = {
			"code": code,
			"host": "c2ltdWxhdGVk",
			"shop": self.domain,
			"state": asked["state"],
			"timestamp": str(int(self.now().timestamp())),
		}
		query["hmac"] = query_signature(self.client_secret, query)
		return f"{asked['redirect_uri']}?{urlencode(query)}"

	# --- files

	def _file(self, operation_id: int, query: str, headers: Mapping[str, str]) -> HttpAnswer:
		operation = self.bulk_operations.get(operation_id)
		if operation is None or operation.content is None or f"signature={operation_id * 7}" not in query:
			return 403, {"content-type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>"
		content = operation.content
		kind = {"content-type": "application/jsonl", "accept-ranges": "bytes", "etag": f'"{operation_id}"'}
		wanted = _RANGE.fullmatch(headers.get("range", ""))
		if wanted is None:
			return 200, kind, content
		start = int(wanted.group(1))
		end = min(int(wanted.group(2) or len(content) - 1), len(content) - 1)
		if start >= len(content):
			return 416, {**kind, "content-range": f"bytes */{len(content)}"}, b""
		kind["content-range"] = f"bytes {start}-{end}/{len(content)}"
		return 206, kind, content[start : end + 1]


def served(asked: str) -> str | None:
	"""The version that answers: expired ones fall forward to the oldest there is; None where there is none."""
	if asked in VERSIONS:
		return asked
	if re.fullmatch(r"20\d\d-(01|04|07|10)", asked) and asked < VERSIONS[0]:
		return VERSIONS[0]
	return None


def query_signature(secret: str, query: Mapping[str, str]) -> str:
	"""Of the parameters an authorisation comes back with.

	https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
	"""
	text = "&".join(f"{name}={value}" for name, value in sorted(query.items()) if name != "hmac")
	return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _resolve(source: Any, info: GraphQLResolveInfo, **args: Any) -> Any:
	if source is None:
		scopes.check(info.field_name, info.context.scopes)
		if info.parent_type.name == "Mutation":
			return mutations.run(info.context, info, args)
	else:
		scopes.check(f"{info.parent_type.name}.{info.field_name}", info.context.scopes)
	if not info.context.customer_data:
		scopes.check_protected(info.parent_type.name, info.field_name)
	return graph.resolve(source, info, **args)


def _form(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
	if "json" in headers.get("content-type", ""):
		return json.loads(body)
	return dict(parse_qsl(body.decode()))


def _refused(error: str, description: str, status: int = 400) -> HttpAnswer:
	return status, JSON, json.dumps({"error": error, "error_description": description}).encode()


def _too_costly(cost: int) -> dict[str, Any]:
	return {
		"errors": [
			{
				"message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MAXIMUM}).",
				"extensions": {
					"code": "MAX_COST_EXCEEDED",
					"cost": cost,
					"maxCost": MAXIMUM,
					"documentation": "https://shopify.dev/api/usage/rate-limits",
				},
			}
		]
	}


def _formatted(error: GraphQLError) -> dict[str, Any]:
	made = dict(error.formatted)
	if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
		raise error.original_error  # a fault of the simulation, not of the caller
	return made


def _wrong_document(error: GraphQLError) -> dict[str, Any]:
	"""What breaks the schema's rules."""
	return {**error.formatted, "extensions": {"code": "undefinedField", **(error.extensions or {})}}


def _invalid_variable(error: GraphQLError) -> dict[str, Any]:
	return {**error.formatted, "extensions": {"code": "INVALID_VARIABLE", **(error.extensions or {})}}


__all__ = ["ShopifyStorefront", "bulk", "catalog", "refunding", "sending", "stocking", "subscriptions"]
