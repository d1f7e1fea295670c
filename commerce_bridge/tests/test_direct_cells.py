"""Sales Invoices instead of Sales Orders, on a real site."""

from __future__ import annotations

from commerce_bridge.tests import direct_cells
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.test_histories import HistorySiteFixture


class TestDirectCells(direct_cells.DirectCells, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = HistorySiteFixture()
		super().setUp()
