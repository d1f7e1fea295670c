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
			frm.set_query("item", "shipping_methods", () => ({ filters: { is_stock_item: 0, disabled: 0 } }));
		},

		validate(frm) {
			drop_untouched_rows(frm);
		},

		refresh(frm) {
			offer_platforms(frm);
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

	function offer_platforms(frm) {
		const input = frm.fields_dict.platform.$input?.get(0);
		if (!input || frm.platforms_offered) return;
		frm.platforms_offered = true;
		frappe.call("commerce_bridge.api.connectors").then(({ message }) => {
			const list = new Awesomplete(input, { list: message || [], minChars: 0, autoFirst: true });
			input.addEventListener("focus", () => list.evaluate());
			input.addEventListener("awesomplete-selectcomplete", () => frm.set_value("platform", input.value));
		});
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
		frm.fields_dict.webhook_url.$wrapper.empty().append(label, row);
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
		return [
			[__("On this site"), __(health.status), status_color],
			[__("Last event in"), when(health.last_event)],
			[__("Last push out"), when(health.last_push)],
			[__("Failures in 24 hours"), String(health.failed_24h), health.failed_24h ? "red" : "green"],
			[__("Rejected in 24 hours"), String(health.rejected), health.rejected ? "orange" : "green"],
			[__("Oldest waiting"), health.oldest_waiting ? when(health.oldest_waiting) : __("nothing waits")],
			[__("Outgoing calls"), circuit_text(circuit), circuit === "Closed" ? "green" : "red"],
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
		if (frm.doc.authentication === "Authorisation") {
			frm.add_custom_button(__("Connect to Shop"), () => connect_to_shop(frm), setup);
		}
		frm.add_custom_button(__("Rotate Secret"), () => rotate_secret(frm), setup);
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
		});
	}

	function rank(check) {
		return check.ok ? 2 : check.severity === "warning" ? 1 : 0;
	}

	function check_row(check) {
		const color = ["red", "orange", "green"][rank(check)];
		const row = $("<p>").append($(`<span class="indicator ${color}">`).text(check.title));
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

	function register_webhooks(frm) {
		call(frm, "register_webhooks", {}, __("Registering…")).then((message) => {
			show_dialog(__("Register Webhooks"), $("<p>").css("overflow-wrap", "anywhere").text(message));
		});
	}

	// The store's own page asks whether this site may use it, and sends the browser back to this form.
	function connect_to_shop(frm) {
		const address = `${frappe.urllib.get_base_url()}/api/method/commerce_bridge.api.authorised`;
		const question = __("Go to the store and agree there? The app must know this address as a redirection URL: {0}", [
			`<code style="overflow-wrap: anywhere">${frappe.utils.escape_html(address)}</code>`,
		]);
		frappe.confirm(question, () =>
			call(frm, "authorise", {}, __("Connecting…")).then((url) => url && window.location.assign(url))
		);
	}

	function rotate_secret(frm) {
		const question = __("Make a new webhook secret? The previous one stays valid for a while, so that you can enter the new one in the storefront.");
		frappe.confirm(question, () =>
			call(frm, "rotate_secret").then((answer) => {
				show_secret(answer?.secret ?? answer);
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
