// Channel Grade Map list: what a row is for, in its title, and whether such goods are listed.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	frappe.listview_settings["Channel Grade Map"] = {
		add_fields: ["condition", "item_group", "blocked", "needs_approval"],
		hide_name_column: true,

		get_indicator(doc) {
			if (doc.blocked) return [__("Blocked"), "red", "blocked,=,1"];
			if (doc.needs_approval) return [__("Needs Approval"), "orange", "needs_approval,=,1"];
			return [__("Listed"), "green", "blocked,=,0|needs_approval,=,0"];
		},

		formatters: {
			// The list shows the subject as text, other columns as HTML.
			grade: (grade, _field, doc) => `${grade} · ${doc.condition ? __(doc.condition) : __("Any Condition")}`,
			item_group: (group) => (group ? frappe.utils.escape_html(group) : `<i>${__("any")}</i>`),
		},

		onload(listview) {
			show_codes(listview);
		},
	};

	// Frappe shows four columns on a laptop; the code sent would be the sixth.
	function show_codes(listview) {
		if (listview.list_view_settings.total_fields) return;
		listview.list_view_settings.total_fields = 6;
		listview.setup_columns();
		listview.render_header(true);
	}
})();
