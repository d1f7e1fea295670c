// Return Authorisation: what a person may do next. What buyers wrote is text, never HTML.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const OPERATORS = ["Commerce Bridge Manager", "Commerce Bridge User"];
	const INSPECTED = ["Approved", "Received", "Closed"];

	frappe.ui.form.on("Return Authorisation", {
		setup(frm) {
			frm.set_query("sales_order", () => ({ filters: { cb_channel: frm.doc.channel, docstatus: 1 } }));
			frm.set_query("warehouse", "lines", () => ({ filters: { company: frm.doc.company, is_group: 0 } }));
			frm.set_query("serial_no", "lines", (_doc, cdt, cdn) => ({
				filters: { item_code: locals[cdt][cdn].item_code },
			}));
		},

		refresh(frm) {
			show_status(frm);
			if (frm.is_new() || !frm.perm[0]?.write || !OPERATORS.some((role) => frappe.user.has_role(role))) return;
			add_buttons(frm);
		},

		sales_order(frm) {
			if (frm.is_new() && frm.doc.sales_order) offer_lines(frm);
		},
	});

	function show_status(frm) {
		const colors = { Requested: "orange", Approved: "blue", Received: "purple", Closed: "green" };
		if (!frm.is_new()) frm.page.set_indicator(__(frm.doc.status), colors[frm.doc.status] || "gray");
		const { status, shop_status } = frm.doc;
		const apart = shop_status && ["declined", "cancelled", "closed"].includes(shop_status);
		if (apart && shop_status !== status.toLowerCase())
			frm.dashboard.set_headline(__("The shop says: {0}", [frappe.utils.escape_html(shop_status)]));
	}

	// What of the order is left, as rows a person takes out of.
	function offer_lines(frm) {
		frappe.db.get_doc("Sales Order", frm.doc.sales_order).then((order) => {
			frm.clear_table("lines");
			for (const row of order.items.filter((item) => item.cb_line_id))
				frm.add_child("lines", { item_code: row.item_code, item_name: row.item_name, quantity: row.qty });
			frm.refresh_field("lines");
		});
	}

	function add_buttons(frm) {
		const { status } = frm.doc;
		const primary = (label, action) => frm.add_custom_button(label, action).addClass("btn-primary");
		if (status === "Requested") primary(__("Approve"), () => call(frm, "approve_return"));
		if (status === "Approved") primary(__("Receive…"), () => receive(frm));
		if (INSPECTED.includes(status) && frm.doc.lines.some((row) => row.received))
			frm.add_custom_button(__("Inspect…"), () => inspect(frm));
		if (["Approved", "Received"].includes(status))
			frm.add_custom_button(__("Close"), () => call(frm, "close_return"));
		if (["Requested", "Approved"].includes(status) && !frm.doc.lines.some((row) => row.received)) {
			frm.add_custom_button(__("Decline…"), () => with_reason(frm, "decline_return", __("Decline"), true));
			frm.add_custom_button(__("Cancel…"), () => with_reason(frm, "cancel_return", __("Cancel"), false));
		}
	}

	function call(frm, method, args = {}) {
		return frappe
			.call({
				method: `commerce_bridge.api.${method}`,
				args: { name: frm.doc.name, ...args },
				freeze: true,
			})
			.then((answer) => frm.reload_doc().then(() => answer.message));
	}

	// Without a formatter, the Desk runs what is typed or pasted here as HTML.
	function text(fieldname, label, options = {}) {
		return { fieldtype: "Small Text", fieldname, label, formatter: frappe.utils.escape_html, ...options };
	}

	function with_reason(frm, method, title, reqd) {
		const description = __("The storefront is told.");
		const send = ({ reason }) => call(frm, method, { reason: reason || "" });
		frappe.prompt(text("reason", __("Reason"), { reqd, description }), send, title, title);
	}

	function receive(frm) {
		frappe
			.call({ method: "commerce_bridge.api.returnable", type: "GET", args: { name: frm.doc.name } })
			.then(({ message: rows }) => {
				if (rows.some((row) => row.drafted))
					frm.dashboard.set_headline(__("There are drafts of receipts: see Connections."));
				ask_what_came(frm, rows);
			});
	}

	function ask_what_came(frm, rows) {
		const dialog = new frappe.ui.Dialog({
			title: __("Receive"),
			size: "large",
			fields: [
				{
					fieldname: "lines",
					fieldtype: "Table",
					label: __("What Came Back"),
					cannot_add_rows: true,
					in_place_edit: true,
					data: rows.map((row) => ({ ...row, serials: row.serial_no || guess(row) })),
					fields: [
						{ fieldname: "item_code", fieldtype: "Data", label: __("Item"), read_only: 1, in_list_view: 1 },
						{ fieldname: "quantity", fieldtype: "Float", label: __("Quantity"), in_list_view: 1 },
						text("serials", __("Serial Nos"), { in_list_view: 1, description: __("One a line") }),
						{
							fieldname: "warehouse",
							fieldtype: "Link",
							options: "Warehouse",
							label: __("Warehouse"),
							in_list_view: 1,
							get_query: () => ({ filters: { company: frm.doc.company, is_group: 0 } }),
						},
					],
				},
			],
			primary_action_label: __("Receive"),
			primary_action({ lines }) {
				const wanted = lines.map(({ row, quantity, serials, warehouse }) => ({
					row,
					quantity,
					serials,
					warehouse,
				}));
				call(frm, "receive_return", { lines: wanted }).then((made) => {
					dialog.hide();
					const names = made.map(([doctype, name]) => frappe.utils.get_form_link(doctype, name, true));
					frappe.show_alert({ message: __("Booked: {0}", [names.join(", ")]), indicator: "green" });
				});
			},
		});
		dialog.show();
	}

	// All that is out is what comes back, unless somebody says otherwise.
	function guess(row) {
		return row.units.length === row.quantity ? row.units.join("\n") : "";
	}

	function inspect(frm) {
		const meta = (fieldname) => frappe.meta.get_docfield("Return Authorisation Line", fieldname);
		const rows = frm.doc.lines.filter((row) => row.received);
		const dialog = new frappe.ui.Dialog({
			title: __("Inspect"),
			size: "extra-large",
			fields: [
				{
					fieldname: "lines",
					fieldtype: "Table",
					label: __("What Was Found"),
					cannot_add_rows: true,
					in_place_edit: true,
					data: rows.map((row) => ({
						row: row.name,
						goods: row.serial_no || row.item_code,
						condition_found: row.condition_found,
						grade_found: row.grade_found,
						disposition: row.disposition,
						inspection_result: row.inspection_result,
					})),
					fields: [
						{ fieldname: "goods", fieldtype: "Data", label: __("Goods"), read_only: 1, in_list_view: 1 },
						select("condition_found", __("Condition"), meta("condition_found").options),
						{
							fieldname: "grade_found",
							fieldtype: "Link",
							options: "Condition Grade",
							label: __("Grade"),
							in_list_view: 1,
						},
						select("disposition", __("Disposition"), meta("disposition").options),
						text("inspection_result", __("Result"), { in_list_view: 1 }),
					],
				},
			],
			primary_action_label: __("Save"),
			primary_action({ lines }) {
				const found = lines.map(({ row, condition_found, grade_found, disposition, inspection_result }) => ({
					row,
					condition_found,
					grade_found,
					disposition,
					inspection_result,
				}));
				call(frm, "inspect_return", { lines: found }).then(() => dialog.hide());
			},
		});
		dialog.show();
	}

	function select(fieldname, label, options) {
		return { fieldname, fieldtype: "Select", label, options, in_list_view: 1 };
	}
})();
