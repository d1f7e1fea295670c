// Sync Log list: colours by state, the filters people need, and bulk actions (permissions: on the server).
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const COLORS = {
		Queued: "gray",
		Running: "blue",
		Succeeded: "green",
		Skipped: "light-blue",
		Retrying: "orange",
		Failed: "red",
	};

	frappe.listview_settings["Sync Log"] = {
		add_fields: ["state", "direction", "error_class"],
		hide_name_column: true,

		get_indicator(doc) {
			return [__(doc.state), COLORS[doc.state], `state,=,${doc.state}`];
		},

		formatters: {
			// Messages can quote what a stranger sent.
			message: (value) => frappe.utils.escape_html(frappe.utils.shorten?.(value, 100) ?? value ?? ""),
		},

		onload(listview) {
			add_filters(listview);
			add_actions(listview);
		},
	};

	function add_filters(listview) {
		const show = (label, filters) => listview.page.add_inner_button(label, () => filter(listview, filters), __("Show"));
		show(__("Failed"), [["state", "=", "Failed"]]);
		show(__("Waiting"), [["state", "in", ["Queued", "Running", "Retrying"]]]);
		show(__("Skipped"), [["state", "=", "Skipped"]]);
		show(__("All"), []);
		frappe.db.get_list("Channel Settings", { pluck: "name", limit: 20, order_by: "name" }).then((names) => {
			for (const name of names) show(frappe.utils.escape_html(name), [["channel", "=", name]]);
		});
	}

	function filter(listview, filters) {
		const rows = filters.map((row) => ["Sync Log", ...row]);
		listview.filter_area.clear(false).then(() => listview.filter_area.add(rows).then(() => listview.refresh()));
	}

	function add_actions(listview) {
		const add = (label, action) => listview.page.add_actions_menu_item(label, () => action(chosen(listview)));
		const send = (method, args) => call(listview, method, args);
		add(__("Retry"), (names) => send("retry", { names }));
		add(__("Replay Skipped"), (names) => send("replay", { names }));
		add(__("Skip…"), (names) => {
			const field = { fieldtype: "Small Text", fieldname: "reason", label: __("Reason"), reqd: 1 };
			frappe.prompt(field, ({ reason }) => send("skip", { names, reason }), __("Skip"), __("Skip"));
		});
	}

	function chosen(listview) {
		return listview.get_checked_items(true);
	}

	function call(listview, method, args) {
		return frappe
			.call({ method: `commerce_bridge.api.${method}`, args, freeze: true })
			.then(() => {
				listview.clear_checked_items();
				listview.refresh();
			});
	}
})();
