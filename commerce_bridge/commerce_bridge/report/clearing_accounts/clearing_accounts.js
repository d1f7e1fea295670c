// What payments booked on the gateways' clearing accounts wait for a payout. Texts of a gateway are shown as text.
frappe.query_reports["Clearing Accounts"] = {
	filters: [
		{
			fieldname: "view",
			label: __("View"),
			fieldtype: "Select",
			options: ["By Gateway", "Open Documents"].map((value) => ({ value, label: __(value) })),
			default: "By Gateway",
			reqd: 1,
		},
		{
			fieldname: "on",
			label: __("On"),
			fieldtype: "Date",
			default: frappe.datetime.get_today(),
			reqd: 1,
		},
		{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" },
	],

	formatter(value, row, column, data, default_formatter) {
		if (column.fieldname === "document" && value) return this.link(data.doctype, value);
		if (column.fieldtype === "Data") return frappe.utils.escape_html(String(value ?? ""));
		// Amounts that do not belong in a row are left out, rather than shown as nothing.
		if (column.fieldtype === "Currency" && value === undefined) return "";
		const shown = default_formatter(value, row, column, data);
		const late = column.fieldname === "age_3" && value;
		return late ? `<span class="text-danger">${shown}</span>` : shown;
	},

	link(doctype, name) {
		const path = `/app/${frappe.router.slug(doctype)}/${encodeURIComponent(name)}`;
		return $("<a>").attr("href", path).text(name).prop("outerHTML");
	},
};
