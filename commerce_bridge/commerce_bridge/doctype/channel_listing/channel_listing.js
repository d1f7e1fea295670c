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
		show(wrapper, __("Not listed because"), frm.doc.not_listed_because, "text-body");
		show(wrapper, __("Warning"), frm.doc.warning, "text-muted");
		show(wrapper, __("The stock could not be sent"), frm.doc.stock_error, "text-danger");
		show(wrapper, __("The price could not be sent"), frm.doc.price_error, "text-danger");
		show(wrapper, __("The product could not be sent"), frm.doc.listing_error, "text-danger");
	}

	function show(wrapper, label, text, colour) {
		if (!text) return;
		const sentence = $(`<p style="white-space: pre-wrap; overflow-wrap: anywhere">`).addClass(colour).text(text);
		wrapper.append($(`<label class="control-label">`).text(label), sentence);
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
