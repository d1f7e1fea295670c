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
		add_fields: ["state", "direction", "error_class", "external_number"],
		hide_name_column: true,

		get_indicator(doc) {
			return [__(doc.state), COLORS[doc.state], `state,=,${doc.state}`];
		},

		formatters: {
			// The list shows the subject as text; messages, which can quote what a stranger sent, as HTML.
			topic: (topic, _field, doc) => [doc.external_number, topic].filter(Boolean).join(" · "),
			message: (message) => {
				const text = frappe.utils.escape_html(message || "");
				return `<span class="ellipsis" title="${text}">${text}</span>`;
			},
		},

		onload(listview) {
			show_messages(listview);
			add_counts(listview);
			add_filters(listview);
			add_actions(listview);
		},

		refresh(listview) {
			show_counts(listview);
		},
	};

	// Frappe shows four columns on a laptop, all of one width; the message would be the fifth.
	function show_messages(listview) {
		const column = `[data-page-route="List/Sync Log/List"] .list-row-col`;
		const widths = `${column}:nth-child(1) { flex: 3 } ${column}:nth-child(3) { min-width: 100px }`;
		listview.$result.before($("<style>").text(`${widths} ${column}:nth-child(5) { flex: 4 }`));
		if (listview.list_view_settings.total_fields) return;
		listview.list_view_settings.total_fields = 5;
		listview.setup_columns();
		listview.render_header(true);
	}

	// A button with the count of each state; a press shows these entries. The counts follow the list's channel.
	function add_counts(listview) {
		listview.$counts = $(`<div role="group" style="display: flex; flex-wrap: wrap; gap: 8px; padding: 8px 15px">`);
		listview.$counts.attr("aria-label", __("Entries by State")).insertBefore(listview.$result);
	}

	function show_counts(listview) {
		const channel = listview.filter_area.get().find((row) => row[1] === "channel" && row[2] === "=")?.[3];
		const also = channel ? [["channel", "=", channel]] : [];
		const button = (state, count) =>
			$(`<button type="button" class="btn btn-xs btn-default">`)
				.append($(`<span class="indicator ${COLORS[state]}">`), new Text(`${__(state)}: ${count}`))
				.on("click", () => filter(listview, [["state", "=", state], ...also]));
		return frappe
			.call({ type: "GET", method: "commerce_bridge.api.entry_counts", args: channel ? { channel } : {} })
			.then(({ message: counts }) => {
				const states = Object.keys(COLORS).filter((state) => counts[state]);
				listview.$counts.empty().append(states.map((state) => button(state, counts[state])));
			});
	}

	function add_filters(listview) {
		const show = (label, filters) => listview.page.add_inner_button(label, () => filter(listview, filters), __("Show"));
		show(__("Failed"), [["state", "=", "Failed"]]);
		show(__("Waiting"), [["state", "in", ["Queued", "Running", "Retrying"]]]);
		show(__("Skipped"), [["state", "=", "Skipped"]]);
		show(__("Assigned to Me"), [["_assign", "like", `%${frappe.session.user}%`]]);
		show(__("All"), []);
		listview.page.add_inner_button(__("Failures by Cause"), () => frappe.set_route("query-report", "Failures by Cause"));
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
			// Without a formatter, the Desk runs what is typed or pasted here as HTML.
			const formatter = frappe.utils.escape_html;
			const field = { fieldtype: "Small Text", fieldname: "reason", label: __("Reason"), reqd: 1, formatter };
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
				listview.last_args = null; // Frappe reads nothing again that it read within three seconds
				listview.refresh();
			});
	}
})();
