"""The contract suite on a real site."""

from __future__ import annotations

from commerce_bridge.tests import contract, fulfilment_cells, order_cells, unbooked_cells
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture


class TestJournal(contract.JournalContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestChannelState(contract.ChannelStateContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestParties(contract.PartiesContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestPersonalData(contract.PersonalDataContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestSales(contract.SalesContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestStock(contract.StockContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestDrift(contract.DriftContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestProducts(contract.ProductContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestOrderCells(order_cells.OrderCells, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestFulfilmentCells(fulfilment_cells.FulfilmentCells, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()


class TestUnbooked(unbooked_cells.UnbookedCells, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()
