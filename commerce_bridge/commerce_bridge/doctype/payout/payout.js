// A payout: what keeps it from being booked, and for each row the document that booked it, or the account it goes to.
// References and notes are a gateway's: text nodes and escaped text only.
(() => {
	const NEEDS_PARTY = ["Receivable", "Payable", "Stock"];

	frappe.ui.form.on("Payout", {
		setup(frm) {
			const of_company = (more) => () => ({ filters: { company: frm.doc.company, is_group: 0, ...more } });
			frm.set_query("bank_account", of_company({ account_currency: frm.doc.currency }));
			for (const name of ["clearing_account", "fee_account", "fee_tax_account"])
				frm.set_query(name, of_company({ account_type: ["not in", NEEDS_PARTY] }));
			frm.set_query("account", "rows", of_company({ account_type: ["not in", NEEDS_PARTY] }));
		},

		refresh(frm) {
			keep_rows(frm);
			frm.set_intro("");
			if (frm.is_new() || frm.doc.docstatus !== 0) return;
			show_problems(frm);
			if (!frm.perm[0].write || !frm.doc.unmatched) return;
			frm.add_custom_button(__("Find Matches"), () => find_matches(frm));
			frm.add_custom_button(__("Match Rows"), () => match_next(frm));
		},
	});

	frappe.ui.form.on("Payout Row", {
		choose: (frm, doctype, name) => match(frm, locals[doctype][name]),
		forget: (_frm, doctype, name) =>
			frappe.model.set_value(doctype, name, { matched_document: null, matched_doctype: null }),
	});

	// Rows are the gateway's: none is added or taken away.
	function keep_rows(frm) {
		const { grid } = frm.fields_dict.rows;
		Object.assign(grid, { cannot_add_rows: true });
		Object.assign(grid.df, { cannot_add_rows: true, cannot_delete_rows: true });
		frm.refresh_field("rows");
		// Frappe 15 shows the buttons all the same.
		grid.wrapper.find(".grid-add-row, .grid-add-multiple-rows, .grid-upload, .grid-download").hide();
	}

	function money(frm, amount) {
		return format_currency(amount, frm.doc.currency);
	}

	function show_problems(frm) {
		const open = (frm.doc.rows || []).filter((row) => row.state === "Unmatched");
		const lines = open.slice(0, 5).map((row) => __("Row {0}: {1}", [row.idx, row.problem || __("is not matched")]));
		if (open.length > 5) lines.push(__("{0} more rows are not matched", [open.length - 5]));
		if (frm.doc.control_difference) {
			const amounts = [money(frm, frm.doc.net), money(frm, frm.doc.rows_total)];
			lines.unshift(__("{0} were paid out, but the rows come to {1}", amounts));
		}
		if (lines.length) frm.set_intro(lines.map((line) => frappe.utils.escape_html(line)).join("<br>"), "orange");
	}

	async function find_matches(frm) {
		if (frm.is_dirty()) await frm.save();
		const { message } = await frappe.call({
			method: "commerce_bridge.api.find_payout_matches",
			args: { name: frm.doc.name },
			freeze: true,
		});
		await frm.reload_doc();
		const text = message ? __("Rows that are left: {0}", [message]) : __("All rows are matched");
		frappe.show_alert({ message: text, indicator: message ? "orange" : "green" });
	}

	function match_next(frm) {
		const row = (frm.doc.rows || []).find(({ state }) => state === "Unmatched");
		if (row) match(frm, row, true);
	}

	async function match(frm, row, go_on = false) {
		if (frm.is_dirty()) await frm.save();
		const saved = frm.doc.rows.find(({ row_id }) => row_id === row.row_id);
		const { message } = await frappe.call({
			method: "commerce_bridge.api.payout_candidates",
			args: { name: frm.doc.name, row: saved.name },
			freeze: true,
		});
		ask(frm, saved, message || [], go_on);
	}

	function ask(frm, row, candidates, go_on) {
		const dialog = new frappe.ui.Dialog({
			title: __("Row {0}: {1} of {2}", [row.idx, __(row.kind), money(frm, row.gross)]),
			fields: [
				{ fieldtype: "HTML", fieldname: "told" },
				{ fieldtype: "HTML", fieldname: "candidates" },
				{ fieldtype: "Section Break", label: __("Or Book It to an Account") },
				{
					fieldtype: "Link",
					fieldname: "account",
					label: __("Account"),
					options: "Account",
					get_query: () => ({
						filters: { company: frm.doc.company, is_group: 0, account_type: ["not in", NEEDS_PARTY] },
					}),
				},
				// Without a formatter, the Desk runs what is typed or pasted here as HTML.
				{
					fieldtype: "Small Text",
					fieldname: "remark",
					label: __("Remark"),
					formatter: frappe.utils.escape_html,
				},
			],
			primary_action_label: __("Book to Account"),
			primary_action: ({ account, remark }) => {
				if (!account) return frappe.show_alert({ message: __("Choose an account"), indicator: "orange" });
				const values = { matched_doctype: null, matched_document: null, account };
				return use(frm, dialog, row, remark ? { ...values, remark } : values, go_on);
			},
		});
		// Frappe's dialogs have no name for a screen reader, nor has the button that closes them.
		dialog.$wrapper.attr("aria-label", dialog.title).find(".btn-modal-close").attr("aria-label", __("Close"));
		dialog.get_field("told").$wrapper.append(told(frm, row));
		const chosen = ({ doctype, name }) =>
			use(frm, dialog, row, { account: null, matched_doctype: doctype, matched_document: name }, go_on);
		dialog.get_field("candidates").$wrapper.append(table(frm, candidates, chosen));
		dialog.show();
	}

	function told(frm, row) {
		const parts = [
			[__("Reference"), row.reference],
			[__("Order"), row.order_number],
			[__("Date"), row.moved_on && frappe.datetime.str_to_user(row.moved_on)],
			[__("Net"), money(frm, row.net)],
			[__("The gateway says"), row.note],
			[__("Why not matched"), row.problem],
		].filter(([, value]) => value);
		const list = $("<p style='overflow-wrap: anywhere'>");
		parts.forEach(([label, value], number) => {
			if (number) list.append("<br>");
			list.append($("<strong>").text(`${label}: `), document.createTextNode(value));
		});
		return list;
	}

	function table(frm, candidates, choose) {
		if (!candidates.length)
			return $("<p class='text-muted'>").text(
				__("No document on the clearing account is near it in time, of the same direction and in no payout.")
			);
		const list = $("<div class='list-group mb-3'>");
		for (const candidate of candidates) {
			const { name, posting_date, amount, fits, party, reference, order_number } = candidate;
			const day = frappe.datetime.str_to_user(posting_date);
			const facts = [day, party, order_number, reference].filter(Boolean).join(" · ");
			const mark = fits ? __("fits") : __("another amount");
			const item = $("<button type='button' class='list-group-item list-group-item-action'>").append(
				$("<strong>").text(`${money(frm, amount)} · ${name}`),
				$(`<span class="indicator-pill ml-2 ${fits ? "green" : "gray"}">`).text(mark),
				$("<div class='small' style='overflow-wrap: anywhere'>").text(facts)
			);
			list.append(item.on("click", () => choose(candidate)));
		}
		return list;
	}

	async function use(frm, dialog, row, values, go_on) {
		await frappe.model.set_value(row.doctype, row.name, values);
		dialog.hide();
		await frm.save();
		if (go_on) match_next(frm);
	}
})();
