// "Sync" on Sales Order, Delivery Note, Sales Invoice and Item: the latest entries of the document in the Sync Log,
// among its connections and in its timeline.
frappe.provide("commerce_bridge");
(() => {
	if (commerce_bridge.has_sync_section) return; // the scripts of four forms bring this, once is enough
	commerce_bridge.has_sync_section = true;
	const COLORS = {
		Queued: "gray",
		Running: "blue",
		Succeeded: "green",
		Skipped: "light-blue",
		Retrying: "orange",
		Failed: "red",
	};

	const DOCTYPES = ["Sales Order", "Delivery Note", "Sales Invoice", "Item"];
	for (const doctype of DOCTYPES) frappe.ui.form.on(doctype, { refresh });

	function refresh(frm) {
		const has_channel = frm.doctype === "Item" || frm.doc.cb_channel;
		if (frm.is_new() || !has_channel || !frappe.model.can_read("Sync Log")) return;
		const { doctype, docname: name } = frm;
		frappe
			.call({ type: "GET", method: "commerce_bridge.api.document_entries", args: { doctype, name } })
			.then(({ message }) => {
				if (frm.docname !== name) return;
				show(frm, message || []);
				show_in_timeline(frm, message || []);
			});
	}

	// Beside what the server, or another app, put there. An item is HTML: strangers' texts go through text nodes.
	function show_in_timeline(frm, entries) {
		const info = frm.get_docinfo();
		if (!info || !frm.timeline) return;
		const others = (info.additional_timeline_content || []).filter((item) => !item.cb_sync);
		info.additional_timeline_content = others.concat(entries.map(timeline_item));
		frm.timeline.refresh();
	}

	function timeline_item(entry) {
		const content = $("<div>").append($("<span>").append(link_to(entry), " · ", new Text(__(entry.state))));
		if (entry.message) content.append($(`<div class="text-muted" style="overflow-wrap: anywhere">`).text(entry.message));
		return { cb_sync: true, icon: "integration", creation: entry.creation, content: content.html() };
	}

	function link_to(entry) {
		return $("<a>").attr("href", `/app/sync-log/${encodeURIComponent(entry.name)}`).text(entry.topic || entry.name);
	}

	function show(frm, entries) {
		frm.dashboard.parent.find(".cb-sync").remove();
		if (!entries.length) return;
		const section = frm.dashboard.add_section("", __("Sync", null, "Section of a form"), "form-dashboard-section custom cb-sync");
		const list = $(`<ul class="list-unstyled" style="margin: 0">`).append(entries.map(row));
		section.append(list, all_link(frm));
		frm.dashboard.show();
	}

	function row(entry) {
		const state = $(`<span class="indicator-pill ${COLORS[entry.state]}" style="flex: none">`).text(__(entry.state));
		const what = $(`<span>`).append(link_to(entry), " · ", new Text(frappe.datetime.str_to_user(entry.creation)));
		const message = $(`<div class="text-muted">`).text(entry.message || "");
		const text = $(`<div style="min-width: 0; overflow-wrap: anywhere">`).append(what, message);
		return $(`<li style="display: flex; gap: 8px; align-items: baseline; padding: 4px 0">`).append(state, text);
	}

	function all_link(frm) {
		const url = `/app/sync-log?${new URLSearchParams(filters(frm))}`;
		return $("<a>").attr("href", url).text(__("All entries"));
	}

	// What a list can filter by: for an order, what carries its number in the shop.
	function filters(frm) {
		if (frm.doctype === "Item") return { payload: JSON.stringify(["like", `%${JSON.stringify(frm.docname)}%`]) };
		const is_order = frm.doctype === "Sales Order" || frm.doc.cb_instead_of_order;
		if (is_order && frm.doc.cb_external_id) {
			return { channel: frm.doc.cb_channel, external_id: frm.doc.cb_external_id };
		}
		return { reference_doctype: frm.doctype, reference_name: frm.docname };
	}
})();
