frappe.provide("frappe.dashboards.chart_sources");

frappe.dashboards.chart_sources["Commerce Bridge Time to Document"] = {
	method: "commerce_bridge.api.time_to_document",
	filters: [{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" }],
};
