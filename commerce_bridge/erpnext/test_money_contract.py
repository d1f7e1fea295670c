"""The contract suite of what comes after the order, on a real site."""

from __future__ import annotations

from commerce_bridge.tests import money_contract
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.site_money import MoneySiteFixture


class TestInvoices(money_contract.InvoiceContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()


class TestPayments(money_contract.PaymentContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()


class TestCreditNotes(money_contract.CreditNoteContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()


class TestReturns(money_contract.ReturnContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()


class TestClosed(money_contract.CloseContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()


class TestRecords(money_contract.RecordsContract, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()
