from __future__ import annotations

import pytest

from commerce_bridge import connectors
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.connectors.storefront import CHANNEL, CREDENTIALS, RecordingTransport, surroundings


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch):
	monkeypatch.setattr(connectors, "_factories", dict(connectors._factories))


def build(platform: str):
	channel = CHANNEL.model_copy(update={"platform": platform})
	return connectors.build(channel, CREDENTIALS, surroundings(RecordingTransport()))


def test_every_platform_can_be_built_and_knows_its_name():
	assert "custom" in connectors.platforms()
	for platform in connectors.platforms():
		assert build(platform).platform == platform


def test_another_app_registers_its_own():
	connectors.register("another", "commerce_bridge.connectors.custom.connector.CustomConnector")
	assert connectors.platforms() == sorted(["another", *connectors._factories.keys() - {"another"}])
	assert isinstance(build("another"), CustomConnector)


@pytest.mark.parametrize(
	"path", ["", "nowhere", "no.such.module.Factory", "commerce_bridge.connectors.Missing"]
)
def test_what_cannot_be_imported_says_which_field_to_correct(path: str):
	connectors.register("broken", path)
	with pytest.raises(Misconfigured, match="cannot be imported") as failed:
		build("broken")
	assert (failed.value.doctype, failed.value.document, failed.value.fieldname) == (
		"Channel Settings",
		"Shop",
		"platform",
	)


def test_an_unknown_platform_names_the_known_ones():
	with pytest.raises(Misconfigured, match=r"no platform 'amazon'; known: .*custom"):
		build("amazon")


class Outspoken(CustomConnector):
	"""Says of itself what other platforms leave out."""

	default_statuses = ("paid", "packed")
	posts_keys = True
	sets_webhook_secret = True
	api_secret_signs = True


def test_what_a_platform_says_of_itself():
	connectors.register("outspoken", f"{__name__}.Outspoken")
	assert connectors.default_statuses("outspoken") == ("paid", "packed")
	for trait in (connectors.posts_keys, connectors.sets_webhook_secret, connectors.signs_with_api_secret):
		assert trait("outspoken")


@pytest.mark.parametrize("platform", ["custom", "no such platform"])
def test_what_a_platform_does_not_say(platform: str):
	assert connectors.default_statuses(platform) == ()
	for trait in (connectors.posts_keys, connectors.sets_webhook_secret, connectors.signs_with_api_secret):
		assert not trait(platform)
