// Return Authorisation: what a person may do next. What buyers wrote is text, never HTML.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const OPERATORS = ["Commerce Bridge Manager", "Commerce Bridge User"];
	const INSPECTED = ["Approved", "Received", "Closed"];

	frappe.ui.form.on("Return Authorisation", {
		setup(frm) {
			// Receive makes the receipts: one that is made by hand would not know what is expected.
			const never = () => false;
			frm.can_make_methods = { "Delivery Note": never, "Stock Entry": never, "Sales Invoice": never };
			frm.set_query("sales_order", () => ({ filters: { cb_channel: frm.doc.channel, docstatus: 1 } }));
			frm.set_query("sales_invoice", () => ({
				filters: { cb_channel: frm.doc.channel, docstatus: 1, cb_instead_of_order: 1 },
			}));
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
			if (frm.is_new() && frm.doc.sales_order) offer_lines(frm, "Sales Order", frm.doc.sales_order);
		},

		sales_invoice(frm) {
			if (frm.is_new() && frm.doc.sales_invoice) offer_lines(frm, "Sales Invoice", frm.doc.sales_invoice);
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
	function offer_lines(frm, doctype, name) {
		frappe.db.get_doc(doctype, name).then((order) => {
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

	// A table in a dialog shows one line of a cell, and on a telephone one column: each line has fields of its own.
	function ask_what_came(frm, rows) {
		const warehouse = {
			fieldtype: "Link",
			options: "Warehouse",
			label: __("Warehouse"),
			get_query: () => ({ filters: { company: frm.doc.company, is_group: 0 } }),
		};
		const fields = rows.flatMap((row, number) => [
			head(row.item_code),
			{ fieldtype: "Float", fieldname: `quantity_${number}`, label: __("Quantity"), default: row.quantity },
			...(row.has_serial_no ? [serials(row, number)] : []),
			{ fieldtype: "Column Break" },
			{ ...warehouse, fieldname: `warehouse_${number}`, default: row.warehouse },
		]);
		const take = (values) => {
			const lines = rows.map((row, number) => ({
				row: row.row,
				...of_line(values, number, ["quantity", "serials", "warehouse"]),
			}));
			const unclear = rows.findIndex((row, number) => row.has_serial_no && !names_all(lines[number]));
			if (unclear >= 0) return refuse_unclear(rows[unclear].item_code, lines[unclear]);
			return call(frm, "receive_return", { lines }).then((made) => {
				dialog.hide();
				const names = made.map(([doctype, name]) => frappe.utils.get_form_link(doctype, name, true));
				frappe.show_alert({ message: __("Booked: {0}", [names.join(", ")]), indicator: "green" });
			});
		};
		const dialog = ask(__("Receive"), fields, __("Receive"), take);
	}

	function serials(row, number) {
		const known = row.units.length ? __("Delivered, and not back yet: {0}.", [row.units.join(", ")]) : "";
		const description = frappe.utils.escape_html(`${__("One a line.")} ${known}`);
		// All that is out is what comes back, unless somebody says otherwise.
		const guess = row.units.length === row.quantity ? row.units.join("\n") : "";
		return text(`serials_${number}`, __("Serial Nos"), { default: row.serial_no || guess, description });
	}

	function units_of(line) {
		return (line.serials || "").split("\n").filter((unit) => unit.trim());
	}

	function names_all(line) {
		return units_of(line).length === (line.quantity || 0) || !line.quantity;
	}

	function refuse_unclear(item_code, line) {
		const facts = [frappe.utils.escape_html(item_code), line.quantity, units_of(line).length];
		frappe.msgprint({
			title: __("Which units came back?"),
			message: __("{0}: the quantity is {1}, but there are {2} serial numbers.", facts),
			indicator: "red",
		});
	}

	function inspect(frm) {
		const options = (fieldname) => frappe.meta.get_docfield("Return Authorisation Line", fieldname).options;
		const rows = frm.doc.lines.filter((row) => row.received);
		const asked = [
			{ fieldtype: "Select", fieldname: "condition_found", label: __("Condition"), options: options("condition_found") },
			{ fieldtype: "Link", fieldname: "grade_found", label: __("Grade"), options: "Condition Grade" },
			{ fieldtype: "Select", fieldname: "disposition", label: __("Disposition"), options: options("disposition") },
			{ fieldtype: "Column Break" },
			text("inspection_result", __("Result")),
		];
		const of_row = (row, number) => (field) =>
			field.fieldname
				? { ...field, fieldname: `${field.fieldname}_${number}`, default: row[field.fieldname] }
				: field;
		const fields = rows.flatMap((row, number) => [head(goods(row)), ...asked.map(of_row(row, number))]);
		const names = asked.map(({ fieldname }) => fieldname).filter(Boolean);
		const keep = (values) => {
			const lines = rows.map((row, number) => ({ row: row.name, ...of_line(values, number, names) }));
			return call(frm, "inspect_return", { lines }).then(() => dialog.hide());
		};
		const dialog = ask(__("Inspect"), fields, __("Save"), keep);
	}

	function goods(row) {
		return row.serial_no ? `${row.item_code}: ${row.serial_no}` : row.item_code;
	}

	function of_line(values, number, names) {
		return Object.fromEntries(names.map((name) => [name, values[`${name}_${number}`]]));
	}

	function head(label) {
		return { fieldtype: "Section Break", label: frappe.utils.escape_html(label) };
	}

	function ask(title, fields, primary_action_label, primary_action) {
		const dialog = new frappe.ui.Dialog({ title, size: "large", fields, primary_action_label, primary_action });
		// Frappe's dialogs have no name for a screen reader, nor has the button that closes them.
		dialog.$wrapper.attr("aria-label", title).find(".btn-modal-close").attr("aria-label", __("Close"));
		dialog.show();
		return dialog;
	}
})();
