// Carriers to choose from while typing; any other text works as well.
for (const doctype of ["Delivery Note", "Sales Invoice"]) {
	frappe.ui.form.on(doctype, {
		refresh(frm) {
			const input = frm.fields_dict.cb_carrier?.$input;
			const carriers = frm.doc.__onload?.cb_carriers;
			if (!input || !carriers) {
				return;
			}
			const list = document.createElement("datalist");
			list.id = `cb-carriers-${frappe.scrub(doctype)}`;
			for (const carrier of carriers) {
				list.append(new Option(carrier));
			}
			document.getElementById(list.id)?.remove();
			frm.wrapper.append(list);
			input.attr("list", list.id);
		},
	});
}
