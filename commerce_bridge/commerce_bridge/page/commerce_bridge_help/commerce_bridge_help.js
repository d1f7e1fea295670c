// The app's own documents; the name of one is the second part of the route.
frappe.pages["commerce-bridge-help"].on_page_load = function (wrapper) {
	const page = frappe.ui.make_app_page({ parent: wrapper, title: __("Help"), single_column: true });
	page.documents = page.add_field({
		fieldname: "document",
		fieldtype: "Select",
		label: __("Document"),
		change: () => {
			const chosen = page.documents.get_value();
			if (chosen && chosen !== page.shown) frappe.set_route("commerce-bridge-help", chosen);
		},
	});
	page.article = $(`<article class="cb-help" tabindex="-1">`)
		.attr("aria-label", __("Document"))
		.appendTo(page.main);
	$(`<style>
		.cb-help { padding: 15px; max-width: 860px; overflow-wrap: anywhere; }
		.cb-help img { max-width: 100%; height: auto; border: 1px solid var(--border-color); }
		.cb-help pre { overflow-x: auto; }
		.cb-help table { display: block; overflow-x: auto; margin-bottom: 1em; }
		.cb-help h1 { font-size: var(--text-3xl); }
		.cb-help a { text-decoration: underline; }
		.cb-help pre, .cb-help code { color: var(--text-color); }
		.cb-help code { white-space: normal; overflow-wrap: anywhere; }
		.cb-help pre code { white-space: pre; }
		.cb-help td, .cb-help th { padding: 4px 8px; border: 1px solid var(--border-color); vertical-align: top; min-width: 7em; }
	</style>`).appendTo(page.main);
	wrapper.help = page;
};

frappe.pages["commerce-bridge-help"].on_page_show = function (wrapper) {
	const page = wrapper.help;
	const wanted = frappe.get_route()[1] || "";
	if (page.shown && (wanted === page.shown || !wanted)) return;
	frappe
		.call({ method: "commerce_bridge.api.documentation", type: "GET", args: { name: wanted } })
		.then(({ message }) => show(page, message));

	function show(page, { name, html, documents }) {
		page.shown = name;
		page.documents.df.options = documents.map((row) => ({ value: row.name, label: row.title }));
		page.documents.refresh();
		page.documents.set_value(name);
		page.article.html(html);
		page.article.find("img").each((index, picture) => {
			const file = $(picture).attr("src").split("/").pop();
			picture.src = `/api/method/commerce_bridge.api.documentation_picture?name=${encodeURIComponent(file)}`;
		});
		page.article.find("a").each((index, link) => point(link));
		// Tables and code scroll on their own: with the keyboard too.
		page.article.find("table, pre").attr("tabindex", "0");
		frappe.utils.scroll_to(0);
	}

	function point(link) {
		const target = $(link).attr("href") || "";
		const [, name] = target.match(/^([\w-]+)\.md(#.*)?$/) || [];
		if (name) link.href = `/app/commerce-bridge-help/${name}`;
		else if (target.startsWith("#")) {
			$(link).on("click", (event) => {
				event.preventDefault();
				const heading = document.getElementById(target.slice(1));
				if (heading) heading.scrollIntoView();
			});
		} else if (/^https?:/.test(target)) $(link).attr({ target: "_blank", rel: "noopener" });
	}
};
