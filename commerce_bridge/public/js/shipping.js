// Carriers to choose from while typing; any other text works as well.
(() => {
	for (const doctype of ["Delivery Note", "Sales Invoice"]) frappe.ui.form.on(doctype, { refresh: offer_carriers });

	function offer_carriers(frm) {
		const carriers = frm.doc.__onload?.cb_carriers;
		if (!carriers) return;
		const id = `cb-carriers-${frappe.scrub(frm.doctype)}`;
		const list = $("<datalist>").attr("id", id);
		list.append(carriers.map((carrier) => new Option(carrier)));
		$(`#${id}`).remove();
		$(frm.wrapper).append(list);
		// Rows of the table get their inputs when somebody goes there. Without autocomplete, Firefox shows no list.
		const inputs = "[data-fieldname=cb_carrier] input, [data-fieldname=cb_parcels] input[data-fieldname=carrier]";
		$(frm.wrapper)
			.off("focusin.cb_carriers")
			.on("focusin.cb_carriers", inputs, (event) => $(event.target).attr({ list: id, autocomplete: "on" }));
	}
})();
