frappe.listview_settings["Return Authorisation"] = {
	add_fields: ["status"],
	get_indicator(doc) {
		const colors = { Requested: "orange", Approved: "blue", Received: "purple", Closed: "green" };
		return [__(doc.status), colors[doc.status] || "gray", `status,=,${doc.status}`];
	},
};
