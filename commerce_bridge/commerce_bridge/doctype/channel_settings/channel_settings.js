// Channel Settings: health, and what a Manager does to a channel. What comes from a storefront is shown as text.
// The Desk runs this in the global scope, hence the function around it.
(() => {
	frappe.ui.form.on("Channel Settings", {
		setup(frm) {
			const of_company = (extra) => () => ({ filters: { company: frm.doc.company, ...extra } });
			frm.set_query("customer_group", () => ({ filters: { is_group: 0 } }));
			frm.set_query("territory", () => ({ filters: { is_group: 0 } }));
			frm.set_query("default_warehouse", of_company({ is_group: 0 }));
			frm.set_query("cost_center", of_company({ is_group: 0 }));
			frm.set_query("rounding_account", of_company({ is_group: 0 }));
			frm.set_query("warehouse", "warehouses", of_company({}));
			frm.set_query("account", "taxes", of_company({ is_group: 0 }));
			frm.set_query("account", "shipping_methods", of_company({ is_group: 0 }));
			frm.set_query("fee_item", () => ({ filters: { is_stock_item: 0, disabled: 0 } }));
			const booked = of_company({ is_group: 0, account_type: ["not in", ["Receivable", "Payable"]] });
			for (const fieldname of ["account", "fee_account", "fee_tax_account"]) {
				frm.set_query(fieldname, "payment_map", booked);
			}
			frm.set_query("mode_of_payment", "payment_map", () => ({ filters: { enabled: 1 } }));
			frm.set_query("return_warehouse", of_company({ is_group: 0 }));
			frm.set_query("adjustment_item", () => ({
				filters: { is_stock_item: 0, is_sales_item: 1, has_variants: 0, disabled: 0 },
			}));
			frm.set_query("item", "shipping_methods", () => ({ filters: { is_stock_item: 0, disabled: 0 } }));
		},

		validate(frm) {
			drop_untouched_rows(frm);
		},

		platform: show_help,
		authentication: show_help,

		refresh(frm) {
			offer_platforms(frm);
			show_help(frm);
			offer_series(frm);
			offer_usual_gateways(frm);
			if (frm.is_new()) return drop_groups(frm);
			show_webhook_url(frm);
			show_health(frm);
			if (frappe.user.has_role("Commerce Bridge Manager")) add_buttons(frm);
		},
	});

	function call(frm, method, args = {}, freeze_message = null) {
		return frappe
			.call({
				method: `commerce_bridge.api.${method}`,
				args: { channel: frm.doc.name, ...args },
				freeze: Boolean(freeze_message),
				freeze_message,
			})
			.then((response) => response.message);
	}

	// The Tab key adds an empty row to a table it passes: nobody who left it empty meant one.
	function drop_untouched_rows(frm) {
		for (const { fieldname } of frm.meta.fields.filter((field) => field.fieldtype === "Table")) {
			const untouched = (frm.doc[fieldname] || []).filter((row) => row.__unedited);
			for (const row of untouched) frappe.model.clear_doc(row.doctype, row.name);
			if (untouched.length) frm.refresh_field(fieldname);
		}
	}

	const PLATFORMS = { custom: __("Custom storefront"), shopify: "Shopify", woocommerce: "WooCommerce" };

	function offer_platforms(frm) {
		const input = frm.fields_dict.platform.$input?.get(0);
		if (!input || frm.platforms_offered) return;
		frm.platforms_offered = true;
		frappe.call("commerce_bridge.api.connectors").then(({ message }) => {
			const named = (message || []).map((value) => ({ value, label: PLATFORMS[value] || value }));
			const list = new Awesomplete(input, { list: named, minChars: 0, autoFirst: true });
			input.addEventListener("focus", () => list.evaluate());
			input.addEventListener("awesomplete-selectcomplete", () => frm.set_value("platform", input.value));
			if (document.activeElement === input) list.evaluate();
		});
	}

	// Where each value stands in the storefront's own screens. What is not here keeps the text of the DocType.
	const KEYS_PAGE = __("WooCommerce › Settings › Advanced › REST API");
	const OWN_APP = __("Shopify admin › Settings › Apps and sales channels › Develop apps › your app › API credentials");
	const DEV_APP = __("dev.shopify.com › Apps › your app › Settings");
	const HELP = {
		custom: {
			store_url: __("The address at which your storefront takes our signed messages. Empty where it only reads from ERPNext."),
			webhook_secret: __("Save, press Set-up › Rotate Secret, and enter what it shows in your storefront's configuration. It signs in both directions."),
			warehouses: __("Location ID: what your storefront calls the place in its orders. Empty where it has no locations."),
			webhook_url: __("Your storefront posts its orders here, signed with the webhook secret."),
		},
		shopify: {
			store_url: __("Shopify admin › Settings › Domains: the address that ends in .myshopify.com, not the one buyers see."),
			api_key: __("{0}: Client ID.", [DEV_APP]),
			api_secret: ({ authentication }) =>
				authentication === "Access Token"
					? __("{0}: API secret key. Webhooks are signed with it.", [OWN_APP])
					: __("{0}: Client secret. Webhooks are signed with it.", [DEV_APP]),
			access_token: __("{0}: Admin API access token, shown once. It begins with shpat_.", [OWN_APP]),
			warehouses: __("Location ID: the number at the end of a location's address in Shopify admin › Settings › Locations. Set-up › Suggest Mappings fetches them."),
			webhook_url: __("Registered by itself once the channel is Active. By hand only for the compliance webhooks: dev.shopify.com › Apps › your app › Versions › Webhooks."),
		},
		woocommerce: {
			store_url: __("WordPress › Settings › General: Site Address (URL), with its folder where it has one."),
			api_key: __("Empty where you press Set-up › Connect to Shop. By hand: {0} › Add key, Permissions Read/Write: Consumer key (ck_…).", [KEYS_PAGE]),
			api_secret: __("From the same screen, {0}: Consumer secret (cs_…), shown once.", [KEYS_PAGE]),
			webhook_secret: __("Made here and given to the shop by itself: nothing to enter. There it stands under WooCommerce › Settings › Advanced › Webhooks."),
			warehouses: __("WooCommerce has no locations: leave Location ID empty. What is offered is the sum of these warehouses."),
			webhook_url: __("Registered by itself once the channel is Active: WooCommerce › Settings › Advanced › Webhooks."),
		},
	};

	function help_of(frm, fieldname) {
		const told = HELP[frm.doc.platform]?.[fieldname];
		const text = typeof told === "function" ? told(frm.doc) : told;
		return text ?? __(frappe.meta.get_docfield(frm.doctype, fieldname)?.description || "");
	}

	function show_help(frm) {
		for (const fieldname of ["store_url", "api_key", "api_secret", "access_token", "webhook_secret", "warehouses"]) {
			frm.set_df_property(fieldname, "description", help_of(frm, fieldname));
		}
	}

	// The series that Sales Invoices of this site are numbered by.
	function offer_series(frm) {
		frappe.model.with_doctype("Sales Invoice", () => {
			const series = frappe.meta.get_docfield("Sales Invoice", "naming_series")?.options || "";
			for (const fieldname of ["invoice_series", "credit_note_series"]) {
				frm.fields_dict[fieldname].set_data(series.split("\n").filter(Boolean));
			}
		});
	}

	// --- gateways that many shops have -----------------------------------------------------------------------

	function offer_usual_gateways(frm) {
		if (!frm.perm[0]?.write) return;
		frm.fields_dict.payment_map.grid.add_custom_button(__("Add Usual Gateways"), () => add_usual_gateways(frm));
	}

	function add_usual_gateways(frm) {
		if (frm.is_dirty()) {
			frappe.msgprint(__("Save first: the rows depend on the platform and the company."));
			return;
		}
		const args = { channel: frm.doc.name };
		frappe.call({ method: "commerce_bridge.api.usual_gateways", type: "GET", args }).then(({ message }) => {
			if (message?.length) choose_gateways(frm, message);
			else frappe.msgprint(__("Each of the usual gateways has a row."));
		});
	}

	function choose_gateways(frm, gateways) {
		const dialog = new frappe.ui.Dialog({
			title: __("Add Usual Gateways"),
			fields: [
				{
					fieldtype: "MultiCheck",
					fieldname: "chosen",
					label: __("How can buyers pay in this shop?"),
					columns: 1,
					options: gateways.map(({ title, gateway }) => ({
						value: gateway,
						label: `${frappe.utils.escape_html(__(title))} <span class="text-muted">${frappe.utils.escape_html(gateway)}</span>`,
					})),
				},
				{
					fieldtype: "HTML",
					options: $("<p>").text(
						__("A row is added for each. Accounts are filled in where the company has one of that name; choose the others in the table.")
					).prop("outerHTML"),
				},
			],
			primary_action_label: __("Add Rows"),
			primary_action: ({ chosen }) => {
				if (!chosen?.length) {
					frappe.show_alert({ message: __("Tick something"), indicator: "orange" });
					return;
				}
				for (const row of gateways.filter(({ gateway }) => chosen.includes(gateway))) add_gateway(frm, row);
				dialog.hide();
			},
		});
		dialog.show();
	}

	// Above a row * that takes all others, which would take these, too.
	function add_gateway(frm, { gateway, book, mode_of_payment, account }) {
		frm.add_child("payment_map", { gateway, book: book || "On Capture", mode_of_payment, account });
		const rows = frm.doc.payment_map;
		const at = rows.findIndex((row) => row.gateway === "*" && !row.order_currency);
		if (at >= 0) rows.splice(at, 0, rows.pop());
		rows.forEach((row, index) => (row.idx = index + 1));
		frm.refresh_field("payment_map");
		frm.dirty();
	}

	// ERPNext proposes "All Customer Groups" and "All Territories", which no customer should be in.
	function drop_groups(frm) {
		for (const [fieldname, doctype] of [["customer_group", "Customer Group"], ["territory", "Territory"]]) {
			const proposed = frm.doc[fieldname];
			if (!proposed) continue;
			frappe.db.get_value(doctype, proposed, "is_group").then(({ message }) => {
				if (message?.is_group && frm.doc[fieldname] === proposed) frm.set_value(fieldname, "");
			});
		}
	}

	// --- what is shown ---------------------------------------------------------------------------------------

	function show_webhook_url(frm) {
		const path = "/api/method/commerce_bridge.api.webhook?channel=";
		const url = window.location.origin + path + encodeURIComponent(frm.doc.name);
		const copy = $(`<button class="btn btn-xs btn-default">`).text(__("Copy"));
		copy.on("click", () => frappe.utils.copy_to_clipboard(url));
		const label = $(`<label class="control-label">`).text(__("Webhook URL"));
		const row = $("<p>").append($(`<code style="word-break: break-all">`).text(url), " ", copy);
		const help = $(`<p class="help-box small text-muted">`).text(HELP[frm.doc.platform]?.webhook_url || "");
		frm.fields_dict.webhook_url.$wrapper.empty().append(label, row, help);
	}

	function show_health(frm) {
		const wrapper = frm.fields_dict.health_html.$wrapper.empty();
		call(frm, "channel_health").then((health) => {
			if (!health) return;
			warn_of_copy(frm, health);
			const grid = $(`<div class="mb-4" style="display: flex; flex-wrap: wrap; gap: var(--margin-md) var(--margin-2xl)">`);
			for (const [label, value, color] of health_rows(health)) {
				const shown = color ? $(`<span class="indicator-pill ${color}">`) : $("<span>");
				grid.append($("<div>").append($(`<div class="text-muted small">`).text(label), shown.text(value)));
			}
			wrapper.empty().append(grid);
			frm.walks = $("<div>").appendTo(wrapper);
			show_walks(frm, health);
			if (import_of(health)) follow_import(frm, health);
		});
	}

	// Label, value and, where there is a good and a bad, the colour.
	function health_rows(health) {
		const when = (time) => (time ? frappe.datetime.prettyDate(time) : __("never"));
		const status_color = { Active: "green", Paused: "orange", Disabled: "gray" }[health.status];
		const circuit = health.circuit || "Closed";
		const facts = Object.entries(health.facts || {}).map(([label, value]) => [__(label), String(value)]);
		return [
			[__("On this site"), __(health.status), status_color],
			[__("Last event in"), when(health.last_event)],
			[__("Last push out"), when(health.last_push)],
			[__("Failures in 24 hours"), String(health.failed_24h), health.failed_24h ? "red" : "green"],
			[__("Rejected in 24 hours"), String(health.rejected), health.rejected ? "orange" : "green"],
			[__("Oldest waiting"), health.oldest_waiting ? when(health.oldest_waiting) : __("nothing waits")],
			[__("Outgoing calls"), circuit_text(circuit), circuit === "Closed" ? "green" : "red"],
			...facts,
		];
	}

	function circuit_text(circuit) {
		if (circuit === "Closed") return __("allowed");
		return circuit === "Open" ? __("held back: no answer (circuit open)") : __("one is tried (circuit half-open)");
	}

	function progress_text({ kind, done, total, failed, finished, message }) {
		const count = total ? `${done} / ${total}` : String(done ?? 0);
		const failures_of = { "Stock Check": __("different: {0}", [failed]), Products: __("to look at: {0}", [failed]) };
		const counted = failures_of[kind] || __("failed: {0}", [failed]);
		const failures = failed ? `, ${counted}` : "";
		const end = finished ? `, ${__("finished {0}", [moment(finished).fromNow()])}` : "";
		return `${__(kind)}: ${count}${failures}${end}${message ? `. ${message}` : ""}`;
	}

	// What goes through all listings: the topics of its entries, and what `stop_walk` calls it.
	const WALKS = {
		Stock: { kind: "stock", topics: ["stock.resync"] },
		Prices: { kind: "price", topics: ["price.resync"] },
		Listings: { kind: "listing", topics: ["listing.resync"] },
		"Stock Check": { kind: "check", topics: ["stock.check"] },
		Products: { kind: "products", topics: ["products.import"] },
	};

	// One row for each that runs or ran last. While one runs they are looked at again, also after a reload.
	function show_walks(frm, health) {
		const rows = health.progress || [];
		frm.walks.empty().append(rows.map((progress) => walk_row(frm, progress)));
		clearTimeout(frm.walks_followed);
		if (!rows.some((progress) => WALKS[progress.kind] && !progress.finished)) return;
		frm.walks_followed = setTimeout(() => {
			if (cur_frm !== frm || frm.is_new()) return;
			call(frm, "channel_health").then((later) => later && show_walks(frm, later));
		}, 3000);
	}

	function walk_row(frm, progress) {
		const row = $(`<div class="mb-3 small" style="max-width: 560px">`);
		const line = $(`<div style="display: flex; flex-wrap: wrap; gap: var(--margin-sm)">`).appendTo(row);
		line.append($(`<span class="text-muted">`).text(progress_text(progress)));
		const walk = WALKS[progress.kind];
		if (!walk) return row;
		if (progress.kind === "Stock Check") line.append(link(__("Show"), drift_report(frm)));
		else if (progress.kind === "Products") {
			if (progress.failed) line.append(link(__("Show what to look at"), looked_at(frm, progress)));
		} else if (progress.failed) line.append(link(__("Show what was refused"), refused(frm, walk, progress)));
		if (progress.finished) return row;
		row.append(bar(progress));
		if (frappe.user.has_role("Commerce Bridge Manager")) {
			const stop = $(`<button class="btn btn-xs btn-default">`).text(__("Stop"));
			line.append(stop.on("click", () => stop_walk(frm, walk)));
		}
		return row;
	}

	function bar({ done, total }) {
		const percent = total ? Math.min(100, (100 * done) / total) : 0;
		const outer = $(`<div class="progress mt-1" style="height: 8px" role="progressbar">`);
		outer.attr({ "aria-valuenow": Math.round(percent), "aria-valuemin": 0, "aria-valuemax": 100 });
		return outer.append($(`<div class="progress-bar">`).css("width", `${percent}%`));
	}

	function link(label, href) {
		return $(`<a style="text-decoration: underline">`).text(label).attr("href", href);
	}

	// In the rows that began with the walk, those a person has to look at or that are tried again.
	function refused(frm, { topics }, { started }) {
		const since = moment(started).tz(frappe.boot.time_zone.system).format(frappe.defaultDatetimeFormat);
		const filters = {
			channel: frm.doc.name,
			topic: JSON.stringify(["in", topics]),
			state: JSON.stringify(["in", ["Failed", "Retrying"]]),
			creation: JSON.stringify([">=", since]),
		};
		return `/app/sync-log?${new URLSearchParams(filters)}`;
	}

	// Each page of an import has an entry, whose summary names every variant and why.
	function looked_at(frm, { started }) {
		const since = moment(started).tz(frappe.boot.time_zone.system).format(frappe.defaultDatetimeFormat);
		const filters = {
			channel: frm.doc.name,
			topic: "products.import",
			message: JSON.stringify(["like", "%to look at%"]),
			creation: JSON.stringify([">=", since]),
		};
		return `/app/sync-log?${new URLSearchParams(filters)}`;
	}

	function drift_report(frm) {
		return `/app/query-report/Stock%20Drift?${new URLSearchParams({ channel: frm.doc.name })}`;
	}

	function stop_walk(frm, { kind }) {
		call(frm, "stop_walk", { kind }).then(() => show_health(frm));
	}

	function import_of(health) {
		return (health?.progress || []).find((progress) => progress.kind === "Import");
	}

	function warn_of_copy(frm, health) {
		if (!health.is_copy || frm.doc.state !== "Active") return;
		frm.dashboard.clear_headline();
		frm.dashboard.set_headline(
			__("This site is not the one this channel was switched on at, so the channel is paused here: a copy must " +
				"not talk to the live shop. If this is the live site, press Confirm This Site."),
			"red"
		);
		if (frappe.user.has_role("Commerce Bridge Manager")) {
			frm.add_custom_button(__("Confirm This Site"), () => confirm_site(frm)).addClass("btn-danger");
		}
	}

	// --- what a Manager does ---------------------------------------------------------------------------------

	function add_buttons(frm) {
		const setup = __("Set-up");
		const work = __("Synchronise");
		frm.add_custom_button(__("Test Connection"), () => test_connection(frm), setup);
		frm.add_custom_button(__("Register Webhooks"), () => register_webhooks(frm), setup);
		if (posts_keys(frm) || frm.doc.authentication === "Authorisation") {
			frm.add_custom_button(__("Connect to Shop"), () => connect_to_shop(frm), setup);
		}
		// Shopify signs with the API secret, which is renewed there.
		if (frm.doc.platform !== "shopify") {
			frm.add_custom_button(__("Rotate Secret"), () => rotate_secret(frm), setup);
		}
		frm.add_custom_button(__("Suggest Mappings"), () => suggest_mappings(frm), setup);
		frm.add_custom_button(__("Add Listings"), () => add_listings(frm), setup);
		frm.add_custom_button(__("Sync Stock Now"), () => preview_stock(frm), work);
		const send = (label, method) =>
			frm.add_custom_button(label, () => send_everything(frm, label, method), work);
		if (frm.doc.push_listings) send(__("Send Products"), "send_products_now");
		if (frm.doc.push_prices) send(__("Send Prices"), "send_prices_now");
		frm.add_custom_button(__("Check Stock in Shop"), () => check_stock(frm), work);
		frm.add_custom_button(__("Import Orders Since…"), () => import_orders(frm), work);
		frm.add_custom_button(__("Import Products…"), () => import_products(frm), work);
		frm.add_custom_button(__("Sync Log"), () =>
			frappe.set_route("List", "Sync Log", { channel: frm.doc.name })
		);
	}

	function confirm_site(frm) {
		const question = __("Let this site talk to the live shop of {0}?", [frm.doc.name.bold()]);
		frappe.confirm(question, () => call(frm, "confirm_site").then(() => frm.reload_doc()));
	}

	function test_connection(frm) {
		call(frm, "test_connection", {}, __("Testing…")).then((checks) => {
			const list = $("<div>");
			const worst_first = (checks || []).sort((one, other) => rank(one) - rank(other));
			for (const check of worst_first) list.append(check_row(check));
			show_dialog(__("Test Connection"), list);
			show_health(frm);
		});
	}

	function rank(check) {
		return check.ok ? 2 : check.severity === "warning" ? 1 : 0;
	}

	function check_row(check) {
		const [color, told] = [["red", __("Error")], ["orange", __("Warning")], ["green", __("In order")]][rank(check)];
		const dot = $(`<span class="indicator ${color}" style="flex: none">`);
		const title = $(`<span style="overflow-wrap: anywhere; min-width: 0">`).text(check.title);
		const line = $(`<div style="display: flex; align-items: baseline">`);
		const row = $(`<div class="mb-3">`).append(line.append(dot, $(`<span class="sr-only">`).text(`${told}: `), title));
		if (check.ok) return row;
		const advice = $(`<div class="text-muted" style="padding-left: 16px">`).text(check.fix || "");
		if (check.document) advice.append(" ", document_link(check));
		return row.append(advice);
	}

	// Settings have one document, named like their DocType; elsewhere that name stands for the list.
	function document_link({ doctype, document }) {
		const whole = document === doctype;
		const link = $(`<a style="text-decoration: underline">`).text(whole ? __(doctype) : `${__(doctype)} ${document}`);
		const list = `/app/${frappe.router.slug(doctype)}`;
		return link.attr("href", whole ? list : frappe.utils.get_form_link(doctype, document));
	}

	// --- suggestions -----------------------------------------------------------------------------------------

	// The tables that rows are suggested for: what a row is called, its values, and what a person chooses.
	const SUGGESTED = [
		{
			key: "taxes",
			table: "taxes",
			title: __("Taxes"),
			name: ({ title, code, rate }) => [title || code, rate && `${rate} %`].filter(Boolean).join(", "),
			values: ({ title, code, rate }) => ({ title, code, rate }),
			targets: [["account", "Account", __("Account")]],
		},
		{
			key: "shipping",
			table: "shipping_methods",
			title: __("Shipping Methods"),
			name: ({ code, title }) => [title, code !== title && code].filter(Boolean).join(", "),
			values: ({ code, title }) => ({ method: code || title }),
			targets: [["item", "Item", __("Item")], ["account", "Account", __("or Account")]],
		},
		{
			key: "locations",
			table: "warehouses",
			title: __("Locations"),
			name: ({ id, name }) => `${name}, ${id}`,
			values: ({ id }) => ({ location_id: id }),
			targets: [["warehouse", "Warehouse", __("Warehouse")]],
		},
		{
			key: "gateways",
			table: "payment_map",
			title: __("Payment Methods"),
			name: ({ gateway, title }) => [title, gateway !== title && gateway].filter(Boolean).join(", "),
			values: ({ gateway }) => ({ gateway }),
			targets: [["account", "Account", __("Clearing Account")]],
		},
	];

	function suggest_mappings(frm) {
		if (frm.is_dirty()) {
			frappe.msgprint(__("Save first: what the shop has is compared with the tables as they are saved."));
			return;
		}
		frappe
			.call({
				method: "commerce_bridge.api.suggestions",
				type: "GET",
				args: { channel: frm.doc.name },
				freeze: true,
				freeze_message: __("Asking the shop…"),
			})
			.then(({ message }) => show_suggestions(frm, message));
	}

	function show_suggestions(frm, found) {
		const groups = SUGGESTED.filter(({ key }) => found?.[key]?.length);
		const notes = (found?.notes || []).map((note) => $(`<p class="text-muted">`).text(note));
		if (!groups.length) {
			show_dialog(__("Suggest Mappings"), [$("<p>").text(nothing_to_suggest(found)), ...notes]);
			return;
		}
		const dialog = new frappe.ui.Dialog({
			title: __("Suggest Mappings"),
			size: "large",
			fields: [{ fieldtype: "HTML", fieldname: "body" }],
			primary_action_label: __("Add Rows"),
			primary_action: () => add_suggested(frm, dialog, rows),
		});
		const intro = $("<p>").text(__("The shop has these, and the channel has no row for them. Tick those to add, and choose what each is booked on."));
		const body = dialog.fields_dict.body.$wrapper.append(intro, notes);
		const rows = groups.flatMap((group) => suggested_group(frm, body, group, found[group.key]));
		dialog.show();
	}

	function nothing_to_suggest(found) {
		if (!found) return __("This storefront cannot be asked. Add rows by the names its orders have; * stands for all.");
		if (found.notes.length) return __("There is nothing to suggest.");
		return __("Each tax, shipping method, location and payment gateway of the shop has a row.");
	}

	function suggested_group(frm, body, group, found) {
		const section = $(`<fieldset class="mb-4">`).appendTo(body);
		section.append($(`<legend style="font-size: var(--text-lg)">`).text(group.title));
		const rows = [];
		if (found.length > 1) choose_for_all(frm, section, group, rows);
		for (const suggestion of found) rows.push(suggested_row(frm, section, group, suggestion));
		return rows;
	}

	const ROW = `<div class="mb-2" style="display: flex; flex-wrap: wrap; gap: var(--margin-sm); align-items: center">`;

	function choose_for_all(frm, section, group, rows) {
		const line = $(ROW).appendTo(section);
		line.append($(`<span class="text-muted" style="flex: 1 1 220px">`).text(__("For all ticked ones")));
		for (const [fieldname, doctype, label] of group.targets) {
			const control = target_control(frm, line, doctype, label, __("For all ticked ones"), () => {
				const value = control.get_value();
				for (const row of rows) if (value && row.box.checked) choose(row, fieldname, value);
			});
		}
	}

	function suggested_row(frm, section, group, suggestion) {
		const line = $(ROW).appendTo(section);
		const box = $(`<input type="checkbox">`).prop("checked", !suggestion.covered).get(0);
		const name = group.name(suggestion);
		const covered = suggestion.covered ? __("taken by the row for all") : "";
		const about = [suggestion.example, covered].filter(Boolean).join(" · ");
		const label = $(`<label class="mb-0" style="flex: 1 1 220px; min-width: 0; overflow-wrap: anywhere">`);
		label.append(box, " ", $("<span>").text(name), $(`<div class="text-muted small">`).text(about)).appendTo(line);
		const row = { group, suggestion, name, box, controls: {} };
		for (const [fieldname, doctype, target] of group.targets) {
			row.controls[fieldname] = target_control(frm, line, doctype, target, name, () => chosen(row, fieldname));
		}
		return row;
	}

	function target_control(frm, line, doctype, label, name, change) {
		const parent = $(`<div style="flex: 1 1 160px; min-width: 0">`).appendTo(line);
		const filters = { Item: { is_stock_item: 0, disabled: 0 }, Account: { company: frm.doc.company, is_group: 0 } };
		const get_query = () => ({ filters: filters[doctype] || { company: frm.doc.company } });
		const df = { fieldtype: "Link", options: doctype, placeholder: label, get_query, change, only_select: 1 };
		const control = frappe.ui.form.make_control({ parent, df, only_input: true, render_input: true });
		control.$input.attr("aria-label", `${label}: ${name}`);
		return control;
	}

	function choose(row, fieldname, value) {
		row.controls[fieldname].set_value(value).then(() => chosen(row, fieldname));
	}

	// A row is booked on one of its targets, and whoever chooses one means the row.
	function chosen(row, fieldname) {
		if (!row.controls[fieldname].get_value()) return;
		row.box.checked = true;
		for (const [other, control] of Object.entries(row.controls)) if (other !== fieldname) control.set_value("");
	}

	function add_suggested(frm, dialog, rows) {
		const wanted = rows.filter(({ box }) => box.checked);
		const targets = (row) =>
			Object.fromEntries(Object.entries(row.controls).map(([name, control]) => [name, control.get_value()]));
		const without = wanted.filter((row) => !Object.values(targets(row)).some(Boolean));
		if (without.length || !wanted.length) {
			const message = without.length ? __("Choose something for {0}, or untick it", [without[0].name]) : __("Tick something");
			frappe.show_alert({ message: frappe.utils.escape_html(message), indicator: "orange" });
			return;
		}
		for (const row of wanted) add_row(frm, row.group, { ...row.group.values(row.suggestion), ...targets(row) });
		for (const table of new Set(wanted.map(({ group }) => group.table))) frm.refresh_field(table);
		frm.dirty();
		dialog.hide();
		frm.scroll_to_field(wanted[0].group.table);
		frappe.show_alert({ message: __("Rows added: {0}. Save to keep them.", [wanted.length]), indicator: "green" });
	}

	// A warehouse that has a row without a location gets this one: a second row would sell its stock twice.
	function add_row(frm, { table }, values) {
		if (table === "payment_map") return add_gateway(frm, values);
		const known = (frm.doc[table] || []).find((row) => values.warehouse && row.warehouse === values.warehouse && !row.location_id);
		if (known) frappe.model.set_value(known.doctype, known.name, "location_id", values.location_id);
		else frm.add_child(table, values);
	}

	function register_webhooks(frm) {
		call(frm, "register_webhooks", {}, __("Registering…")).then((message) => {
			show_dialog(__("Register Webhooks"), $("<p>").css("overflow-wrap", "anywhere").text(message));
		});
	}

	function posts_keys(frm) {
		return frm.doc.platform === "woocommerce";
	}

	function question_of(frm) {
		if (posts_keys(frm)) {
			return __("Go to the shop, log in as an administrator and agree there? The shop then makes a key for this channel, and takes you back.");
		}
		const address = `${frappe.urllib.get_base_url()}/api/method/commerce_bridge.api.authorised`;
		return __("Go to the store and agree there? The app must know this address as a redirection URL: {0}", [
			`<code style="overflow-wrap: anywhere">${frappe.utils.escape_html(address)}</code>`,
		]);
	}

	// The store's own page asks whether this site may use it, and sends the browser back to this form.
	function connect_to_shop(frm) {
		frappe.confirm(question_of(frm), () =>
			call(frm, "authorise", {}, __("Connecting…")).then((url) => url && window.location.assign(url))
		);
	}

	function rotate_secret(frm) {
		const question = __("Make a new webhook secret? The previous one stays valid for a day, until the storefront has the new one.");
		frappe.confirm(question, () =>
			call(frm, "rotate_secret").then((answer) => {
				if (answer?.secret) show_secret(answer.secret);
				else frappe.show_alert({ message: __("The shop is told of it while the channel is Active."), indicator: "green" });
				frm.reload_doc();
			})
		);
	}

	function show_secret(secret) {
		const copy = $(`<button class="btn btn-xs btn-default">`).text(__("Copy"));
		copy.on("click", () => frappe.utils.copy_to_clipboard(secret));
		const body = $("<div>").append(
			$("<p>").text(__("Enter this secret in the storefront. It is not shown again.")),
			$("<p>").append($(`<code style="word-break: break-all">`).text(secret), " ", copy)
		);
		show_dialog(__("New Webhook Secret"), body);
	}

	function preview_stock(frm) {
		call(frm, "preview_stock", {}, __("Computing…")).then((rows) => {
			const dialog = new frappe.ui.Dialog({
				title: __("What would change in the shop"),
				size: "large",
				fields: [
					{ fieldtype: "HTML", fieldname: "preview" },
					{
						fieldtype: "Check",
						fieldname: "confirmed",
						label: __("I have looked at it: this first push may be sent"),
						hidden: frm.doc.first_push_confirmed,
					},
				],
				primary_action_label: __("Send"),
				primary_action: ({ confirmed }) => {
					if (!confirmed && !frm.doc.first_push_confirmed) {
						frappe.show_alert({ message: __("Tick that you have looked at it"), indicator: "orange" });
						return;
					}
					dialog.hide();
					sync_stock(frm, Boolean(confirmed));
				},
			});
			dialog.fields_dict.preview.$wrapper.append(preview_table(rows || []));
			dialog.show();
		});
	}

	function preview_table(rows) {
		if (!rows.length) return $("<p>").text(__("Nothing: the shop shows what is available."));
		const located = rows.some((row) => row.location_id);
		const head = [__("Item"), __("SKU"), ...(located ? [__("Location")] : []), __("Last sent"), __("Now")];
		const table = $(`<table class="table table-condensed" style="margin: 0">`);
		table.append($("<tr>").append(head.map((label) => $("<th>").text(label))));
		for (const row of rows.slice(0, 200)) {
			const location = located ? [row.location_id || ""] : [];
			const cells = [row.item_code, row.sku, ...location, row.before ?? "–", row.after];
			table.append($("<tr>").append(cells.map((cell) => $("<td>").text(String(cell ?? "")))));
		}
		const more = rows.length > 200 ? $("<p>").text(__("… and {0} more", [rows.length - 200])) : "";
		return $(`<div class="mb-3" style="max-height: 50vh; overflow: auto">`).append(table, more);
	}

	function sync_stock(frm, confirm_first_push) {
		call(frm, "sync_stock_now", { confirm_first_push: confirm_first_push ? 1 : 0 }).then(() => {
			frappe.show_alert({ message: __("Stock is being sent."), indicator: "green" });
			frm.reload_doc();
		});
	}

	function send_everything(frm, label, method) {
		const question = __("{0}: send all of them, whatever was sent before?", [label]);
		frappe.confirm(question, () =>
			call(frm, method).then((count) => {
				frappe.show_alert({ message: __("Items being sent: {0}", [count]), indicator: "green" });
				show_health(frm);
			})
		);
	}

	function check_stock(frm) {
		call(frm, "check_stock_in_shop").then(() => {
			frappe.show_alert({ message: __("The shop is being asked what it shows."), indicator: "green" });
			show_health(frm);
		});
	}

	function import_orders(frm) {
		const fields = [{ fieldtype: "Datetime", fieldname: "since", label: __("Since"), reqd: 1 }];
		const send = ({ since }) =>
			call(frm, "import_orders_since", { since }).then(() => {
				frappe.show_alert({ message: __("The import has started."), indicator: "green" });
				frm.import_followed = true;
				look_at_import(frm);
			});
		frappe.prompt(fields, send, __("Import Orders Since…"), __("Import"));
	}

	function import_products(frm) {
		const fields = [
			{
				fieldtype: "HTML",
				options: $("<p>").text(
					__("Each variant of the shop is linked to the Item whose code is its SKU, else to the one with its barcode. Items that are there stay as they are. It may be repeated at any time.")
				).prop("outerHTML"),
			},
			{
				fieldtype: "Check",
				fieldname: "create",
				label: __("Make Items of what no Item is found for"),
				description: frm.doc.new_item_group
					? __("In the Item Group {0}", [frappe.utils.escape_html(frm.doc.new_item_group)])
					: __("Choose the Item Group for New Items in the settings first"),
				read_only: !frm.doc.new_item_group,
			},
			{
				fieldtype: "Check",
				fieldname: "prices",
				label: __("Take the shop's prices over where the price list has none"),
			},
			{
				fieldtype: "Check",
				fieldname: "overwrite",
				label: __("Overwrite texts and images of Items where the storefront owns them"),
				hidden: ![frm.doc.owner_title, frm.doc.owner_images].includes("Storefront"),
			},
		];
		const send = (chosen) => {
			const asked = (name) => (chosen[name] ? 1 : 0);
			const args = { create: asked("create"), overwrite: asked("overwrite"), prices: asked("prices") };
			call(frm, "import_products", args).then(() => {
				frappe.show_alert({ message: __("The shop is being asked for its products."), indicator: "green" });
				show_health(frm);
			});
		};
		frappe.prompt(fields, send, __("Import Products"), __("Import"));
	}

	function look_at_import(frm) {
		if (cur_frm !== frm || frm.is_new()) return;
		call(frm, "channel_health").then((health) => follow_import(frm, health));
	}

	// First the orders are read, then they are worked off like all others: the bar ends when none of them waits.
	function follow_import(frm, health) {
		const progress = import_of(health);
		if (cur_frm !== frm || !progress) return;
		outcome_of(frm, progress).then((outcome) => {
			const ended = progress.finished && !outcome.waiting;
			if (ended && !frm.import_followed) return;
			show_import(frm, progress, outcome);
			clearTimeout(frm.import_followed);
			frm.import_followed = ended ? null : setTimeout(() => look_at_import(frm), 2000);
			if (ended) show_health(frm);
		});
	}

	// How many of the entries made since an import started are in which state.
	function outcome_of(frm, { started }) {
		const since = moment(started).tz(frappe.boot.time_zone.system).format(frappe.defaultDatetimeFormat);
		const made = { channel: frm.doc.name, direction: "Inbound", creation: [">=", since] };
		const count = (states) => frappe.db.count("Sync Log", { filters: { ...made, state: ["in", states] } });
		const groups = [["Queued", "Running"], ["Retrying"], ["Failed"], ["Succeeded"]];
		return Promise.all(groups.map(count)).then(([waiting, retrying, failed, succeeded]) => ({
			waiting,
			retrying,
			failed,
			succeeded,
		}));
	}

	function show_import(frm, progress, { waiting, retrying, failed, succeeded }) {
		const settled = retrying + failed + succeeded;
		const worked_off = waiting + settled ? settled / (waiting + settled) : 1;
		// A storefront need not say beforehand how many orders there are: reading them is a fifth of the bar.
		const percent = progress.finished ? 20 + 80 * worked_off : 20;
		const counts = __("Entries since then: {0} succeeded, {1} failed, {2} to be retried, {3} waiting", [
			succeeded,
			failed,
			retrying,
			waiting,
		]);
		// The first call makes the bar, and takes its text as HTML; the second one takes it as text.
		frm.dashboard.show_progress(__("Import"), percent);
		frm.dashboard.show_progress(__("Import"), percent, `${progress_text(progress)}. ${counts}`);
	}

	function add_listings(frm) {
		const fields = [
			{ fieldtype: "Link", fieldname: "item_group", label: __("Item Group"), options: "Item Group" },
			{
				fieldtype: "Small Text",
				fieldname: "items",
				label: __("Or Item Codes"),
				description: __("One per line"),
				formatter: frappe.utils.escape_html,
			},
		];
		const add = ({ item_group, items }) => {
			const codes = (items || "").split("\n").map((code) => code.trim());
			const args = { item_group, items: codes.filter(Boolean) };
			call(frm, "add_listings", args, __("Adding…")).then((answer) =>
				frappe.show_alert({
					message: __("Listings added: {0}", [answer?.created ?? answer ?? 0]),
					indicator: "green",
				})
			);
		};
		frappe.prompt(fields, add, __("Add Listings"), __("Add"));
	}

	function show_dialog(title, body) {
		const dialog = new frappe.ui.Dialog({ title, fields: [{ fieldtype: "HTML", fieldname: "body" }] });
		dialog.fields_dict.body.$wrapper.append(body);
		dialog.show();
	}
})();
