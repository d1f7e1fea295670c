// Products of the shops that belong to no Item. Texts of a shop are shown as text.
frappe.query_reports["Unmapped SKUs"] = {
	filters: [
		{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" },
		{
			fieldname: "source",
			label: __("Found In"),
			fieldtype: "Select",
			options: ["", "Orders", "Stock Drift", "Import"].map((value) => ({ value, label: __(value) })),
		},
	],

	onload(report) {
		const page = report.page;
		page.add_inner_button(__("Retry Orders"), () => this.retry(report));
		if (!frappe.user.has_role("Commerce Bridge Manager")) return;
		page.add_inner_button(__("Link to Item"), () => this.one(report, (row) => this.link(report, row)));
		page.add_inner_button(__("Create Item"), () => this.one(report, (row) => this.create(report, row)));
	},

	get_datatable_options(options) {
		return { ...options, checkboxColumn: true };
	},

	formatter(value, row, column, data, default_formatter) {
		if (column.fieldtype === "Data") return frappe.utils.escape_html(String(value ?? ""));
		return default_formatter(value, row, column, data);
	},

	chosen(report) {
		const indexes = report.datatable?.rowmanager.getCheckedRows() || [];
		return indexes.map((index) => report.data[index]).filter(Boolean);
	},

	one(report, act) {
		const rows = this.chosen(report);
		if (rows.length === 1) return act(rows[0]);
		frappe.show_alert({ message: __("Choose one row first"), indicator: "orange" });
	},

	product(row) {
		const { sku, barcode, product_id, variant_id, title: name } = row;
		return { sku, barcode, product_id, variant_id, name };
	},

	retry(report) {
		const logs = this.chosen(report).flatMap((row) => (row.logs || "").split(",").filter(Boolean));
		const names = [...new Set(logs)];
		if (!names.length) {
			const message = __("Choose rows that orders wait for first");
			frappe.show_alert({ message, indicator: "orange" });
			return;
		}
		frappe.call("commerce_bridge.api.retry", { names }).then(({ message }) => this.done(report, message));
	},

	done(report, retried) {
		const message = __("Orders being retried: {0}", [retried]);
		frappe.show_alert({ message, indicator: "green" });
		report.refresh();
	},

	about(row) {
		const named = [row.title, row.sku, row.barcode].filter(Boolean).join(" · ");
		const text = $(`<p style="overflow-wrap: anywhere">`).text(named);
		return { fieldtype: "HTML", fieldname: "about", options: text.prop("outerHTML") };
	},

	link(report, row) {
		const item = {
			fieldtype: "Link",
			fieldname: "item_code",
			label: __("Item"),
			options: "Item",
			reqd: 1,
			default: row.item_code || "",
			get_query: () => ({ filters: { has_variants: 0, disabled: 0 } }),
		};
		const send = ({ item_code }) => {
			const args = { channel: row.channel, product: this.product(row), item_code };
			frappe
				.call({ method: "commerce_bridge.api.link_unmapped", args, freeze: true })
				.then(({ message }) => this.done(report, message));
		};
		frappe.prompt([this.about(row), item], send, __("Link to Item"), __("Link and Retry"));
	},

	async create(report, row) {
		const { message: channel } = await frappe.db.get_value(
			"Channel Settings",
			row.channel,
			"new_item_group"
		);
		// Without a formatter, the Desk runs what a shop calls its product as HTML.
		const text = { fieldtype: "Data", reqd: 1, formatter: frappe.utils.escape_html };
		const fields = [
			{ ...text, fieldname: "item_code", label: __("Item Code"), default: row.sku || "" },
			{ ...text, fieldname: "item_name", label: __("Item Name"), default: row.title || row.sku || "" },
			{
				fieldtype: "Link",
				fieldname: "item_group",
				label: __("Item Group"),
				options: "Item Group",
				reqd: 1,
				default: channel?.new_item_group || "",
				get_query: () => ({ filters: { is_group: 0 } }),
			},
		];
		const send = (values) => {
			const args = { channel: row.channel, product: this.product(row), ...values };
			frappe
				.call({ method: "commerce_bridge.api.create_unmapped", args, freeze: true })
				.then(({ message }) => this.done(report, message.retried));
		};
		frappe.prompt([this.about(row), ...fields], send, __("Create Item"), __("Create and Retry"));
	},
};
