// What a shop shows against what is available. Texts of a shop are shown as text.
frappe.query_reports["Stock Drift"] = {
	filters: [
		{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings", reqd: 1 },
		{
			fieldname: "kind",
			label: __("Kind"),
			fieldtype: "Select",
			options: ["", "Differs", "Not in Shop", "Unknown to Us"],
		},
		{ fieldname: "warehouse", label: __("Warehouse"), fieldtype: "Link", options: "Warehouse" },
		{ fieldname: "location_id", label: __("Location"), fieldtype: "Data" },
	],

	onload(report) {
		this.choose_channel(report);
		if (!frappe.user.has_role("Commerce Bridge Manager")) return;
		report.page.add_inner_button(__("Check Now"), () => this.check(report));
		report.page.add_inner_button(__("Repair Chosen Rows"), () => this.repair(report));
	},

	get_datatable_options(options) {
		return { ...options, checkboxColumn: frappe.user.has_role("Commerce Bridge Manager") };
	},

	formatter(value, row, column, data, default_formatter) {
		if (column.fieldtype === "Data") return frappe.utils.escape_html(String(value ?? ""));
		const shown = default_formatter(value, row, column, data);
		// More in the shop than there is: it is being oversold.
		const oversold = column.fieldname === "difference" && data && data.kind === "Differs" && value > 0;
		return oversold ? `<span class="text-danger">${shown}</span>` : shown;
	},

	choose_channel(report) {
		if (report.get_filter_value("channel")) return;
		frappe.db.get_list("Channel Settings", { limit: 1, order_by: "creation" }).then(([first]) => {
			if (first && !report.get_filter_value("channel")) report.set_filter_value("channel", first.name);
		});
	},

	check(report) {
		const channel = report.get_filter_value("channel");
		if (!channel) return;
		frappe.call("commerce_bridge.api.check_stock_in_shop", { channel }).then(() =>
			frappe.show_alert({
				message: __("The shop is being asked; see the channel's form for how far it is."),
				indicator: "green",
			})
		);
	},

	repair(report) {
		const chosen = report.datatable?.rowmanager.getCheckedRows() || [];
		const names = chosen.map((index) => report.data[index]?.name).filter(Boolean);
		if (!names.length) {
			frappe.show_alert({ message: __("Choose rows first"), indicator: "orange" });
			return;
		}
		const question = __("Send what is available to the shop? Rows chosen: {0}", [names.length]);
		frappe.confirm(question, () =>
			frappe.call("commerce_bridge.api.repair_drift", { names }).then(({ message }) => {
				frappe.show_alert({ message: __("Items being sent: {0}", [message]), indicator: "green" });
				report.refresh();
			})
		);
	},
};
