"""What an accountant does about a payout: the gateway's report is brought in, what is left is matched, and it is booked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand

HEADER = "payout_id,paid_on,bank_reference,currency,id,kind,gross,fee,fee_tax,net,reference"
DAY = "2026-11-20"


@dataclass
class Books:
	"""Accounts, and a channel whose gateway pays into them."""

	site: DeskSite
	stand: Stand
	run: str
	bank: str = ""
	clearing: str = ""
	fees: str = ""
	losses: str = ""

	def open(self) -> None:
		self.bank, self.clearing = (
			self.account("Bank", "Bank", "Asset"),
			self.account("Clearing", "Cash", "Asset"),
		)
		self.fees, self.losses = self.account("Fees", "", "Expense"), self.account("Losses", "", "Expense")
		mode = self.site.insert("Mode of Payment", mode_of_payment=f"Gateway {self.run}", type="Bank")
		row = {
			"gateway": "gatepay",
			"mode_of_payment": mode,
			"account": self.clearing,
			"fee_account": self.fees,
		}
		self.stand.open_channel(payment_map=[row])

	def account(self, name: str, kind: str, root: str) -> str:
		of_company = ["company", "=", self.site.company["name"]]
		parent = self.site.first(
			"Account",
			of_company,
			["root_type", "=", root],
			["is_group", "=", 1],
			["parent_account", "is", "set"],
		)
		return self.site.insert(
			"Account",
			account_name=f"{name} {self.run}",
			parent_account=parent,
			company=self.site.company["name"],
			account_type=kind,
		)

	def pay(self, reference: str, amount: float) -> str:
		of_company = ["company", "=", self.site.company["name"]]
		debtors = self.site.first(
			"Account", of_company, ["account_type", "=", "Receivable"], ["is_group", "=", 0]
		)
		customer = self.site.insert("Customer", customer_name=f"Buyer {reference}")
		values: dict[str, Any] = {"payment_type": "Receive", "party_type": "Customer", "party": customer}
		values |= {
			"paid_from": debtors,
			"paid_to": self.clearing,
			"paid_amount": amount,
			"received_amount": amount,
		}
		values |= {"source_exchange_rate": 1, "target_exchange_rate": 1, "posting_date": DAY}
		values |= {"reference_no": reference, "reference_date": DAY, "company": self.site.company["name"]}
		return self.site.insert("Payment Entry", docstatus=1, **values)

	def report(self, folder: Path) -> Path:
		"""A payment that is found, one under another reference, and a dispute."""
		currency, start = self.site.company["default_currency"], f"P-{self.run},{DAY},UTR-{self.run}"
		rows = (
			f"b1,payment,100.00,2.00,0,98.00,a-{self.run}",
			f"b2,payment,50.00,1.00,0,49.00,b-{self.run}",
			f"b3,dispute,-30.00,0,0,-30.00,<img src=x onerror=alert(1)>{self.run}",
		)
		file = folder / "report.csv"
		file.write_text("\n".join([HEADER, *(f"{start},{currency},{row}" for row in rows)]))
		return file


@pytest.fixture
def books(site: DeskSite, stand: Stand) -> Books:
	books = Books(site, stand, secrets.token_hex(3))
	books.open()
	return books


def bring(desk: Desk, books: Books, file: Path) -> None:
	desk.open("payout")
	desk.press("Import CSV")
	dialog = desk.dialog("Import CSV")
	for name, value in (("channel", books.stand.channel), ("preset", "generic"), ("gateway", "gatepay")):
		desk.enter(dialog.locator(f'.frappe-control[data-fieldname="{name}"]'), value)
	dialog.get_by_role("button", name="Attach").click()
	uploader = desk.page.locator(".modal.show .file-uploader")
	uploader.locator("input[type=file]").first.set_input_files(file)
	desk.page.locator(".modal.show .btn-modal-primary:visible").last.click()
	expect(dialog.locator(".attached-file-link")).to_be_visible()
	desk.assert_fits()
	dialog.get_by_role("button", name="Import").click()
	expect(desk.page.get_by_text(f"New payouts: gatepay P-{books.run}")).to_be_visible()


def test_a_report_is_imported_matched_and_booked(desk: Desk, books: Books, tmp_path: Path) -> None:
	found, other = books.pay(f"a-{books.run}", 100), books.pay(f"elsewhere-{books.run}", 50)
	bring(desk, books, books.report(tmp_path))
	name = f"gatepay P-{books.run}"
	desk.open(f"payout/{name}")
	expect(desk.page.get_by_text("Row 2: No payment is booked under")).to_be_visible()
	desk.assert_fits()
	desk.assert_accessible()
	desk.picture("payout-form")
	desk.fill("Bank Account", books.bank)
	desk.save()
	desk.press("Match Rows")
	offered = desk.page.locator(".modal.show .list-group-item").filter(has_text=other)
	expect(offered.get_by_text("fits", exact=True)).to_be_visible()
	desk.assert_fits()
	desk.assert_accessible()
	desk.picture("payout-match")
	offered.click()
	dispute = desk.page.locator(".modal.show").filter(has_text="Row 3: Dispute")
	expect(dispute).to_be_visible()
	desk.enter(dispute.locator('.frappe-control[data-fieldname="account"]'), books.losses)
	dispute.get_by_role("button", name="Book to Account").click()
	expect(dispute).to_be_hidden()
	desk.settled()
	desk.button("Submit").click()
	desk.page.locator(".modal.show").get_by_role("button", name="Yes").click()
	expect(desk.page.locator(".indicator-pill:visible").filter(has_text="Booked").first).to_be_visible()
	entry = books.site.rest.rows("Payout", [["name", "=", name]], ("journal_entry",))[0]["journal_entry"]
	[booked] = books.site.rest.rows("Journal Entry", [["name", "=", entry]], ("cheque_no", "total_debit"))
	assert booked == {"cheque_no": f"UTR-{books.run}", "total_debit": 150.0}
	rows = books.site.rest.call("GET", f"/api/resource/Payout/{name}".replace(" ", "%20"))["rows"]
	assert [row.get("matched_document") for row in rows] == [found, other, None]


def test_rows_cannot_be_added(desk: Desk, books: Books, tmp_path: Path) -> None:
	bring(desk, books, books.report(tmp_path))
	desk.open(f"payout/gatepay P-{books.run}")
	grid = desk.field("Rows")
	expect(grid.locator(".grid-row").first).to_be_visible()
	for name in ("Add Row", "Add Multiple", "Upload"):
		expect(grid.get_by_role("button", name=name, exact=True)).to_be_hidden()
