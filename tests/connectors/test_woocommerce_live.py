"""The connector contract, unchanged, against a real WooCommerce that the environment names: see the README."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.contract_suite import ConnectorContract
from tests.connectors.woocommerce_live import VARIABLES, LiveShop, Receiver, WooCommerceLive, is_asked_for

if not is_asked_for():
	pytest.skip(f"{', '.join(VARIABLES)} name no shop", allow_module_level=True)


@pytest.fixture(scope="module")
def live() -> Iterator[LiveShop]:
	with Receiver() as receiver:
		shop = LiveShop(receiver)
		try:
			yield shop
		finally:
			shop.clear()


class TestWooCommerceLive(ConnectorContract):
	@pytest.fixture
	def shop(self, live: LiveShop) -> Iterator[WooCommerceLive]:
		live.set_back()
		yield WooCommerceLive(live)
