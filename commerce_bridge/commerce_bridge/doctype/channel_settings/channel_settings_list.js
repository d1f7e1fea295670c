frappe.listview_settings["Channel Settings"] = {
	get_indicator(doc) {
		const color = { Active: "green", Paused: "orange", Disabled: "gray" }[doc.state];
		return [__(doc.state), color, `state,=,${doc.state}`];
	},
};
