// The story of a Sync Log entry, as `erpnext/sync_story.py` tells it: templates with places, filled with text nodes.
frappe.provide("commerce_bridge");
(() => {
	commerce_bridge.show_story = (parent, chapters) => {
		const wrapper = $(parent).empty();
		for (const { title, lines, numbered } of chapters || []) {
			const list = $(numbered ? `<ol style="padding-left: 20px">` : `<ul class="list-unstyled">`);
			list.append(lines.map((line) => $(`<li>`).css(TEXT).append(filled(line))));
			wrapper.append($(`<h5 style="margin: 12px 0 4px">`).text(title), list);
		}
	};

	const TEXT = { "white-space": "pre-wrap", "overflow-wrap": "anywhere" };
	const SHORT = 600; // characters of what a stranger wrote that are shown at first

	function filled({ text, values }) {
		return text.split(/\{(\d+)\}/).map((part, index) => (index % 2 ? shown(values[Number(part)]) : new Text(part)));
	}

	function shown(value) {
		if (value?.time !== undefined) return new Text(value.time ? frappe.datetime.str_to_user(value.time) : "");
		if (!value?.route) return text_of(String(value ?? ""));
		const path = value.route[0] === "Form" ? form_path(value.route) : value.route;
		return $(`<a style="text-decoration: underline">`).attr("href", `/app/${path.map(encodeURIComponent).join("/")}`).text(value.label)[0];
	}

	function text_of(text) {
		if (text.length <= SHORT) return new Text(text);
		const start = new Text(text.slice(0, SHORT));
		const button = $(`<button type="button" class="btn btn-xs btn-default">`);
		button.text(__("Show all {0} characters", [text.length])).on("click", () => {
			start.data = text;
			button.remove();
		});
		return $("<span>").append(start, "… ", button)[0];
	}

	function form_path([, doctype, name]) {
		return [frappe.router.slug(doctype), name];
	}
})();
