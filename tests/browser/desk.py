"""The Desk as a person uses it: by labels and roles, at any width."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Dialog, Error, Locator, Page, TimeoutError, expect

from scripts.site_run import ROOT

IMAGES = ROOT / "docs" / "images"
NARROW = 768
#: How often a menu is opened, and how long each time its entry is waited for.
OPENINGS, OPEN_MILLISECONDS = 6, 5_000

#: Of what is shown, the controls that a person cannot reach: beyond the window, or cut off by what holds them.
#: What can be scrolled sideways within its own box (tables, toolbars) can be reached.
UNREACHABLE = """() => {
	const width = document.documentElement.clientWidth;
	const overflow = (element) => getComputedStyle(element).overflowX;
	const holders = (element) => {
		const found = [];
		for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) found.push(at);
		return found;
	};
	const name = (element) =>
		`${element.tagName.toLowerCase()} "${(element.innerText || element.ariaLabel || element.placeholder || "").trim()}"` +
		` .${element.className}`;
	const problems = [];
	if (document.documentElement.scrollWidth > width + 1)
		problems.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} of ${width}`);
	for (const element of document.querySelectorAll("button, input, select, textarea, a[href], [role=button], [role=tab]")) {
		if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
		// Frappe's drawer until it is drawn out; its tables, whose heads follow their bodies when those are scrolled.
		if (element.closest(".overlay-sidebar:not(.opened), .datatable, .form-grid-container")) continue;
		// Its alerts while they slide in or out.
		const moves = element.closest(".desk-alert")?.getAnimations() ?? [];
		if (moves.some((move) => move.playState === "running")) continue;
		const box = element.getBoundingClientRect();
		if (box.width < 2 || box.height < 2) continue;
		const around = holders(element);
		if (around.some((one) => ["auto", "scroll"].includes(overflow(one)) && one.scrollWidth > one.clientWidth)) continue;
		if (box.right > width + 1 || box.left < -1) problems.push(`outside: ${name(element)} ${box.left} to ${box.right}`);
		const cut = around.find((one) => {
			const edge = one.getBoundingClientRect();
			return ["hidden", "clip"].includes(overflow(one)) && (box.left > edge.right || box.right < edge.left);
		});
		if (cut) problems.push(`cut off: ${name(element)} by .${cut.className}`);
	}
	return problems;
}"""


#: Not ours, in Frappe 15, and not for an app to change: the bars, drawers, standard filters and footers around each
#: page, the list's own rows and boxes, the head of the data table, Frappe's controls for the fields of a form, and the
#: widgets of a workspace, of which an app gives the words and numbers only.
#: What we draw lies in HTML fields, in cells, messages and dialogs, and as text on the workspace: all of that is looked at.
FRAPPES_AREAS = (
	".navbar, .page-head, .layout-side-section, .overlay-sidebar, .page-form, .form-tabs, .form-footer, .scroll-to-top,"
	" .list-row-head, .datepicker, .form-links, .dt-header, .widget, .form-grid-container, .frappe-control:not([data-fieldtype=HTML])"
)
FRAPPES_PARTS = (
	".list-row-container, .list-row-checkbox, .dt-filter, .dt-paste-target, .show-in-edit-mode, .btn-new-workspace, .summary-value,"
	" .dt-cell input[type=checkbox]"
)
#: The colours of a data table's numbers and links are the theme's.
THEMES = ".datatable"

AXE = """([areas, parts, theme]) => axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
	violations
		.filter(({ impact }) => ["serious", "critical"].includes(impact))
		.flatMap(({ id, impact, help, nodes }) => nodes.map((node) => ({ id, impact, help, node })))
		.filter(({ id, node }) => {
			const element = document.querySelector(node.target[0]);
			const frappes = element?.closest(areas) || element?.matches(parts);
			return !frappes && !(id === "color-contrast" && element?.closest(theme));
		})
		.map(({ impact, help, node }) => `${impact}: ${help}: ${node.html.slice(0, 300)}`)
)"""


class Desk:
	"""One browser window of one person."""

	def __init__(self, page: Page, site: str, axe: str):
		self.page, self._site, self._axe = page, site, axe
		self.dialogs: list[str] = []
		self.errors: list[str] = []
		page.on("dialog", self._refuse)
		page.on("pageerror", lambda error: self.errors.append(str(error)))

	def _refuse(self, dialog: Dialog) -> None:
		self.dialogs.append(dialog.message)
		dialog.dismiss()

	@property
	def narrow(self) -> bool:
		size = self.page.viewport_size
		return bool(size and size["width"] < NARROW)

	# --- going somewhere

	def open(self, path: str, **query: Any) -> None:
		"""A route of the Desk, e.g. `open("sync-log", channel="Shop")`; waits until it is drawn."""
		pairs = "&".join(f"{name}={quote(_text(value))}" for name, value in query.items())
		self.page.goto(f"{self._site}/app/{path}{'?' + pairs if pairs else ''}")
		self.settled()

	def settled(self) -> None:
		"""Waits until no request of the Desk is under way and nothing is frozen."""
		self.page.wait_for_function(
			"() => window.frappe && frappe.boot && frappe.request && frappe.request.ajax_count === 0"
			" && !document.querySelector('#freeze') && document.querySelector('.page-container')"
		)

	def button(self, name: str) -> Locator:
		return self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first

	def choose(self, group: str, action: str) -> None:
		"""An entry of a button with a menu; on a narrow window all of them are in one menu."""
		if self.narrow:
			self._pick(self._menu(".menu-btn-group"), f"{group} > {action}")
		else:
			self._pick(
				self.page.locator(".page-head:visible").get_by_role("button", name=group).first, action
			)

	def press(self, action: str) -> None:
		"""A button above a page; on a narrow window it is in the menu."""
		if self.narrow:
			self._pick(self._menu(".menu-btn-group"), action)
		else:
			self.page.locator(".page-head:visible").get_by_role("button", name=action, exact=True).click()

	def act(self, action: str) -> None:
		"""What is done to the ticked rows of a list."""
		self._pick(self._menu(".actions-btn-group"), action)

	def _menu(self, group: str) -> Locator:
		return self.page.locator(f".page-head:visible {group}:visible > button").first

	def _pick(self, opener: Locator, text: str) -> None:
		"""A page that is drawn again closes its menus: they are opened anew then."""
		opened = self.page.locator(".page-head:visible .dropdown-menu.show")
		entry = opened.locator("a, button").filter(has_text=re.compile(rf"^\s*{re.escape(text)}\s*$")).first
		for _ in range(OPENINGS):
			self.settled()
			if not opened.count():
				opener.click()
			try:
				return entry.click(timeout=OPEN_MILLISECONDS)
			except TimeoutError:
				continue
		entry.click()

	def dialog(self, title: str) -> Locator:
		found = self.page.locator(".modal.show").filter(has=self.page.get_by_text(title, exact=True))
		expect(found).to_be_visible()
		expect(found).to_have_css("opacity", "1")  # a dialog fades in
		return found

	def close(self, dialog: Locator) -> None:
		dialog.locator(".btn-modal-close:visible").click()
		expect(dialog).to_be_hidden()

	# --- forms

	def field(self, label: str) -> Locator:
		"""The control of a form with this label; its tab is opened and its section unfolded."""
		name = self.page.evaluate(
			"""(label) => {
				const field = cur_frm.meta.fields.find((field) => field.label === label && field.fieldtype !== "Tab Break"
					&& field.fieldtype !== "Section Break" && !cur_frm.fields_dict[field.fieldname]?.df.hidden);
				if (field) cur_frm.scroll_to_field(field.fieldname, false);
				return field && field.fieldname;
			}""",
			label,
		)
		assert name, f"the form has no field {label!r}"
		return (
			self.page.locator(f'.page-container:visible .frappe-control[data-fieldname="{name}"]')
			.locator("visible=true")
			.first
		)

	def fill(self, label: str, value: str) -> None:
		self.enter(self.field(label), value)

	def enter(self, control: Locator, value: str) -> None:
		"""Types into a control, chooses from a list, or ticks."""
		kind = control.get_attribute("data-fieldtype")
		if kind == "Select":
			control.locator("select").select_option(value)
		elif kind == "Check":
			control.locator("input[data-fieldname]").set_checked(value == "1")
		elif kind == "Link":
			self._link(control.locator("input"), value)
		else:
			control.locator("input, textarea").first.fill(value)
			control.locator("input, textarea").first.press("Tab")

	def _link(self, box: Locator, value: str) -> None:
		"""A list that closes before it is drawn, as in a dialog that is still opening, is asked for anew."""
		option = self.page.locator(".awesomplete ul:visible [role=option]").filter(
			has=self.page.get_by_text(value, exact=True)
		)
		for _ in range(OPENINGS):
			box.fill("")
			box.fill(value)
			try:
				option.first.click(timeout=OPEN_MILLISECONDS)
				break
			except TimeoutError:
				continue
		expect(box).to_have_value(value)

	def add_row(self, table: str, **cells: str) -> None:
		"""A row of a table, typed into the row's own form."""
		grid = self.field(table)
		grid.get_by_role("button", name="Add Row").click()
		row = grid.locator(".grid-body .grid-row").last
		row.locator(".row-index:visible").click()
		opened = self.page.locator(".grid-row-open").last
		expect(
			opened.locator(".form-in-grid :focus")
		).to_be_attached()  # Frappe puts the cursor there a while later
		for name, value in cells.items():
			self.enter(opened.locator(f'.form-in-grid .frappe-control[data-fieldname="{name}"]'), value)
		opened.locator(".grid-collapse-row:visible, .grid-footer-toolbar .grid-collapse-row").first.click()

	def save(self) -> None:
		"""Saves the form and waits until it is; what was done last may change it a moment later."""
		self.page.wait_for_function("() => cur_frm.is_dirty() || cur_frm.is_new()")
		self.page.keyboard.press("Control+s")
		self.page.wait_for_function(
			"() => !cur_frm.is_dirty() && !cur_frm.is_new() && frappe.request.ajax_count === 0"
		)

	# --- lists

	def tick_all(self) -> None:
		self.page.locator(".list-check-all:visible, .list-header-checkbox:visible").first.check()

	# --- looking

	def assert_fits(self) -> None:
		"""Nothing has to be scrolled sideways, and every control that is shown can be reached."""
		problems = self.page.evaluate(UNREACHABLE)
		assert not problems, "\n".join(problems)

	def assert_accessible(self) -> None:
		"""axe-core finds nothing of serious or critical impact in what is ours."""
		if not self.page.evaluate("() => Boolean(window.axe)"):
			self.page.evaluate(self._axe)
		found = self.page.evaluate(AXE, [FRAPPES_AREAS, FRAPPES_PARTS, THEMES])
		assert not found, "\n".join(found)

	def picture(self, name: str) -> None:
		"""A screenshot for the documentation, if SCREENSHOTS=1 asks for them; taken at the wide width only."""
		if os.environ.get("SCREENSHOTS") != "1" or self.narrow:
			return
		IMAGES.mkdir(parents=True, exist_ok=True)
		self.page.screenshot(path=IMAGES / f"{name}.png")

	def look(self, folder: Path, name: str) -> None:
		"""What is on the screen now, kept with the logs of a failed test."""
		try:
			self.page.screenshot(path=folder / f"{name}.png")
		except Error:
			return


def _text(value: Any) -> str:
	return value if isinstance(value, str) else json.dumps(value)
