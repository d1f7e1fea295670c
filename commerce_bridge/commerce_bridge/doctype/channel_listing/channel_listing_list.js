frappe.listview_settings["Channel Listing"] = {
	add_fields: ["enabled", "error"],

	get_indicator(doc) {
		if (doc.error) return [__("Error"), "red", "error,is,set"];
		return doc.enabled ? [__("Enabled"), "green", "enabled,=,1"] : [__("Disabled"), "gray", "enabled,=,0"];
	},
};
