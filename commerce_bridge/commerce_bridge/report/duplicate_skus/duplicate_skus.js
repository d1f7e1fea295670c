// Codes that several Items or listings share. Texts of a shop are shown as text.
frappe.query_reports["Duplicate SKUs"] = {
	filters: [
		{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" },
		{
			fieldname: "kind",
			label: __("Kind"),
			fieldtype: "Select",
			options: [
				"",
				"Barcode on Several Items",
				"Item Codes Alike",
				"SKU on Several Listings",
				"SKU Is Another Item",
			].map((value) => ({ value, label: __(value) })),
		},
	],

	formatter(value, row, column, data, default_formatter) {
		if (column.fieldname === "kind") return frappe.utils.escape_html(__(value || ""));
		// Blanks are what tells some of these codes apart.
		const style = column.fieldname === "code" ? "white-space: pre" : "";
		const text = frappe.utils.escape_html(String(value ?? ""));
		if (column.fieldtype === "Data") return `<span style="${style}">${text}</span>`;
		return default_formatter(value, row, column, data);
	},
};
