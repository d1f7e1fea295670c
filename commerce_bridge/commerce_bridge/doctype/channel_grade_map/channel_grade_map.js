// Channel Grade Map: the title says what the row is for.
frappe.ui.form.on("Channel Grade Map", {
	refresh(frm) {
		if (frm.is_new()) return;
		const { grade, condition, item_group } = frm.doc;
		const title = [grade, condition ? __(condition) : __("Any Condition"), item_group].filter(Boolean).join(" · ");
		frm.page.set_title(frappe.utils.escape_html(title));
	},
});
