// Unbooked Sale list: what was sold where, and by which order.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	frappe.listview_settings["Unbooked Sale"] = {
		hide_name_column: true,

		onload(listview) {
			show_orders(listview);
		},
	};

	// Frappe shows four columns on a laptop; the storefront's order would be the sixth.
	function show_orders(listview) {
		if (listview.list_view_settings.total_fields) return;
		listview.list_view_settings.total_fields = 6;
		listview.setup_columns();
		listview.render_header(true);
	}
})();
