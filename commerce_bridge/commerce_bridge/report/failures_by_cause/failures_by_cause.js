// What stands failed, by cause, and one click to retry all of a cause. Messages quote strangers: shown as text.
frappe.query_reports["Failures by Cause"] = {
	filters: [
		{ fieldname: "channel", label: __("Channel"), fieldtype: "Link", options: "Channel Settings" },
		{
			fieldname: "error_class",
			label: __("Error Class"),
			fieldtype: "Select",
			options: ["", "Retryable", "Rejected", "Misconfigured", "Unexpected"],
		},
	],

	onload(report) {
		// The table makes its rows anew while it is scrolled: their buttons are heard here.
		report.page.main.on("click", "button[data-cause]", (event) => {
			event.stopPropagation();
			this.retry(report, event.currentTarget);
		});
		// The table takes Enter for itself: on a button, it is the button's.
		const keep = (event) => event.target.matches("button[data-cause]") && event.stopPropagation();
		report.page.main[0].addEventListener("keydown", keep, true);
	},

	formatter(value, row, column, data, default_formatter) {
		if (column.fieldname === "retry") return this.button(data);
		if (column.fieldtype !== "Data") return default_formatter(value, row, column, data);
		const text = frappe.utils.escape_html(String(value ?? ""));
		return `<span title="${text}">${text}</span>`;
	},

	button(data) {
		if (!data) return "";
		const escape = frappe.utils.escape_html;
		const label = __("Retry all that failed for: {0} (entries: {1})", [data.cause_text, data.count]);
		const attributes = `data-cause="${escape(data.cause)}" data-channel="${escape(data.channel || "")}"`;
		return `<button type="button" class="btn btn-xs btn-default" ${attributes}
			aria-label="${escape(label)}">${escape(__("Retry All"))}</button>`;
	},

	retry(report, button) {
		const { cause, channel } = button.dataset;
		const args = { cause, ...(channel && { channel }) };
		return frappe.call({ method: "commerce_bridge.api.retry_cause", args, btn: $(button) }).then(({ message }) => {
			frappe.show_alert({ message: __("Entries being retried: {0}", [message]), indicator: "green" });
			report.refresh();
		});
	},
};
