// What the shops say their orders come to against what ERPNext has of them. Texts of a shop are shown as text.
frappe.query_reports["Order Reconciliation"] = {
	filters: [
		{
			fieldname: "view",
			label: __("View"),
			fieldtype: "Select",
			options: ["By Day and Channel", "Orders That Differ", "All Orders"].map((value) => ({
				value,
				label: __(value),
			})),
			default: "By Day and Channel",
			reqd: 1,
		},
		{
			fieldname: "from_date",
			label: __("From"),
			fieldtype: "Date",
			default: frappe.datetime.add_days(frappe.datetime.get_today(), -30),
			reqd: 1,
		},
		{
			fieldname: "to_date",
			label: __("To"),
			fieldtype: "Date",
			default: frappe.datetime.get_today(),
			reqd: 1,
		},
		{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" },
	],

	onload(report) {
		if (!frappe.user.has_role("Commerce Bridge Manager")) return;
		report.page.add_inner_button(__("Accept Difference"), () => this.accept(report));
	},

	get_datatable_options(options) {
		return { ...options, checkboxColumn: frappe.user.has_role("Commerce Bridge Manager") };
	},

	formatter(value, row, column, data, default_formatter) {
		if (column.fieldname === "state") return this.state(value);
		if (column.fieldname === "document" && value) return this.link(value, data);
		if (column.fieldtype === "Data") return frappe.utils.escape_html(String(value ?? ""));
		const shown = default_formatter(value, row, column, data);
		return column.fieldname === "difference" && value
			? `<span class="text-danger">${shown}</span>`
			: shown;
	},

	state(value) {
		const colours = { Equal: "green", Waiting: "orange", Held: "orange" };
		const label = frappe.utils.escape_html(__(value || ""));
		return `<span class="indicator-pill ${colours[value] || "red"}">${label}</span>`;
	},

	link(name, row) {
		const form = row?.doctype === "Sales Invoice" ? "sales-invoice" : "sales-order";
		const link = $("<a>").attr("href", `/app/${form}/${encodeURIComponent(name)}`).text(name);
		return link.prop("outerHTML");
	},

	accept(report) {
		if (report.get_filter_value("view") === "By Day and Channel") {
			report.set_filter_value("view", "Orders That Differ");
			frappe.show_alert({ message: __("Choose orders that are held"), indicator: "blue" });
			return;
		}
		const indexes = report.datatable?.rowmanager.getCheckedRows() || [];
		const chosen = indexes.map((index) => report.data[index]).filter((row) => row?.exact);
		if (!chosen.length) {
			const message = __("Choose orders with a difference to accept first");
			frappe.show_alert({ message, indicator: "orange" });
			return;
		}
		this.ask_why(report, chosen);
	},

	ask_why(report, chosen) {
		const differences = chosen.map((row) => `${row.number}: ${row.exact} ${row.currency}`).join("\n");
		const text = $(`<p style="white-space: pre-wrap; overflow-wrap: anywhere">`).text(differences);
		const fields = [
			{ fieldtype: "HTML", fieldname: "differences", options: text.prop("outerHTML") },
			// Without a formatter, the Desk runs what is typed or pasted here as HTML.
			{
				fieldtype: "Small Text",
				fieldname: "reason",
				label: __("Reason"),
				reqd: 1,
				formatter: frappe.utils.escape_html,
			},
		];
		const send = async ({ reason }) => {
			for (const { log: name, exact: difference } of chosen) {
				await frappe.call("commerce_bridge.api.accept_difference", { name, difference, reason });
			}
			const message = __("Differences accepted: {0}. Their orders are being booked.", [chosen.length]);
			frappe.show_alert({ message, indicator: "green" });
			report.refresh();
		};
		frappe.prompt(fields, send, __("Accept Difference"), __("Accept and Retry"));
	},
};
