// Payouts: which are ready to be booked, and where reports of gateways are brought in.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const COLOURS = { "To Match": "orange", Ready: "blue", Booked: "green", Cancelled: "gray" };

	frappe.listview_settings["Payout"] = {
		add_fields: ["status", "currency", "control_difference"],
		hide_name_column: true,
		has_indicator_for_draft: true,

		get_indicator: (doc) => [__(doc.status), COLOURS[doc.status] || "gray", `status,=,${doc.status}`],

		onload(listview) {
			show_columns(listview);
			if (!frappe.model.can_create("Payout")) return;
			listview.page.add_inner_button(__("Import CSV"), () => ask_for_report(listview));
			listview.page.add_inner_button(__("Fetch from Shop"), () => ask_for_channel());
		},
	};

	// Frappe shows four columns on a laptop; the day and the amount are what a payout is known by.
	function show_columns(listview) {
		if (!listview.list_view_settings.total_fields) listview.list_view_settings.total_fields = 7;
		listview.setup_columns();
		listview.render_header(true);
	}

	const CHANNEL = {
		fieldtype: "Link",
		fieldname: "channel",
		label: __("Channel"),
		options: "Channel Settings",
		reqd: 1,
	};

	async function ask_for_report(listview) {
		const { message: reports } = await frappe.call("commerce_bridge.api.payout_reports");
		const by_key = Object.fromEntries(reports.map((report) => [report.value, report]));
		const dialog = new frappe.ui.Dialog({
			title: __("Import CSV"),
			fields: [
				CHANNEL,
				{
					fieldtype: "Select",
					fieldname: "preset",
					label: __("Report"),
					options: reports.map(({ value, label }) => ({ value, label: __(label) })),
					reqd: 1,
					onchange: () => dialog.set_value("gateway", by_key[dialog.get_value("preset")]?.gateway || ""),
				},
				{
					fieldtype: "Data",
					fieldname: "gateway",
					label: __("Gateway"),
					reqd: 1,
					description: __("As the channel calls it in its Payment Methods."),
				},
				{
					fieldtype: "Attach",
					fieldname: "file_url",
					label: __("File"),
					reqd: 1,
					options: { restrictions: { allowed_file_types: [".csv", ".txt", ".tsv"] } },
				},
			],
			primary_action_label: __("Import"),
			primary_action: async (args) => {
				const method = "commerce_bridge.api.import_payouts";
				const { message } = await frappe.call({ method, args, freeze: true });
				dialog.hide();
				tell(message);
				listview.refresh();
			},
		});
		dialog.show();
	}

	function tell({ made, updated, unchanged, submitted, left_out }) {
		const lines = [
			[__("New payouts"), made],
			[__("Brought up to date"), updated],
			[__("Nothing new"), unchanged],
			[__("Booked already, left as they are"), submitted],
		].filter(([, names]) => names.length);
		const text = $("<div style='overflow-wrap: anywhere'>");
		for (const [label, names] of lines)
			text.append($("<p>").text(`${label}: ${names.slice(0, 10).join(", ")}${names.length > 10 ? " …" : ""}`));
		if (left_out) text.append($("<p>").text(__("Rows of no payout yet, left out: {0}", [left_out])));
		frappe.msgprint({ title: __("Import CSV"), message: text.prop("outerHTML"), indicator: "green" });
	}

	function ask_for_channel() {
		frappe.prompt(
			[CHANNEL],
			async ({ channel }) => {
				await frappe.call({ method: "commerce_bridge.api.fetch_payouts", args: { channel } });
				frappe.show_alert({
					message: __("The shop is asked for its payouts in the background"),
					indicator: "blue",
				});
			},
			__("Fetch from Shop"),
			__("Fetch")
		);
	}
})();
