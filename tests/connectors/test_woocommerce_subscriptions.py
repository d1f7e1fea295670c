from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Limits
from commerce_bridge.connectors.woocommerce import subscriptions
from commerce_bridge.connectors.woocommerce.facts import SIGNED_WITH
from commerce_bridge.connectors.woocommerce.subscriptions import TOPICS
from tests.connectors.woocommerce_shop import CREDENTIALS, Shop, answer, captured, shop

URL = "https://erp.example/api/method/commerce_bridge.api.webhook?channel=Tea"
GONE = answer(
	{"code": "woocommerce_rest_shop_webhook_invalid_id", "message": "x", "data": {"status": 404}}, 404
)


@dataclass
class Webhooks:
	"""The webhooks of a shop, as WooCommerce keeps them: it never tells a secret."""

	rows: list[dict[str, Any]] = field(default_factory=list)
	secrets: dict[int, str] = field(default_factory=dict)
	calls: list[str] = field(default_factory=list)
	refused: dict[str, HttpResponse | Exception] = field(default_factory=dict)  # method, or its topic
	next_id: int = 1

	def add(
		self, topic: str, url: str = URL, status: str = "active", secret: str = "", name: str = "x"
	) -> int:
		number, self.next_id = self.next_id, self.next_id + 1
		row = {"id": number, "name": name, "topic": topic, "status": status, "delivery_url": url}
		self.rows.append(row)
		self.secrets[number] = secret
		return number

	def send(
		self,
		method: str,
		url: str,
		headers: dict[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		path, query = urlsplit(url).path.rpartition("/wc/v3/")[2], parse_qs(urlsplit(url).query)
		given = json.loads(body) if body else {}
		what = f"{method} {given['topic']}" if given else f"{method} {path}"
		self.calls.append(what)
		refusal = self.refused.pop(what, None)
		if isinstance(refusal, HttpResponse):
			return refusal
		if method == "GET":
			first = (int(query["page"][0]) - 1) * int(query["per_page"][0])
			return answer(self.rows[first : first + int(query["per_page"][0])])
		if method == "POST":
			self.add(given["topic"], given["delivery_url"], given["status"], given["secret"], given["name"])
			if isinstance(refusal, Exception):
				raise refusal  # the answer is lost
			return answer(self.rows[-1], 201)
		return self._delete(int(path.rpartition("/")[2]), query)

	def _delete(self, number: int, query: dict[str, list[str]]) -> HttpResponse:
		if query.get("force") != ["true"]:
			return captured("error_delete_customer_no_force")
		row = next((row for row in self.rows if row["id"] == number), None)
		if row is None:
			return GONE
		self.rows.remove(row)
		return answer(row)

	@property
	def changes(self) -> list[str]:
		return [call for call in self.calls if not call.startswith("GET")]

	def topics(self, url: str = URL) -> list[str]:
		return sorted(row["topic"] for row in self.rows if row["delivery_url"] == url)


def tea_shop(**values: Any) -> tuple[Shop, Webhooks]:
	kept = Webhooks()
	return shop(transport=kept, **values), kept


def register(tea: Shop, url: str = URL, **options: Any) -> str:
	return subscriptions.register(tea.client, tea.channel, tea.credentials, url, **options)


def differ(tea: Shop, url: str = URL) -> bool:
	return subscriptions.differ(tea.client, tea.credentials, url)


def with_secrets(tea: Shop, *secrets: str) -> Shop:
	credentials = CREDENTIALS.model_copy(update={"webhook_secrets": secrets})
	return Shop([], credentials=credentials, memory=tea.memory, transport=tea.transport)


def test_every_topic_is_posted_to_us_signed_with_the_first_secret() -> None:
	tea, kept = tea_shop()
	tea = with_secrets(tea, "New1", "Old1")
	told = register(tea)
	assert kept.topics() == sorted(TOPICS)
	assert set(kept.secrets.values()) == {"New1"}
	assert {row["name"] for row in kept.rows} == {f"Commerce Bridge Tea: {topic}" for topic in TOPICS}
	assert "11 made, 0 removed, 0 left" in told and URL in told


def test_the_topics_are_those_of_orders_products_and_customers() -> None:
	assert len(TOPICS) == 11 and "customer.restored" not in TOPICS
	assert {topic.partition(".")[0] for topic in TOPICS} == {"order", "product", "customer"}


def test_what_is_right_is_left_alone() -> None:
	tea, kept = tea_shop()
	assert differ(tea)
	register(tea)
	kept.calls.clear()
	assert not differ(tea)
	assert "0 made, 0 removed, 11 left" in register(tea)
	assert kept.changes == []


@pytest.mark.parametrize("status", ["disabled", "paused"])
def test_one_that_was_switched_off_is_made_anew_for_it_keeps_its_failures(status: str) -> None:
	tea, kept = tea_shop()
	register(tea)
	kept.calls.clear()
	kept.rows[3]["status"] = status
	number, topic = kept.rows[3]["id"], kept.rows[3]["topic"]
	assert differ(tea)
	register(tea)
	assert kept.changes == [f"POST {topic}", f"DELETE webhooks/{number}"]
	assert kept.topics() == sorted(TOPICS) and {row["status"] for row in kept.rows} == {"active"}


def test_of_two_for_one_topic_one_goes() -> None:
	tea, kept = tea_shop()
	register(tea)
	kept.add("order.created")
	assert differ(tea)
	assert "0 made, 1 removed, 11 left" in register(tea)
	assert kept.topics() == sorted(TOPICS) and not differ(tea)


def test_one_that_nobody_wants_any_more_goes() -> None:
	tea, kept = tea_shop()
	register(tea)
	kept.add("coupon.created")
	register(tea)
	assert kept.topics() == sorted(TOPICS)


def test_another_secret_makes_all_of_them_anew() -> None:
	tea, kept = tea_shop()
	register(tea)
	turned = with_secrets(tea, "Secret2", "Secret1")
	assert differ(turned)
	assert "11 made, 11 removed" in register(turned)
	assert {kept.secrets[row["id"]] for row in kept.rows} == {"Secret2"}
	assert not differ(turned) and differ(tea)


def test_one_of_unknown_secret_is_made_anew() -> None:
	tea, kept = tea_shop()
	for topic in TOPICS:
		kept.add(topic, secret="of another time")
	assert differ(tea)
	register(tea)
	assert {kept.secrets[row["id"]] for row in kept.rows} == {"Secret1"}


def test_the_secret_cannot_be_read_from_what_is_remembered() -> None:
	tea, _ = tea_shop()
	register(tea)
	[(label, mark)] = tea.memory.get_facts("Tea").items()
	assert label == SIGNED_WITH and len(mark) == 8 and "Secret1" not in mark


def test_what_was_begun_with_another_secret_is_finished_with_it() -> None:
	tea, kept = tea_shop()
	register(tea)
	turned = with_secrets(tea, "Secret2")
	kept.refused["POST order.updated"] = captured("error_bad_webhook_topic")
	with pytest.raises(Rejected, match=r"order\.updated: .*topic"):
		register(turned)
	assert differ(turned) and differ(tea)
	register(tea)  # back again: those of Secret2 must not stay
	assert {kept.secrets[row["id"]] for row in kept.rows} == {"Secret1"}
	assert kept.topics() == sorted(TOPICS)


def test_a_refused_one_is_named_and_the_others_are_made() -> None:
	tea, kept = tea_shop()
	kept.refused["POST product.restored"] = captured("error_bad_webhook_url")
	with pytest.raises(Rejected, match=r"product\.restored"):
		register(tea)
	assert kept.topics() == sorted(set(TOPICS) - {"product.restored"})


def test_one_that_is_refused_again_and_again_does_not_have_the_others_made_anew() -> None:
	tea, kept = tea_shop()
	for _ in range(2):
		kept.calls.clear()
		kept.refused["POST product.restored"] = captured("error_bad_webhook_url")
		with pytest.raises(Rejected, match=r"product\.restored"):
			register(tea)
	assert kept.changes == ["POST product.restored"]


def test_one_that_would_not_go_is_tried_again_after_another_secret() -> None:
	tea, kept = tea_shop()
	register(tea)
	turned = with_secrets(tea, "Secret2")
	kept.refused[f"DELETE webhooks/{kept.rows[0]['id']}"] = captured("error_bad_webhook_url")
	with pytest.raises(Rejected):
		register(turned)
	register(turned)
	assert {kept.secrets[row["id"]] for row in kept.rows} == {"Secret2"}


def test_after_a_lost_answer_nothing_is_there_twice() -> None:
	tea, kept = tea_shop()
	kept.refused["POST order.deleted"] = Retryable("tea.example did not answer in time")
	with pytest.raises(Retryable):
		register(tea)
	register(tea)
	assert kept.topics() == sorted(TOPICS)


def test_one_that_somebody_removed_meanwhile_is_gone() -> None:
	tea, kept = tea_shop()
	register(tea)
	kept.rows[0]["status"] = "disabled"
	number = kept.rows[0]["id"]
	kept.refused[f"DELETE webhooks/{number}"] = GONE
	register(tea)
	assert not kept.refused


def test_those_of_others_are_left_alone() -> None:
	tea, kept = tea_shop()
	others = [
		"https://erp.example/api/method/commerce_bridge.api.webhook?channel=Coffee",
		"https://mail.example/hook",
		"https://erp.example/",
	]
	for url in others:
		kept.add("order.created", url)
	register(tea)
	subscriptions.unregister(tea.client, URL)
	assert [row["delivery_url"] for row in kept.rows] == others


def test_another_site_with_the_same_channel_is_named() -> None:
	tea, kept = tea_shop()
	kept.add("order.created", URL.replace("erp.example", "old.example"))
	kept.add("order.updated", URL.replace("https://erp.example", "http://u:p4ss@old.example:81"))
	told = register(tea)
	assert "old.example, old.example:81; nothing was changed there" in told and "p4ss" not in told
	assert len(kept.rows) == 13


def test_an_address_comes_back_encoded_another_way() -> None:
	tea, kept = tea_shop()
	url = "https://erp.example/hook?channel=Tea%20Shop&a=b"
	register(tea, url)
	for row in kept.rows:
		row["delivery_url"] = "https://erp.example/hook?channel=Tea Shop&#038;a=b"
	assert not differ(tea, url)


def test_more_webhooks_than_a_page_holds() -> None:
	tea, kept = tea_shop()
	for _ in range(150):
		kept.add("order.created", "https://mail.example/hook")
	register(tea)
	assert not differ(tea)
	assert kept.topics() == sorted(TOPICS)


def test_taken_back_is_what_posts_to_us() -> None:
	tea, kept = tea_shop()
	register(tea)
	subscriptions.unregister(tea.client, URL)
	assert kept.rows == [] and tea.memory.get_facts("Tea") == {}
	assert differ(tea)


def test_one_that_will_not_go_is_named() -> None:
	tea, kept = tea_shop()
	register(tea)
	kept.refused[f"DELETE webhooks/{kept.rows[0]['id']}"] = captured("error_delete_customer_no_force")
	with pytest.raises(Rejected, match=r"did not remove webhooks: order\.created"):
		subscriptions.unregister(tea.client, URL)
	assert len(kept.rows) == 1


@pytest.mark.parametrize("secrets", [(), ("",), (" padded ",), ("a&amp;b",)])
def test_without_a_secret_that_both_sides_read_alike_nothing_is_registered(secrets: tuple[str, ...]) -> None:
	tea, kept = tea_shop()
	with pytest.raises(Misconfigured) as raised:
		register(with_secrets(tea, *secrets))
	assert raised.value.fieldname == "webhook_secret" and kept.calls == []


@pytest.mark.parametrize("url", ["http://erp.example/hook", "http://127.0.0.1:8000/hook"])
def test_the_shop_posts_to_https_only(url: str) -> None:
	tea, kept = tea_shop()
	with pytest.raises(Misconfigured, match="https"):
		register(tea, url)
	assert kept.calls == []


def test_in_development_the_shop_may_post_to_this_machine() -> None:
	tea, kept = tea_shop()
	register(tea, "http://127.0.0.1:8000/hook", allow_http=True)
	assert len(kept.topics("http://127.0.0.1:8000/hook")) == 11
	with pytest.raises(Misconfigured, match="https"):
		register(tea, "http://erp.example/hook", allow_http=True)


@pytest.mark.parametrize(
	("url", "told"),
	[
		("https://erp.example/hook", False),
		("https://erp.example:8080/hook", False),
		("https://erp.example:80/hook", False),
		("https://erp.example:8443/hook", True),
	],
)
def test_a_port_that_wordpress_does_not_post_to_is_told(url: str, told: bool) -> None:
	tea, _ = tea_shop()
	assert ("80, 443 and 8080 only" in register(tea, url)) is told


def test_webhooks_are_known_by_the_channel_s_name() -> None:
	tea, kept = tea_shop()
	register(tea)
	kept.add("order.created", name="Commerce Bridge Coffee: order.created")
	assert len(subscriptions.own_webhooks(tea.client, tea.channel)) == 11
