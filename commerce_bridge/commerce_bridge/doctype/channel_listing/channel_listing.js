// Channel Listing: why it is not in the shop, and what a Manager does about it. The storefront's words are text, never HTML.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	const ACTIONS = [
		{ publication: "Published", label: __("Publish") },
		{ publication: "Paused", label: __("Pause") },
		{ publication: "Delisted", label: __("Delist…") },
	];

	frappe.ui.form.on("Channel Listing", {
		setup(frm) {
			frm.set_query("serial_no", () => ({ filters: { item_code: frm.doc.item_code } }));
			frm.set_query("item_code", () => ({ filters: { disabled: 0, has_variants: 0 } }));
		},

		refresh(frm) {
			show_reasons(frm);
			if (!frm.is_new() && frm.perm[0]?.write && frappe.user.has_role("Commerce Bridge Manager"))
				add_buttons(frm);
		},
	});

	function show_reasons(frm) {
		const wrapper = frm.fields_dict.error_html.$wrapper.empty();
		const { publication, not_listed_because, warning, stock_error, price_error, listing_error } = frm.doc;
		const by_hand = publication !== "Published" && publication === not_listed_because;
		show(wrapper, by_hand ? __("Taken out of sale") : __("Not listed because"), reason(frm.doc, by_hand), "orange");
		if (frm.perm[0]?.write) offer_row(frm, wrapper);
		show(wrapper, __("Warning"), warning, "yellow");
		show(wrapper, __("The stock could not be sent"), stock_error, "red");
		show(wrapper, __("The price could not be sent"), price_error, "red");
		show(wrapper, __("The product could not be sent"), listing_error, "red");
	}

	function reason({ publication, not_listed_because }, by_hand) {
		if (!by_hand) return not_listed_because;
		return publication === "Paused"
			? __("The listing is paused. Publish it to sell it again.")
			: __("The listing is delisted: the shop does not show it, and nothing is sent for it. Publish it to sell it again.");
	}

	// The reason begins with these words where the map has no row, see erpnext/channel_grade_map.py.
	function offer_row(frm, wrapper) {
		if (!(frm.doc.not_listed_because || "").startsWith("No row in Channel Grade Map")) return;
		if (!frappe.model.can_create("Channel Grade Map")) return;
		const { channel, condition, grade } = frm.doc;
		const button = $(`<button class="btn btn-xs btn-default mb-3">`).text(__("Add a Row"));
		button.on("click", () => frappe.new_doc("Channel Grade Map", { channel, condition, grade }));
		wrapper.append(button);
	}

	function show(wrapper, label, text, color) {
		if (!text) return;
		const heading = $(`<div class="indicator mb-1" style="font-weight: 600">`).addClass(color).text(label);
		const sentence = $(`<p style="white-space: pre-wrap; overflow-wrap: anywhere">`).text(text);
		wrapper.append(heading, sentence);
	}

	function add_buttons(frm) {
		for (const { publication, label } of ACTIONS.filter((action) => action.publication !== frm.doc.publication))
			frm.add_custom_button(label, () => set_publication(frm, publication));
	}

	function set_publication(frm, publication) {
		const send = () =>
			frappe
				.call({
					method: "commerce_bridge.api.set_publication",
					args: { names: [frm.doc.name], publication },
					freeze: true,
				})
				.then(() => frm.reload_doc());
		if (publication !== "Delisted") return send();
		frappe.confirm(
			__("The product is taken off the shop, and nothing is sent for it afterwards. Delist it?"),
			send
		);
	}
})();
