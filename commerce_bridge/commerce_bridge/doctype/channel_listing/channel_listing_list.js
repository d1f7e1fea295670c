// Channel Listing list: what is in the shop and what is not, and bulk actions (permissions: on the server).
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const ERRORS = {
		listing_error: __("Item Error"),
		price_error: __("Price Error"),
		stock_error: __("Stock Error"),
	};
	const COLORS = { Published: "green", Paused: "orange", Delisted: "gray" };

	frappe.listview_settings["Channel Listing"] = {
		add_fields: ["publication", "not_listed_because", ...Object.keys(ERRORS)],
		hide_name_column: true,

		get_indicator(doc) {
			const failed = Object.keys(ERRORS).find((fieldname) => doc[fieldname]);
			if (failed) return [ERRORS[failed], "red", `${failed},is,set`];
			if (doc.publication === "Published" && doc.not_listed_because)
				return [__("Not Listed"), "orange", "not_listed_because,is,set"];
			return [__(doc.publication), COLORS[doc.publication], `publication,=,${doc.publication}`];
		},

		formatters: {
			publication: (_publication, _field, doc) => {
				const text = frappe.utils.escape_html(reason(doc));
				return `<span class="ellipsis" title="${text}">${text}</span>`;
			},
		},

		onload(listview) {
			show_reasons(listview);
			if (!frappe.user.has_role("Commerce Bridge Manager")) return;
			const add = (label, action) => listview.page.add_actions_menu_item(label, action);
			add(__("Publish"), () => set_publication(listview, "Published"));
			add(__("Pause"), () => set_publication(listview, "Paused"));
			add(__("Delist…"), () =>
				frappe.confirm(
					__("The products are taken off the shop, and nothing is sent for them afterwards. Delist them?"),
					() => set_publication(listview, "Delisted")
				)
			);
		},
	};

	// The status says "Paused" and "Delisted" already.
	function reason(doc) {
		const failed = Object.keys(ERRORS).find((fieldname) => doc[fieldname]);
		if (failed) return doc[failed];
		return doc.not_listed_because === doc.publication ? "" : doc.not_listed_because || "";
	}

	// Frappe shows four columns on a laptop. The status says what Publication does, so its column gives the reason.
	function show_reasons(listview) {
		const column = `[data-page-route="List/Channel Listing/List"] .list-row-col`;
		listview.$result.before($("<style>").text(`${column}:nth-child(1) { flex: 3 } ${column}:nth-child(5) { flex: 4 }`));
		if (!listview.list_view_settings.total_fields) listview.list_view_settings.total_fields = 5;
		listview.setup_columns();
		const shown = listview.columns.find(({ df }) => df?.fieldname === "publication");
		if (shown) shown.df = { ...shown.df, label: __("Why Not Listed") };
		listview.render_header(true);
	}

	function set_publication(listview, publication) {
		const names = listview.get_checked_items(true);
		frappe
			.call({ method: "commerce_bridge.api.set_publication", args: { names, publication }, freeze: true })
			.then(({ message }) => {
				frappe.show_alert({ message: __("Listings changed: {0}", [message || 0]), indicator: "green" });
				listview.clear_checked_items();
				listview.last_args = null; // Frappe reads nothing again that it read within three seconds
				listview.refresh();
			});
	}
})();
