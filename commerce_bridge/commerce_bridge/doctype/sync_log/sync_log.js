// Sync Log: an entry to look at, and what a person may do about it. Payloads, messages and tracebacks hold what
// strangers sent: they are shown as text nodes only, never as HTML.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const ACTIONS = {
		retry: { label: __("Retry"), states: ["Failed", "Retrying"] },
		retry_with_current_version: {
			label: __("Retry with the Storefront's Current Version"),
			states: ["Failed"],
			direction: "Inbound",
		},
		replay: { label: __("Replay"), states: ["Skipped"] },
	};
	const MAY_SKIP = ["Failed", "Retrying", "Queued"];

	frappe.ui.form.on("Sync Log", {
		refresh(frm) {
			frm.disable_save();
			const title = [frm.doc.external_number, frm.doc.topic].filter(Boolean).join(" · ");
			frm.page.set_title(frappe.utils.escape_html(title));
			commerce_bridge.show_story(frm.fields_dict.story_html.$wrapper, frm.doc.__onload?.story);
			show_payload(frm, "payload", __("Payload"));
			show_payload(frm, "summary", __("Request and Response"));
			show_text(frm, "traceback_html", frm.doc.traceback);
			add_buttons(frm);
		},
	});

	function show_payload(frm, fieldname, label) {
		commerce_bridge.show_payload(frm.fields_dict[`${fieldname}_html`].$wrapper, frm.doc[fieldname], label);
	}

	function show_text(frm, fieldname, text) {
		const wrapper = frm.fields_dict[fieldname].$wrapper.empty();
		if (!text) return;
		const style = "white-space: pre-wrap; word-break: break-word; max-height: 60vh; overflow: auto";
		wrapper.append($(`<pre style="${style}">`).text(text));
	}

	function call(frm, method, args) {
		return frappe
			.call({ method: `commerce_bridge.api.${method}`, args, freeze: true })
			.then(() => frm.reload_doc());
	}

	function add_buttons(frm) {
		for (const [method, { label, states, direction }] of Object.entries(ACTIONS)) {
			if (!states.includes(frm.doc.state) || (direction && direction !== frm.doc.direction)) continue;
			frm.add_custom_button(label, () => call(frm, method, arguments_of(frm, method)));
		}
		if (MAY_SKIP.includes(frm.doc.state)) frm.add_custom_button(__("Skip"), () => skip(frm));
		if (totals_differ(frm) && frappe.user.has_role("Commerce Bridge Manager")) {
			frm.add_custom_button(__("Accept Difference"), () => accept_difference(frm));
		}
	}

	function arguments_of(frm, method) {
		return method === "retry_with_current_version" ? { name: frm.doc.name } : { names: [frm.doc.name] };
	}

	// Without a formatter, the Desk runs what is typed or pasted here as HTML.
	function reason_field() {
		const formatter = frappe.utils.escape_html;
		return { fieldtype: "Small Text", fieldname: "reason", label: __("Reason"), reqd: 1, formatter };
	}

	function skip(frm) {
		const send = ({ reason }) => call(frm, "skip", { names: [frm.doc.name], reason });
		frappe.prompt(reason_field(), send, __("Skip"), __("Skip"));
	}

	function totals_differ(frm) {
		return frm.doc.state === "Failed" && (frm.doc.message || "").startsWith("Totals differ");
	}

	function accept_difference(frm) {
		const fields = [
			{
				fieldtype: "Data",
				fieldname: "difference",
				label: __("Difference"),
				reqd: 1,
				description: __("Exactly as the message says, e.g. 0.01. Another difference is not accepted."),
			},
			reason_field(),
		];
		const send = (values) => call(frm, "accept_difference", { name: frm.doc.name, ...values });
		frappe.prompt(fields, send, __("Accept Difference"), __("Accept and Retry"));
	}
})();
