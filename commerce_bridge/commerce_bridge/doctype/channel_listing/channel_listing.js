frappe.ui.form.on("Channel Listing", {
	setup(frm) {
		frm.set_query("serial_no", () => ({ filters: { item_code: frm.doc.item_code } }));
		frm.set_query("item_code", () => ({ filters: { disabled: 0, has_variants: 0 } }));
	},

	refresh(frm) {
		// The storefront's own words: text, never HTML.
		const wrapper = frm.fields_dict.error_html.$wrapper.empty();
		if (frm.doc.error) wrapper.append($(`<pre class="text-danger">`).text(frm.doc.error));
	},
});
