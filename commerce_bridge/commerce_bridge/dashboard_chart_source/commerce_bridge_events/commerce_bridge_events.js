frappe.provide("frappe.dashboards.chart_sources");

frappe.dashboards.chart_sources["Commerce Bridge Events"] = {
	method: "commerce_bridge.api.events_by_state",
	filters: [{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" }],
};
