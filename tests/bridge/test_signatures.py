from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.errors import Unauthorized

# The example of https://github.com/standard-webhooks/standard-webhooks, used by its libraries' own tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(TIMESTAMP, timezone.utc)


def headers(**changed: str) -> dict[str, str]:
	given = {"webhook_id": WEBHOOK_ID, "webhook_timestamp": str(TIMESTAMP), "webhook_signature": SIGNATURE}
	return {name.replace("_", "-"): value for name, value in {**given, **changed}.items()}


def verify(given: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), now=NOW) -> None:
	signatures.verify(given, body, secrets, now)


def test_the_published_vector():
	assert signatures.sign(SECRET, WEBHOOK_ID, TIMESTAMP, BODY) == SIGNATURE
	verify(headers())


def test_a_plain_secret_is_its_utf8():
	digest = hmac.new("pässword".encode(), b"a.1.{}", hashlib.sha256).digest()
	assert signatures.sign("pässword", "a", 1, b"{}") == "v1," + base64.b64encode(digest).decode()


def test_a_passphrase_that_only_looks_like_base64_works():
	signed = signatures.sign("whsec_not base64!", WEBHOOK_ID, TIMESTAMP, BODY)
	verify(headers(webhook_signature=signed), secrets=("whsec_not base64!",))


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_within_the_window(seconds: int):
	verify(headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86_400, -86_400])
def test_outside_the_window_old_or_future(seconds: int):
	with pytest.raises(Unauthorized):
		verify(headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
	"timestamp",
	["", "inf", "nan", "1e400", "-1614265330", " 1614265330", "1614265330.0", "٣", "9" * 400, "1614265330\n"],
)
def test_garbage_timestamps(timestamp: str):
	with pytest.raises(Unauthorized):
		verify(headers(webhook_timestamp=timestamp))


@pytest.mark.parametrize(
	"signature",
	[
		"",
		"v1",
		"v1,",
		"v1,%%%",
		"v1,ü",
		"v1,g0hM9SsE",
		"v2," + SIGNATURE[3:],
		SIGNATURE[3:],
		SIGNATURE[:-1],
		"v1a," + SIGNATURE[3:],
		",",
		"sha256=abc",
	],
)
def test_malformed_signatures(signature: str):
	with pytest.raises(Unauthorized):
		verify(headers(webhook_signature=signature))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header(name: str):
	given = headers()
	del given[name]
	with pytest.raises(Unauthorized):
		verify(given)


def test_an_id_that_no_header_can_carry_is_refused_without_another_error():
	with pytest.raises(Unauthorized):
		verify(headers(webhook_id="日本"))


def test_an_id_of_latin_1_bytes_is_signed_as_those_bytes():
	signed = signatures.sign(SECRET, "bestellung-ä", TIMESTAMP, BODY)
	verify(headers(webhook_id="bestellung-ä", webhook_signature=signed))


def test_every_flipped_bit_of_the_signature_is_refused():
	digest = base64.b64decode(SIGNATURE[3:])
	for bit in range(len(digest) * 8):
		flipped = bytearray(digest)
		flipped[bit // 8] ^= 1 << bit % 8
		with pytest.raises(Unauthorized):
			verify(headers(webhook_signature="v1," + base64.b64encode(flipped).decode()))


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY[:-1], BODY.replace(b"2", b"3", 1)])
def test_another_body(body: bytes):
	with pytest.raises(Unauthorized):
		verify(headers(), body=body)


def test_another_id():
	with pytest.raises(Unauthorized):
		verify(headers(webhook_id=WEBHOOK_ID + "x"))


@pytest.mark.parametrize("secrets", [("new", SECRET), (SECRET, "new")])
def test_current_and_previous_secret(secrets: tuple[str, ...]):
	verify(headers(), secrets=secrets)


def test_one_right_signature_among_several():
	other = signatures.sign("other", WEBHOOK_ID, TIMESTAMP, BODY)
	verify(headers(webhook_signature=f"v1,%% {other} v1a,xyz {SIGNATURE}"))


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("wrong",)])
def test_no_secret_is_never_a_match(secrets: tuple[str, ...]):
	# An empty key is one that anybody has.
	empty = hmac.new(b"", f"{WEBHOOK_ID}.{TIMESTAMP}.".encode() + BODY, hashlib.sha256).digest()
	with pytest.raises(Unauthorized):
		verify(headers(webhook_signature="v1," + base64.b64encode(empty).decode()), secrets=secrets)


def test_every_pair_is_compared_even_after_a_match(monkeypatch: pytest.MonkeyPatch):
	compared = []

	def compare(left: bytes, right: bytes) -> bool:
		compared.append((left, right))
		return left == right

	monkeypatch.setattr(signatures.hmac, "compare_digest", compare)
	verify(headers(webhook_signature=f"{SIGNATURE} {SIGNATURE}"), secrets=(SECRET, "b", "c"))
	assert len(compared) == 6


def test_without_a_secret_the_same_comparison_is_made(monkeypatch: pytest.MonkeyPatch):
	compared = []
	monkeypatch.setattr(signatures.hmac, "compare_digest", lambda left, right: bool(compared.append(left)))
	with pytest.raises(Unauthorized):
		verify(headers(), secrets=())
	assert len(compared) == 1 and len(compared[0]) == 32


def test_signed_headers_verify_with_each_secret():
	made = signatures.signed_headers((SECRET, "", "old"), "msg_1", NOW, BODY)
	assert made["webhook-timestamp"] == str(TIMESTAMP)
	assert len(made["webhook-signature"].split()) == 2
	for secret in (SECRET, "old"):
		verify(made, secrets=(secret,))


def test_new_secrets_differ_and_hold_256_bits():
	secrets = {signatures.new_secret() for _ in range(50)}
	assert len(secrets) == 50
	assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)


@given(st.dictionaries(st.sampled_from(list(headers())), st.text(max_size=60)), st.binary(max_size=60))
def test_whatever_is_sent_the_answer_is_unauthorized(given_headers: dict[str, str], body: bytes):
	with pytest.raises(Unauthorized):
		verify(given_headers, body=body)
