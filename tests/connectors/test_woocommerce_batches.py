"""Rows into products and variations: few calls, each row answered for itself, nothing written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.protocols import HttpResponse
from commerce_bridge.connectors.woocommerce import batches
from commerce_bridge.connectors.woocommerce.batches import Difference, Row
from tests.connectors.storefront import json_answer
from tests.connectors.woocommerce_shelf import Call, Shelf

FATAL = {
	"code": "internal_server_error",
	"message": "<p>There has been a critical error</p>",
	"data": {"status": 500},
}
BUSY = HttpResponse(503, {"content-type": "text/html", "retry-after": "600"}, b"<h1>Maintenance</h1>")


@pytest.fixture
def shelf() -> Shelf:
	return Shelf()


def row(product: int | str | None, variant: int | None = None, quantity: int = 5, **values: Any) -> Row:
	"""A quantity, compared as a level is."""

	def differs(answer: Mapping[str, Any]) -> Difference | None:
		shown = answer.get("stock_quantity")
		return None if shown == quantity else Difference(f"shows {shown}")

	return Row(
		**{
			"label": f"L-{variant or product or values.get('sku')}",
			"sku": "",
			"product": None if product is None else str(product),
			"variant": None if variant is None else str(variant),
			"body": {"manage_stock": True, "stock_quantity": quantity},
			"differs": differs,
			**values,
		}
	)


def push(shelf: Shelf, *rows: Row) -> None:
	batches.push(shelf.client, rows, ["manage_stock", "stock_quantity"])


def kinds(shelf: Shelf) -> list[str]:
	"""What was called, without numbers."""
	return ["".join(letter for letter in path if not letter.isdigit()) for path in shelf.paths]


# --- few calls ---


def test_a_thousand_products_are_ten_calls(shelf: Shelf) -> None:
	rows = [row(shelf.add(), quantity=number % 7) for number in range(1000)]
	push(shelf, *rows)
	assert shelf.paths == ["POST products/batch"] * 10
	assert all(each.done and each.error is None for each in rows)
	assert [product["stock_quantity"] for product in shelf.products.values()] == [n % 7 for n in range(1000)]


def test_a_thousand_variations_of_fifty_products_are_fifty_calls(shelf: Shelf) -> None:
	parents = [shelf.add(type="variable") for _ in range(50)]
	rows = [row(parent, shelf.add_variation(parent)) for _ in range(20) for parent in parents]
	push(shelf, *rows)
	assert shelf.paths == [f"POST products/{parent}/variations/batch" for parent in parents]
	assert all(each.done for each in rows)


def test_more_variations_than_a_call_takes_are_two(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	push(shelf, *(row(parent, shelf.add_variation(parent)) for _ in range(101)))
	assert [len(call.body["update"]) for call in shelf.calls] == [100, 1]


def test_products_and_variations_go_to_their_own_address(shelf: Shelf) -> None:
	alone, parent = shelf.add(), shelf.add(type="variable")
	variation = shelf.add_variation(parent)
	push(shelf, row(parent, variation, 3), row(alone, None, 4))
	assert shelf.paths == ["POST products/batch", f"POST products/{parent}/variations/batch"]
	assert (shelf.products[alone]["stock_quantity"], shelf.products[variation]["stock_quantity"]) == (4, 3)


def test_answers_come_without_descriptions(shelf: Shelf) -> None:
	"""Of 100 products they may be larger than what is taken of an answer."""
	push(shelf, row(shelf.add()))
	assert (
		shelf.calls[0].body["update"][0]["_fields"] == "id,type,status,parent_id,manage_stock,stock_quantity"
	)


def test_nothing_to_send_is_no_call(shelf: Shelf) -> None:
	push(shelf)
	assert shelf.calls == []


# --- each row answered for itself ---


def test_a_product_that_is_gone_keeps_no_other_one_back(shelf: Shelf) -> None:
	first, gone, last = row(shelf.add()), row(999_999), row(shelf.add())
	push(shelf, first, gone, last)
	assert (first.done, last.done) == (True, True)
	assert (gone.error, gone.retry) == (batches.GONE, False)
	assert shelf.paths == ["POST products/batch"], "what is gone is not asked for alone"


@pytest.mark.parametrize(
	"wrong", ["a variation's id as a product", "a product's id as a variation", "another parent"]
)
def test_ids_that_do_not_belong_together_write_nothing(shelf: Shelf, wrong: str) -> None:
	parent, other, alone = shelf.add(type="variable"), shelf.add(type="variable"), shelf.add()
	variation = shelf.add_variation(parent)
	sent = {
		"a variation's id as a product": row(variation),
		"a product's id as a variation": row(parent, alone),
		"another parent": row(other, variation),
	}[wrong]
	push(shelf, sent)
	assert sent.error == batches.GONE
	assert not any(product["manage_stock"] for product in shelf.products.values())


def test_an_error_inside_an_answer_of_status_200_is_sent_once_more_alone(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(3)]
	error = {"code": "db_update_error", "message": "Could not update", "data": {"status": 500}}

	def fails_in_batch(call: Call, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
		if call.method == "PUT":
			return answers
		return [answers[0], {"id": answers[1]["id"], "error": error}, answers[2]]

	shelf.tamper = fails_in_batch
	push(shelf, *rows)
	assert shelf.paths == ["POST products/batch", f"PUT products/{rows[1].product}"]
	assert all(each.done and each.error is None for each in rows)


def test_a_row_that_is_refused_alone_too_says_why(shelf: Shelf) -> None:
	shelf.tamper = lambda call, answers: [{"id": answers[0]["id"], "error": FATAL}]
	invalid = {
		"code": "rest_invalid_param",
		"message": "Invalid parameter(s): stock_quantity",
		"data": {"status": 400, "params": {"stock_quantity": "is not of type integer."}},
	}
	shelf.interfere = lambda call: json_answer(invalid, 400) if call.method == "PUT" else None
	sent = row(shelf.add())
	push(shelf, sent)
	assert "rest_invalid_param" in (sent.error or "") and "stock_quantity" in (sent.error or "")
	assert (sent.done, sent.retry) == (False, False)


def test_a_row_whose_single_call_has_no_answer_may_pass_later(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(3)]
	shelf.tamper = lambda call, answers: [
		{"id": answer["id"], "error": FATAL} if index else answer for index, answer in enumerate(answers)
	]
	shelf.interfere = lambda call: Retryable("no answer") if call.method == "PUT" else None
	push(shelf, *rows)
	assert [each.done for each in rows] == [True, False, False]
	assert (rows[1].error, rows[1].retry) == ("no answer", True)
	assert (rows[2].error, rows[2].unsent) == ("no answer", True)
	assert shelf.paths.count(f"PUT products/{rows[2].product}") == 0, (
		"the shop does not answer: it is left alone"
	)


def test_a_key_that_may_not_edit_one_product_is_told_of_it(shelf: Shelf) -> None:
	error = {"code": "woocommerce_rest_cannot_edit", "message": "Sorry", "data": {"status": 403}}
	shelf.tamper = lambda call, answers: [{"id": answers[0]["id"], "error": error}, answers[1]]
	mine, other = row(shelf.add()), row(shelf.add())
	push(shelf, mine, other)
	assert "owner of the key" in (mine.error or "") and other.done
	assert shelf.paths == ["POST products/batch"]


# --- answers that are not what was sent ---


def test_another_number_than_was_sent_is_sent_once_more_alone(shelf: Shelf) -> None:
	sent = row(shelf.add(), quantity=7)
	shelf.tamper = lambda call, answers: (
		answers if call.method == "PUT" else [{**answers[0], "stock_quantity": 3}]
	)
	push(shelf, sent)
	assert shelf.paths == ["POST products/batch", f"PUT products/{sent.product}"]
	assert (sent.done, sent.error) == (True, None)


def test_a_number_that_stays_another_one_is_an_error(shelf: Shelf) -> None:
	sent = row(shelf.add(), quantity=7)
	shelf.tamper = lambda call, answers: [{**answers[0], "stock_quantity": 3}]
	push(shelf, sent)
	assert len(shelf.calls) == 2
	assert (sent.done, sent.error) == (False, "shows 3")


@pytest.mark.parametrize(
	"answers",
	[[], [{"id": 4711, "stock_quantity": 5}], ["?"], [{"stock_quantity": 5}]],
	ids=["fewer", "another id", "no object", "no id"],
)
def test_a_row_that_is_missing_from_the_answer_is_sent_once_more_alone(
	shelf: Shelf, answers: list[Any]
) -> None:
	first, second = row(shelf.add()), row(shelf.add())
	shelf.tamper = lambda call, given: given if call.method == "PUT" else [given[0], *answers]
	push(shelf, first, second)
	assert kinds(shelf) == ["POST products/batch", "PUT products/"]
	assert (first.done, second.done, second.error) == (True, True, None)


def test_a_single_answer_about_another_product_is_an_error(shelf: Shelf) -> None:
	sent = row(shelf.add())
	shelf.tamper = lambda call, given: [{**given[0], "id": 4711}]
	push(shelf, sent)
	assert "another product" in (sent.error or "")


def test_a_variation_that_has_moved_is_an_error(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	sent = row(parent, shelf.add_variation(parent))
	shelf.tamper = lambda call, given: [{**given[0], "parent_id": 4711}]
	push(shelf, sent)
	assert "belongs to another product" in (sent.error or "")


@pytest.mark.parametrize(
	("values", "told"),
	[
		({"status": "trash"}, "in the trash"),
		({"type": "variable"}, "has variations"),
		({"type": "variable-of-some-extension"}, "has variations"),
	],
)
def test_what_cannot_be_sold_is_no_success(shelf: Shelf, values: dict[str, str], told: str) -> None:
	sent = row(shelf.add(**values))
	push(shelf, sent)
	assert told in (sent.error or "") and not sent.done
	assert len(shelf.calls) == 1, "another attempt changes nothing"


@pytest.mark.parametrize("body", [[], {"create": []}, {"update": {}}, "ok", None])
def test_an_answer_that_is_none_to_a_batch_is_tried_again(shelf: Shelf, body: Any) -> None:
	shelf.interfere = lambda call: json_answer(body)
	with pytest.raises(Retryable):
		push(shelf, row(shelf.add()))


# --- the shop fails ---


def test_a_shop_that_is_away_from_the_start_takes_nothing(shelf: Shelf) -> None:
	shelf.interfere = lambda call: BUSY
	with pytest.raises(Retryable) as failed:
		push(shelf, *(row(shelf.add()) for _ in range(300)))
	assert failed.value.after == timedelta(seconds=600)
	assert len(shelf.calls) == 1, "it asked to be left alone"


def test_maintenance_in_the_middle_keeps_what_was_taken(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(300)]
	shelf.interfere = lambda call: BUSY if len(shelf.calls) == 2 else None
	push(shelf, *rows)
	assert [each.done for each in rows] == [True] * 100 + [False] * 200
	assert all(each.unsent and "503" in (each.error or "") for each in rows[100:])
	assert len(shelf.calls) == 2


def test_a_key_that_is_revoked_in_the_middle_keeps_what_was_taken(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(200)]
	error = {"code": "woocommerce_rest_cannot_edit", "message": "Sorry", "data": {"status": 401}}
	shelf.interfere = lambda call: json_answer(error, 401) if len(shelf.calls) == 2 else None
	push(shelf, *rows)
	assert [each.done for each in rows] == [True] * 100 + [False] * 100
	assert all(each.unsent for each in rows[100:])


def test_a_key_that_is_wrong_is_said_at_once(shelf: Shelf) -> None:
	error = {"code": "woocommerce_rest_cannot_edit", "message": "Sorry", "data": {"status": 401}}
	shelf.interfere = lambda call: json_answer(error, 401)
	with pytest.raises(Misconfigured):
		push(shelf, row(shelf.add()), row(shelf.add()))
	assert len(shelf.calls) == 1


def test_a_shop_that_answers_nothing_is_asked_a_few_times(shelf: Shelf) -> None:
	shelf.interfere = lambda call: Retryable("no answer")
	with pytest.raises(Retryable):
		push(shelf, *(row(shelf.add()) for _ in range(500)))
	assert len(shelf.calls) == batches.PATIENCE


def test_an_outage_in_the_middle_fails_no_row(shelf: Shelf) -> None:
	"""A row that failed alone, as all others did, is put off with them."""
	rows = [row(shelf.add()) for _ in range(300)]
	shelf.interfere = lambda call: Retryable("no answer") if len(shelf.calls) > 1 else None
	push(shelf, *rows)
	assert [each.done for each in rows] == [True] * 100 + [False] * 200
	assert all(each.unsent for each in rows[100:])
	assert len(shelf.calls) == 1 + batches.PATIENCE


def test_a_lost_answer_is_sent_again(shelf: Shelf) -> None:
	"""What is sent is absolute: the same rows again, in smaller calls."""
	rows = [row(shelf.add(), quantity=number) for number in range(100)]
	shelf.interfere = lambda call: Retryable("no answer") if len(shelf.calls) == 1 else None
	push(shelf, *rows)
	assert [len(call.body["update"]) for call in shelf.calls] == [100, 50, 50]
	assert all(each.done for each in rows)


@pytest.mark.parametrize("index", [0, 41, 99])
def test_one_product_at_whose_saving_a_plugin_fails_keeps_no_other_one_back(shelf: Shelf, index: int) -> None:
	rows = [row(shelf.add()) for _ in range(100)]
	broken = int(rows[index].id)

	def fatal(call: Call) -> HttpResponse | None:
		return json_answer(FATAL, 500) if any(item["id"] == broken for item in call.body["update"]) else None

	shelf.interfere = fatal
	push(shelf, *rows)
	assert [each.done for each in rows] == [number != index for number in range(100)]
	assert "500" in (rows[index].error or "") and rows[index].retry
	assert len(shelf.calls) <= 15


def test_two_rows_of_which_one_is_broken_are_told_apart(shelf: Shelf) -> None:
	broken, fine = row(shelf.add()), row(shelf.add())
	shelf.interfere = lambda call: (
		json_answer(FATAL, 500) if any(str(item["id"]) == broken.id for item in call.body["update"]) else None
	)
	push(shelf, broken, fine)
	assert (broken.retry, fine.done) == (True, True)


def test_a_row_that_fails_on_its_own_is_raised(shelf: Shelf) -> None:
	shelf.interfere = lambda call: json_answer(FATAL, 500)
	with pytest.raises(Retryable):
		push(shelf, row(shelf.add()))
	assert len(shelf.calls) == 1


@pytest.mark.parametrize("most", [1, 30, 99])
def test_a_call_that_is_too_large_is_cut_in_half(shelf: Shelf, most: int) -> None:
	shelf.most = most
	rows = [row(shelf.add()) for _ in range(100)]
	push(shelf, *rows)
	assert all(each.done for each in rows)
	assert max(len(call.body["update"]) for call in shelf.calls[-2:]) <= most


def test_a_row_that_is_too_large_alone_is_an_error(shelf: Shelf) -> None:
	shelf.most = 0
	rows = [row(shelf.add()), row(shelf.add())]
	push(shelf, *rows)
	assert all("too large" in (each.error or "") and not each.retry for each in rows)


def test_a_call_that_is_refused_as_a_whole_is_said_of_its_rows(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	rows = [row(shelf.add()), row(parent, shelf.add_variation(parent))]
	error = {"code": "some_plugin_refuses", "message": "No", "data": {"status": 400}}
	shelf.interfere = lambda call: json_answer(error, 400) if "variations" in call.path else None
	push(shelf, *rows)
	assert rows[0].done
	assert "some_plugin_refuses" in (rows[1].error or "") and not rows[1].retry


def test_a_product_that_is_gone_takes_its_variations_with_it(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	sent = row(parent, shelf.add_variation(parent))
	gone = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
	shelf.interfere = lambda call: json_answer(gone, 404)
	push(shelf, sent)
	assert (sent.error, sent.retry) == (batches.GONE, False)


def test_a_row_that_others_proved_broken_is_not_put_off_with_the_rest(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(200)]

	def fatal_then_busy(call: Call) -> HttpResponse | None:
		numbers = [str(item["id"]) for item in call.body["update"]]
		if rows[-1].id in numbers:
			return BUSY
		return json_answer(FATAL, 500) if rows[3].id in numbers else None

	shelf.interfere = fatal_then_busy
	push(shelf, *rows)
	assert (rows[3].retry, rows[3].unsent) == (True, False)
	assert [each.unsent for each in rows] == [False] * 100 + [True] * 100


# --- in time ---


def test_a_slow_shop_gets_the_rest_in_another_batch(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(1000)]
	shelf.takes = timedelta(seconds=10)
	push(shelf, *rows)
	assert len(shelf.calls) == 5
	assert [each.done for each in rows] == [True] * 500 + [False] * 500
	assert all(each.unsent and "slow" in (each.error or "") for each in rows[500:])


def test_single_calls_end_in_time_too(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(100)]
	shelf.takes = timedelta(seconds=10)
	shelf.tamper = lambda call, answers: answers if call.method == "PUT" else []
	push(shelf, *rows)
	assert len(shelf.calls) == 5
	assert [each.done for each in rows] == [True] * 4 + [False] * 96
	assert all(each.unsent for each in rows[4:])


def test_a_slow_shop_gets_at_least_one_call(shelf: Shelf) -> None:
	rows = [row(shelf.add()) for _ in range(200)]
	shelf.takes = timedelta(seconds=59)
	push(shelf, *rows)
	assert [each.done for each in rows] == [True] * 100 + [False] * 100


# --- a shop that cannot do as much at once ---


def gives_up_above(shelf: Shelf, most: int) -> None:
	"""A web server that ends a call of more rows after 30 s."""

	def gives_up(call: Call) -> HttpResponse | None:
		if call.method == "GET" or len(call.body["update"]) <= most:
			return None
		shelf.moment += timedelta(seconds=30)
		return HttpResponse(504, {"content-type": "text/html"}, b"<h1>Gateway Timeout</h1>")

	shelf.interfere = gives_up


def test_a_shop_that_never_finishes_a_hundred_gets_smaller_calls_next_time(shelf: Shelf) -> None:
	gives_up_above(shelf, 30)
	rows = [row(shelf.add()) for _ in range(100)]
	with pytest.raises(Retryable):
		push(shelf, *rows)
	shelf.calls.clear()
	again = [row(int(each.id)) for each in rows]
	push(shelf, *again)
	assert [len(call.body["update"]) for call in shelf.calls] == [25] * 4
	assert all(each.done for each in again)
	assert shelf.memory.facts["Shop"]["Currency"] == "EUR", "what else is known of the shop is kept"


def test_it_gets_more_again_while_it_is_quick(shelf: Shelf) -> None:
	number = shelf.add()
	sizes = []
	shelf.memory.facts["Shop"] = {"Currency": "EUR", batches.ROWS_PER_CALL: "25"}
	for _ in range(3):
		push(shelf, row(number))
		sizes.append(shelf.memory.facts["Shop"].get(batches.ROWS_PER_CALL))
	assert sizes == ["50", None, None]
	shelf.memory.facts["Shop"][batches.ROWS_PER_CALL] = "25"
	shelf.takes = timedelta(seconds=9)
	push(shelf, row(number))
	assert shelf.memory.facts["Shop"][batches.ROWS_PER_CALL] == "25"


def test_a_call_that_fails_at_once_makes_no_shop_slow(shelf: Shelf) -> None:
	shelf.interfere = lambda call: Retryable("no answer")
	with pytest.raises(Retryable):
		push(shelf, *(row(shelf.add()) for _ in range(100)))
	assert batches.ROWS_PER_CALL not in shelf.memory.facts["Shop"]


@pytest.mark.parametrize("kept", ["0", "100", "1000", "-5", "x", ""])
def test_what_is_kept_of_a_slow_shop_may_be_nonsense(shelf: Shelf, kept: str) -> None:
	shelf.memory.facts["Shop"] = {batches.ROWS_PER_CALL: kept}
	push(shelf, *(row(shelf.add()) for _ in range(100)))
	assert len(shelf.calls) == 1


# --- which product ---


def test_products_are_found_by_sku(shelf: Shelf) -> None:
	alone, parent = shelf.add("A"), shelf.add(type="variable")
	variation = shelf.add_variation(parent, "V/1 ü")
	rows = [row(None, sku="A", quantity=1), row(None, sku="V/1 ü", quantity=2)]
	push(shelf, *rows)
	assert shelf.paths[0] == "GET products" and shelf.calls[0].query["sku"] == "A,V/1 ü"
	assert len(shelf.calls) == 3 and all(each.done for each in rows)
	assert (shelf.products[alone]["stock_quantity"], shelf.products[variation]["stock_quantity"]) == (1, 2)


def test_a_thousand_rows_without_ids_are_eleven_questions_more(shelf: Shelf) -> None:
	"""99 in each: a page that is not full needs no second one."""
	rows = [row(None, sku=f"S{number}") for number in range(1000)]
	for each in rows:
		shelf.add(each.sku)
	push(shelf, *rows)
	assert kinds(shelf).count("GET products") == 11 and len(shelf.calls) == 21
	assert all(each.done for each in rows)


def test_long_skus_make_no_long_address(shelf: Shelf) -> None:
	rows = [row(None, sku="ü" * 80 + str(number)) for number in range(50)]
	for each in rows:
		shelf.add(each.sku)
	push(shelf, *rows)
	assert all(each.done for each in rows)
	questions = [call for call in shelf.calls if call.method == "GET"]
	assert max(call.query["sku"].count("ü") * 6 for call in questions) <= batches.LONGEST_QUESTION


def test_a_sku_of_other_letters_is_another_product(shelf: Shelf) -> None:
	shelf.add("tea-a"), shelf.add("TEA-A ")
	exact, other = row(None, sku="TEA-B"), row(None, sku="TEA-A")
	shelf.add("tea-b")
	number = shelf.add("TEA-B")
	push(shelf, exact, other)
	assert exact.done and exact.product == str(number)
	assert "no product with the SKU TEA-A" in (other.error or "")
	assert [each["stock_quantity"] for each in shelf.products.values()] == [None, None, None, 5]


def test_a_sku_that_several_products_have_is_written_to_none(shelf: Shelf) -> None:
	shelf.add("A"), shelf.add("A")
	sent = row(None, sku="A")
	push(shelf, sent)
	assert "2 products of the shop have the SKU A" in (sent.error or "")
	assert all(each["stock_quantity"] is None for each in shelf.products.values())


def test_a_sku_with_a_comma_is_asked_for_alone(shelf: Shelf) -> None:
	shelf.add("A"), shelf.add("B")
	number = shelf.add("A,B")
	rows = [row(None, sku="A,B", quantity=9), row(None, sku="B", quantity=2)]
	push(shelf, *rows)
	assert sorted(call.query["sku"] for call in shelf.calls if call.method == "GET") == ["A,B", "B"]
	assert shelf.products[number]["stock_quantity"] == 9 and rows[1].done


def test_a_sku_of_a_product_with_variations_is_written_to_none(shelf: Shelf) -> None:
	number = shelf.add("A", type="variable")
	sent = row(None, sku="A")
	push(shelf, sent)
	assert "has variations" in (sent.error or "")
	assert shelf.products[number]["stock_quantity"] is None


def test_a_variation_without_its_product_is_found_by_its_sku(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	variation, other = shelf.add_variation(parent, "V"), shelf.add_variation(parent, "W")
	found, wrong = row(None, variation, sku="V"), row(None, other + 50, sku="W")
	push(shelf, found, wrong)
	assert (found.done, found.product) == (True, str(parent))
	assert "no product with the SKU W" in (wrong.error or "")


@pytest.mark.parametrize("product", ["0", "-1", "12/../7", "1e3", "", "12345678901234567890"])
def test_what_is_no_id_of_the_shop_is_looked_up(shelf: Shelf, product: str) -> None:
	number = shelf.add("A")
	sent = row(product, sku="A")
	push(shelf, sent)
	assert sent.done and sent.product == str(number)


def test_a_row_with_neither_id_nor_sku_says_what_to_do(shelf: Shelf) -> None:
	sent = row(None, sku=" ")
	push(shelf, sent)
	assert "import" in (sent.error or "") and shelf.calls == []


def test_two_listings_of_one_product_do_not_write_over_each_other(shelf: Shelf) -> None:
	number = shelf.add("A")
	first, second = row(number, quantity=1), row(None, sku="A", quantity=2)
	push(shelf, first, second)
	assert first.done and first.label in (second.error or "")
	assert shelf.products[number]["stock_quantity"] == 1


def test_rows_with_an_error_are_left_alone(shelf: Shelf) -> None:
	sent = row(shelf.add())
	sent.refuse("not today")
	push(shelf, sent)
	assert shelf.calls == [] and sent.error == "not today"
