frappe.listview_settings["Channel Settings"] = {
	add_fields: ["state"],
	get_indicator(doc) {
		const color = { Active: "green", Paused: "orange", Disabled: "gray" }[doc.state];
		return [__(doc.state), color, `state,=,${doc.state}`];
	},
};
