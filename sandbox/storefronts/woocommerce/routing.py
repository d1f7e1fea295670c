"""Which function answers which call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sandbox.storefronts.woocommerce import checks
from sandbox.storefronts.woocommerce.values import Answer, ApiError, Request

if TYPE_CHECKING:
	from sandbox.storefronts.woocommerce.shop import Shop

Handler = Callable[..., Answer]
WRITE = ("POST", "PUT", "PATCH")
_ROUTES: list[tuple[re.Pattern[str], dict[str, Handler]]] = []


def route(methods: str, pattern: str) -> Callable[[Handler], Handler]:
	"""Registers a function for a path of the API, its groups being numbers. "WRITE" is POST, PUT and PATCH."""
	names = [name for each in methods.split() for name in (WRITE if each == "WRITE" else (each,))]

	def register(handler: Handler) -> Handler:
		compiled = re.compile(pattern)
		known = next((found for path, found in _ROUTES if path.pattern == pattern), None)
		if known is None:
			known = {}
			_ROUTES.append((compiled, known))
		known.update(dict.fromkeys(names, handler))
		return handler

	return register


def answer(shop: Shop, request: Request) -> Answer:
	for path, handlers in _ROUTES:
		found = path.fullmatch(request.path)
		if found is not None and request.method in handlers:
			try:
				made = handlers[request.method](shop, request, *(int(group) for group in found.groups()))
			except ApiError as error:
				made = Answer(error.status, error.body())
			made.headers.setdefault("allow", ", ".join(handlers))
			return made
	raise no_route()


def paths() -> list[str]:
	"""Routes as the index of the API names them."""
	return [path.pattern for path, _ in _ROUTES]


def no_route() -> ApiError:
	return ApiError("rest_no_route", "No route was found matching the URL and request method.", 404)


def page(request: Request, rows: Sequence[Any], shown: Callable[[Any], dict[str, Any]]) -> Answer:
	"""One page of rows that are sorted already; beyond the last it is empty, and that is no error."""
	size, number = int(request.query.get("per_page", 10)), int(request.query.get("page", 1))
	start = int(request.query.get("offset") or (number - 1) * size)
	part = rows[start : start + size]
	made = Answer(200, [shown(row) for row in part], total=len(rows))
	pages = -(-len(rows) // size)
	made.headers = {"x-wp-total": str(len(rows)), "x-wp-totalpages": str(pages)}
	return made


def shuffled(request: Request, number: int) -> int:
	"""Where rows of one second come among each other: the shop's database sorts by the date alone, so that each page
	has an order of its own, and a row may be on two pages or on none. Seen on a real shop."""
	return crc32(f"{number}-{request.query.get('page', 1)}".encode())


def checked_list(request: Request, rules: Any) -> None:
	checks.check(request.query, rules)


def ids(given: str) -> set[int]:
	return {int(each) for each in re.findall(r"\d+", given)}


def forced(request: Request, what: str) -> None:
	"""What has no trash is deleted only with `force`."""
	if not request.flag("force"):
		raise ApiError("woocommerce_rest_trash_not_supported", f"{what} do not support trashing.", 501)


def batch(
	request: Request,
	create: Callable[[dict[str, Any]], dict[str, Any]],
	update: Callable[[int, dict[str, Any]], dict[str, Any]],
	delete: Callable[[int], dict[str, Any]],
) -> Answer:
	"""At most 100 rows together; what goes wrong with one stands in its place, inside an answer of 200."""
	given = {name: list(request.given.get(name) or ()) for name in ("create", "update", "delete")}
	if sum(map(len, given.values())) > 100:
		raise ApiError(
			"woocommerce_rest_request_entity_too_large",
			"Unable to accept more than 100 items for this request.",
			413,
		)
	answered: dict[str, Any] = {}
	if given["create"]:
		answered["create"] = [_row(0, lambda row=row: create(row)) for row in given["create"]]
	if given["update"]:
		rows = [(int(row.get("id") or 0), row) for row in given["update"]]
		answered["update"] = [
			_row(number, lambda number=number, row=row: update(number, row)) for number, row in rows
		]
	if given["delete"]:
		answered["delete"] = [
			_row(int(number), lambda number=number: delete(int(number))) for number in given["delete"]
		]
	return Answer(200, answered or [])


def _row(number: int, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
	try:
		return made()
	except ApiError as error:
		return {"id": number, "error": error.body()}
