"""What anybody may post to the webhook of a site, and exactly what is answered.

Some answers are Frappe's: it reads the body before any code of ours runs. Those leave no entry, and no secret.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from contextlib import nullcontext
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
import pymysql
from werkzeug.test import TestResponse

from commerce_bridge.bridge import receive, worker
from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.erpnext import inbox, site
from commerce_bridge.permissions import INTEGRATION
from commerce_bridge.tests.factory import USER
from commerce_bridge.tests.webhooks import KEY, PATH, SECRET, SHOP, WebhookCase

TEXT = {"content-type": "text/plain"}
CANARY = "canary-4711@secret.example"


def event(**data: Any) -> bytes:
	return json.dumps({**WebhookCase.event, "data": {**WebhookCase.event["data"], **data}}).encode()


def with_raw(value: str) -> bytes:
	return b'{"type": "order.cancelled", "data": {"id": "w-1", "x": ' + value.encode() + b"}}"


def nested(depth: int) -> bytes:
	return with_raw("[" * depth + "]" * depth)


class InboxCase(WebhookCase):
	def refused(self, answer: TestResponse, status: int = 401) -> None:
		"""Not a byte of an answer, and nothing stored."""
		self.assertEqual((answer.status_code, answer.data), (status, b""))
		self.assertEqual(self.rows(), [])

	def kept(self, answer: TestResponse, body: bytes) -> None:
		"""400, and a Failed entry with the raw bytes."""
		self.assertEqual(answer.status_code, 400, answer.data)
		[row] = self.rows()
		self.assertEqual((row.state, row.error_class, row.name), ("Failed", "Rejected", answer.json["log"]))
		prefix = "data:application/octet-stream;base64,"
		stored = row.payload
		raw = base64.b64decode(stored[len(prefix) :]) if stored.startswith(prefix) else stored.encode()
		self.assertEqual(raw, body)

	def stored(self, answer: TestResponse, state: str = "Queued") -> Any:
		self.assertEqual(answer.status_code, 200, answer.data)
		[row] = self.rows()
		self.assertEqual((row.state, row.name), (state, answer.json["log"]))
		return row

	def work(self) -> Any:
		"""Works on what was stored; returns the one entry."""
		here = site.world()
		while worker.run_once(here):
			continue
		[row] = self.rows()
		return row

	def order(self, **line: Any) -> bytes:
		one = {"id": "l1", "sku": "CB-PHONE", "quantity": 1, "unit_price": "10.00", "total": "10.00", **line}
		order = {
			"id": "w-9",
			"order_number": "9",
			"updated_at": "2026-11-20T09:00:00Z",
			"currency": self.fixture.currency,
			"lines": [one],
			"totals": {"grand_total": one["total"]},
		}
		return json.dumps({"type": "order.upserted", "data": order}).encode()


class TestUnsigned(InboxCase):
	def test_no_garbled_and_malformed_signatures(self) -> None:
		good = self.signature(event(), "msg_1")["webhook-signature"]
		wrong = ("", "v1,", "v1,AAAA", "v1,***", "é", "v2" + good[2:], good[:-4], "x" * 10_000)
		for signature in wrong:
			with self.subTest(signature=signature[:20]):
				self.refused(self.post(event(), **{"webhook-signature": signature}))
		self.assertEqual(inbox.rejected(SHOP, hours=2) >= len(wrong), True)

	def test_another_body_under_the_same_signature(self) -> None:
		self.refused(self.post(event(note="b"), **self.signature(event(note="a"), "msg_1")))

	def test_too_old_and_from_the_future(self) -> None:
		for late in (310, -310, 10**9):
			with self.subTest(late=late):
				self.refused(self.post(event(), **self.signature(event(), "msg_1", late)))
		for stamp in ("inf", "1e400", "-1", "9" * 400, "nan"):
			with self.subTest(stamp=stamp):
				self.refused(self.post(event(), **{"webhook-timestamp": stamp}))
		self.assertEqual(self.post(event(), **self.signature(event(), "msg_2", 290)).status_code, 200)

	def test_unknown_disabled_and_wrong_look_alike(self) -> None:
		wrong = {"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()}
		answers = [self.post(event(), **wrong)]
		answers += [self.post(event(), channel=name) for name in ("", "No Such Shop", "%00", "x" * 5000)]
		self.fixture.make_channel(SHOP, status=ChannelStatus.DISABLED)
		answers.append(self.post(event()))
		self.fixture.make_channel(SHOP, allowed_ips="203.0.113.0/24")
		answers.append(self.post(event()))
		looks = {self.looks(answer) for answer in answers}
		self.assertEqual(len(looks), 1, looks)
		self.refused(answers[0])

	def looks(self, answer: TestResponse) -> tuple[Any, ...]:
		"""Times apart: two answers may lie in two seconds."""
		headers = sorted(
			(name, re.sub("expires=[^;]+", "", value, flags=re.I))
			for name, value in answer.headers
			if name != "Date"
		)
		return answer.status, answer.data, str(headers)

	def test_an_address_outside_the_list_costs_what_a_signature_costs(self) -> None:
		self.fixture.make_channel(SHOP, allowed_ips="203.0.113.0/24")
		with patch("commerce_bridge.bridge.signatures._digest", side_effect=_digest) as computed:
			self.refused(self.post(event()))
		self.assertEqual(computed.call_count, 1)

	def test_a_disabled_channel_that_is_not_set_up_says_no_more(self) -> None:
		self.fixture.make_channel(SHOP, status=ChannelStatus.DISABLED)
		frappe.db.set_value("Channel Settings", SHOP, "company", None)
		frappe.db.commit()
		frappe.cache.flushall()
		self.refused(self.post(event(), **{"webhook-signature": "v1,AAAA"}))

	def test_too_large(self) -> None:
		for signed in (True, False):
			answer = self.post(
				b" " * (receive.MAX_BODY + 1), **({} if signed else {"webhook-signature": "x"}), **TEXT
			)
			self.assertEqual(answer.status_code, 413)
			self.assertEqual(self.rows(), [])


def _digest(key: bytes, webhook_id: bytes, timestamp: str, body: bytes) -> bytes:
	return b"x" * 32


class TestToken(InboxCase):
	"""Middleware sends the token of a permitted user instead of a signature."""

	unsigned = {"webhook-id": "", "webhook-timestamp": "", "webhook-signature": ""}

	def token(self, user: str) -> dict[str, str]:
		doc = frappe.get_doc("User", user)
		doc.api_key, doc.api_secret = frappe.generate_hash(length=15), "0123456789abcde"
		doc.save(ignore_permissions=True)
		frappe.db.commit()
		return {"Authorization": f"token {doc.api_key}:0123456789abcde"}

	def user(self, email: str, *roles: str) -> str:
		if not frappe.db.exists("User", email):
			values = {"doctype": "User", "email": email, "first_name": "N8N", "send_welcome_email": 0}
			frappe.get_doc(values).insert(ignore_permissions=True).add_roles(*roles)
		return email

	def test_a_permitted_user_needs_no_signature(self) -> None:
		self.stored(self.post(event(), **self.unsigned, **self.token(USER)))

	def test_without_the_role_the_signature_decides(self) -> None:
		token = self.token(self.user("cb-inbox-nobody@example.com"))
		self.refused(self.post(event(), **self.unsigned, **token))
		self.stored(self.post(event(), **token))

	def test_a_user_of_one_channel_is_none_of_another(self) -> None:
		email = self.user("cb-inbox-other@example.com", INTEGRATION)
		self.fixture.make_channel("Inbox Other Shop")
		values = {"user": email, "allow": "Channel Settings", "for_value": "Inbox Other Shop"}
		if not frappe.db.exists("User Permission", values):
			frappe.get_doc({"doctype": "User Permission", **values}).insert(ignore_permissions=True)
		token = self.token(email)
		self.refused(self.post(event(), **self.unsigned, **token))
		self.stored(self.post(event(), channel="Inbox Other Shop", **self.unsigned, **token))


class TestUnreadable(InboxCase):
	"""Signed, and no event: 400, and the bytes are kept."""

	bodies = {
		"empty": b"",
		"truncated": b'{"type": "order.cancelled"',
		"nested 65 deep": nested(65),
		"nested 900 deep": nested(900),
		"number of 400 digits": with_raw("1" * 400),
		"NaN": with_raw("NaN"),
		"Infinity": with_raw("-Infinity"),
		"no UTF-8": b'{"type": "\xff"}',
		"half a surrogate pair": with_raw('"\\ud800"'),
		"a key twice": b'{"type": "order.cancelled", "type": "x", "data": {}}',
		"array": b"[]",
		"scalar": b"1",
		"null": b"null",
		"byte order mark": b"\xef\xbb\xbf{}",
		"UTF-16": event().decode().encode("utf-16"),
	}

	def test_as_text(self) -> None:
		for name, body in self.bodies.items():
			with self.subTest(body=name):
				self.kept(self.post(body, **TEXT), body)
			self.fixture.__init__()
			self.fixture.make_channel(SHOP)

	def test_as_json_where_it_reaches_us(self) -> None:
		by_frappe = ("truncated", "scalar", "null", "byte order mark", "UTF-16")
		for name, body in self.bodies.items():
			if name in by_frappe:
				continue
			with self.subTest(body=name):
				self.kept(self.post(body), body)
			self.fixture.__init__()
			self.fixture.make_channel(SHOP)

	def test_compressed(self) -> None:
		answer = self.post(gzip.compress(event()), **TEXT, **{"content-encoding": "gzip"})
		self.assertEqual((answer.status_code, self.rows()), (415, []))


class TestByFrappe(InboxCase):
	"""Answered by Frappe before any code of ours runs: nothing stored, and no secret shown or logged."""

	def by_frappe(self, answer: TestResponse, status: int, errors: int) -> None:
		self.assertEqual(answer.status_code, status)
		self.assertEqual(self.rows(), [])
		logged = frappe.db.sql("SELECT error, method FROM `tabError Log` ORDER BY creation DESC LIMIT 10")
		new = logged[: max(0, frappe.db.count("Error Log") - errors)]
		shown = answer.get_data(as_text=True) + str(new)
		for secret in (SECRET, KEY.decode()):
			self.assertNotIn(secret, shown)

	def test_each(self) -> None:
		truncated = b'{"type": "order.cancelled", "x": "' + CANARY.encode()
		rows: dict[str, tuple[int, bytes, dict[str, str]]] = {
			"bearer": (401, event(), {"Authorization": "Bearer x"}),
			"truncated": (500, truncated, {}),
			"scalar": (417, b"1", {}),
			"byte order mark": (500, b"\xef\xbb\xbf" + event(), {}),
			"UTF-16": (500, event().decode().encode("utf-16"), {}),
			"compressed": (500, gzip.compress(event()), {"content-encoding": "gzip"}),
			"nested 100,000 deep": (500, nested(100_000), {}),
			"5000 digits": (500, with_raw("1" * 5000), {}),
			"26 MiB": (413, b" " * (26 * 1024 * 1024), {}),
		}
		for name, (status, body, headers) in rows.items():
			with self.subTest(name):
				self.by_frappe(self.post(body, **headers), status, frappe.db.count("Error Log"))

	def test_other_methods(self) -> None:
		for method in ("GET", "PUT", "DELETE"):
			with self.subTest(method):
				answer = self.request(method, f"{PATH}?channel={SHOP}", event())
				self.by_frappe(answer, 403, frappe.db.count("Error Log"))

	def test_a_dead_database(self) -> None:
		dead = patch.object(pymysql, "connect", side_effect=pymysql.err.OperationalError(2003, "dead"))
		with dead, self.assertRaises(pymysql.err.OperationalError):
			from frappe.app import application
			from werkzeug.test import Client

			Client(application).post(
				f"{PATH}?channel={SHOP}", headers={"X-Frappe-Site-Name": frappe.local.site}
			)
		self.stored(self.post(event()))


class TestStored(InboxCase):
	def test_framework_words_in_the_body_mean_nothing(self) -> None:
		for prefix in ("/api/", "/api/v1/", "/api/v2/"):
			words = {"cmd": "frappe.ping", "sid": "x", "doctype": "User", "flags": {"ignore_permissions": 1}}
			path = PATH.replace("/api/", prefix)
			answer = self.post({**self.event, **words}, path=path)
			self.assertEqual((answer.status_code, list(answer.json)), (200, ["log", "received_at"]), prefix)
		self.assertEqual(len(self.rows()), 3)

	def test_an_unknown_topic(self) -> None:
		row = self.stored(self.post({"type": "cart.touched", "data": {}}), "Skipped")
		self.assertIn("cart.touched", row.message)

	def test_an_announced_topic(self) -> None:
		row = self.stored(self.post({"type": "buyback.upserted", "data": {"id": "r"}}), "Skipped")
		self.assertEqual(row.message, "not supported yet")
		self.assertIn('"r"', row.payload)

	def test_nul_is_stripped(self) -> None:
		row = self.stored(self.post(with_raw('"a\\u0000b"')))
		self.assertIn('"ab"', row.payload)

	def test_an_id_of_10_kb(self) -> None:
		self.stored(self.post(event(), **self.signature(event(), "m" * 10_000)))

	def test_without_an_id_the_body_is_the_key(self) -> None:
		headers = {**TestToken.unsigned, **TestToken.token(self, USER)}
		answers = [self.post(event(), **headers) for _ in range(2)]
		self.stored(answers[0])
		self.assertEqual(answers[1].json["log"], answers[0].json["log"])
		self.assertTrue(answers[1].json["duplicate"])
		self.post(event(note="other"), **headers)
		self.assertEqual(len(self.rows()), 2)

	def test_a_duplicate(self) -> None:
		headers = self.signature(event(), "msg_same")
		first, second = (self.post(event(), **headers) for _ in range(2))
		self.stored(first)
		self.assertEqual((second.status_code, second.json["log"]), (200, first.json["log"]))
		self.assertTrue(second.json["duplicate"])

	def test_another_body_under_a_known_id_is_a_row_of_its_own(self) -> None:
		bodies = [event(), event(note="other"), event(note="other"), event()]
		answers = [self.post(body, **self.signature(body, "msg_same")) for body in bodies]
		self.assertEqual([answer.json.get("duplicate") for answer in answers], [None, None, True, True])
		names = [answer.json["log"] for answer in answers]
		self.assertEqual((names[0], names[1]), (names[3], names[2]))
		self.assertEqual(len(self.rows()), 2)

	def test_ids_a_collation_would_confuse(self) -> None:
		for name in ("evt_a", "evt_A", "Evt_a"):
			answer = self.post(event(), **self.signature(event(), name))
			self.assertEqual(list(answer.json), ["log", "received_at"], name)

	def test_a_deadlock_is_tried_again(self) -> None:
		for deadlocks, status in ((4, 200), (5, 503)):
			with patch.object(inbox, "short_transaction", _Deadlocks(deadlocks, inbox.short_transaction)):
				answer = self.post(event(deadlocks=deadlocks))
			self.assertEqual(answer.status_code, status)
		self.assertEqual(answer.headers["Retry-After"], "5")
		self.assertEqual(len(self.rows()), 1)

	def test_an_unexpected_error_shows_and_logs_nothing_of_the_request(self) -> None:
		errors = frappe.db.count("Error Log")
		with patch.object(receive, "new_entry", side_effect=ZeroDivisionError(CANARY)):
			answer = self.post(event(email=CANARY))
		self.assertEqual((answer.status_code, self.rows()), (500, []))
		logged = frappe.db.sql("SELECT error FROM `tabError Log` ORDER BY creation DESC LIMIT 5")
		shown = answer.get_data(as_text=True) + str(logged[: frappe.db.count("Error Log") - errors])
		for hidden in (CANARY, SECRET, KEY.decode()):
			self.assertNotIn(hidden, shown)


class _Deadlocks:
	"""A transaction that is the victim of a deadlock the first few times."""

	def __init__(self, times: int, otherwise: Any):
		self.left, self.otherwise = times, otherwise

	def __call__(self) -> Any:
		self.left -= 1
		if self.left < 0:
			return self.otherwise()
		return _Victim()


class _Victim(nullcontext):
	def __exit__(self, *error: Any) -> None:
		frappe.db.rollback()
		from commerce_bridge.bridge.errors import Conflict

		raise Conflict("deadlock")


class TestThenWorkedOn(InboxCase):
	"""Accepted with 200; what it says decides later."""

	def setUp(self) -> None:
		super().setUp()
		self.fixture.make_item("CB-PHONE")
		self.fixture.set_stock("CB-PHONE", Decimal(1000))

	def test_senseless_numbers_fail(self) -> None:
		lines: tuple[dict[str, Any], ...] = (
			{"quantity": -1},
			{"unit_price": "-10.00"},
			{"quantity": 10**30},
			{"unit_price": "1" + "0" * 40},
			{"unit_price": "12,50"},
			{"total": "NaN"},
		)
		for line in lines:
			with self.subTest(line=line):
				self.stored(self.post(self.order(**line)))
				row = self.work()
				self.assertEqual((row.state, row.error_class), ("Failed", "Rejected"), row.message)
			frappe.db.delete("Sync Log")
			frappe.db.commit()

	def test_code_in_a_sku_stays_text(self) -> None:
		for sku in ("'; DROP TABLE tabItem; --", "{{ frappe.session.user }}", "<img src=x onerror=alert(1)>"):
			self.stored(self.post(self.order(sku=sku)))
			row = self.work()
			self.assertEqual((row.state, row.error_class), ("Failed", "Misconfigured"))
			self.assertIn(sku, row.message)
			frappe.db.delete("Sync Log")
			frappe.db.commit()

	def test_a_thousand_lines(self) -> None:
		body = json.loads(self.order())
		[one] = body["data"]["lines"]
		body["data"]["lines"] = [{**one, "id": f"l{number}"} for number in range(1000)]
		body["data"]["totals"]["grand_total"] = "10000.00"
		self.stored(self.post(body))
		row = self.work()
		self.assertEqual(row.state, "Succeeded", row.message)

	def test_markup_does_not_reach_the_desk(self) -> None:
		"""ERPNext cleans drafts only; an order is submitted in one step."""
		markup = "<img src=x onerror=alert(1)>"
		body = json.loads(self.order(name=f"Phone {markup}", taxes=[]))
		body["data"] |= {"order_number": f"9{markup}", "note": markup}
		body["data"]["lines"][0]["taxes"] = [{"title": f"VAT {markup}", "rate": "10", "amount": "1.00"}]
		body["data"]["totals"]["grand_total"] = "11.00"
		self.stored(self.post(body))
		row = self.work()
		self.assertEqual(row.state, "Succeeded", row.message)
		doc = frappe.get_last_doc("Sales Order", {"cb_external_id": "w-9"})
		self.assertNotIn("<img", doc.as_json())
		comments = frappe.get_all("Comment", {"reference_name": doc.name}, pluck="content")
		self.assertNotIn("<img", str(comments))
