// What a storefront sent, or what was sent to it: a tree to open, search and copy. All of it may be a stranger's:
// text nodes only. A branch is made when it is opened, and one of many parts in ranges of a hundred, so that a
// megabyte opens at once. All rows stand side by side, for a browser breaks down under elements nested as deep as a
// stranger may nest. Keys as in https://www.w3.org/WAI/ARIA/apg/patterns/treeview/
frappe.provide("commerce_bridge");
(() => {
	const PAGE = 100; // parts of a branch that stand side by side
	const SMALL = 4000; // characters that are shown opened
	const OPENED_DEPTH = 6;
	const STRING = 600; // characters of a text that are shown at first
	const MORE = 50000; // and that one press adds
	const AROUND = 120; // characters before what was searched for
	const INDENTED = 12; // levels; deeper ones stand below each other
	const STYLE = `
		.cb-payload-bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-bottom: 8px }
		.cb-payload-bar input { flex: 1 1 160px; min-width: 0; max-width: 320px }
		.cb-payload ul { list-style: none; margin: 0; padding: 0 }
		.cb-payload > ul { max-height: 60vh; overflow: auto; padding: 8px; border: 1px solid var(--border-color);
			border-radius: var(--border-radius); font-family: var(--font-stack-mono, monospace); font-size: 12px }
		.cb-payload [role=treeitem] { outline: none }
		.cb-payload [role=treeitem]:focus > .cb-row { box-shadow: inset 0 0 0 2px var(--primary, #171717) }
		.cb-payload .cb-row { display: flex; gap: 4px; align-items: baseline; padding: 2px 4px; border-radius: 4px }
		.cb-payload .cb-twist { flex: 0 0 14px; user-select: none }
		.cb-payload [aria-expanded] > .cb-row { cursor: pointer }
		.cb-payload .cb-text { min-width: 0; color: var(--text-color); white-space: pre-wrap; overflow-wrap: anywhere }
		.cb-payload .cb-key { font-weight: 600 }
		.cb-payload .cb-size { color: var(--text-color) }
		.cb-payload .cb-hit > .cb-row { background: var(--yellow-highlight-color, #fff7d3) }
		.cb-payload mark { padding: 0 }`;

	// --- what is shown ---------------------------------------------------------------------------------------

	// Storefronts send amounts and ids of more digits than a number holds here: they keep their spelling.
	class NumberText {
		constructor(source) {
			this.source = source;
		}
	}

	function parsed(text) {
		const keep = (_key, value, context) =>
			typeof value === "number" && context?.source !== undefined && String(value) !== context.source
				? new NumberText(context.source)
				: value;
		for (const reviver of [keep, undefined]) {
			try {
				return JSON.parse(text, reviver);
			} catch {
				continue; // nested too deep for a reviver, or no JSON
			}
		}
		return text;
	}

	const is_branch = (value) => value !== null && typeof value === "object" && !(value instanceof NumberText);

	function spelled(value) {
		return value instanceof NumberText ? value.source : String(value);
	}

	// A value and where it stands. `start` and `end`: the parts it holds, some of them where it is a range.
	function node_of(parent, key, value) {
		const node = { parent, key, value, level: parent ? parent.level + 1 : 1 };
		if (is_branch(value)) {
			node.keys = Array.isArray(value) ? null : Object.keys(value);
			Object.assign(node, { start: 0, end: (node.keys || value).length });
		}
		return node;
	}

	function children_of(node) {
		if (node.children) return node.children;
		const step = step_of(node);
		const count = Math.ceil((node.end - node.start) / step);
		const child = (index) => (step === 1 ? part_of(node, node.start + index) : range_of(node, index, step));
		return (node.children = Array.from({ length: count }, (_, index) => child(index)));
	}

	function step_of(node) {
		let step = 1;
		while ((node.end - node.start) / step > PAGE) step *= PAGE;
		return step;
	}

	function part_of(node, index) {
		const key = node.keys ? node.keys[index] : index;
		return node_of(node, key, node.value[key]);
	}

	function range_of(node, index, step) {
		const start = node.start + index * step;
		const end = Math.min(start + step, node.end);
		return { ...node, parent: node, level: node.level + 1, start, end, range: true, children: null, element: null };
	}

	// --- the page --------------------------------------------------------------------------------------------

	commerce_bridge.show_payload = (parent, text, label) => {
		const wrapper = $(parent).empty();
		if (!text) return;
		add_style();
		const root = node_of(null, null, parsed(text));
		const box = $(`<div class="cb-payload">`).appendTo(wrapper);
		const tree = $(`<ul role="tree">`).attr("aria-label", label);
		box.append(toolbar(root, text, label), tree);
		tree.append(element_of(root));
		root.element.attr("tabindex", 0);
		if (is_branch(root.value)) open(root);
		if (text.length <= SMALL) open_all(root);
		tree.on("keydown", on_key);
		tree.on("click", ".cb-row", on_click);
		tree.on("focusin", "[role=treeitem]", (event) => rove(tree, event.target));
	};

	function add_style() {
		if (!document.getElementById("cb-payload-style")) {
			$("<style>").attr("id", "cb-payload-style").text(STYLE).appendTo(document.head);
		}
	}

	function element_of(node) {
		node.element = $(`<li role="treeitem" tabindex="-1">`).attr("aria-level", node.level);
		node.element.css("padding-left", `${(Math.min(node.level, INDENTED) - 1) * 14}px`).data("node", node);
		node.open = false;
		if (is_branch(node.value)) node.element.attr("aria-expanded", "false");
		show_row(node);
		return node.element;
	}

	function show_row(node, found) {
		const twist = $(`<span class="cb-twist" aria-hidden="true">`);
		if (is_branch(node.value)) twist.text(node.open ? "▾" : "▸");
		const text = $(`<span class="cb-text">`).append(label_of(node, found), value_of(node, found));
		const row = $(`<div class="cb-row">`).append(twist, text);
		node.element.children(".cb-row").remove();
		node.element.prepend(row);
	}

	function label_of(node, found) {
		if (node.range) return $(`<span class="cb-size">`).text(`${node.start} … ${node.end - 1}`);
		if (node.key === null) return null;
		const key = $(`<span class="cb-key">`).append(marked(String(node.key), found?.in_key ? found.words : ""));
		return [key, document.createTextNode(": ")];
	}

	function value_of(node, found) {
		if (node.range) return null;
		if (is_branch(node.value)) return $(`<span class="cb-size">`).text(size_of(node));
		if (typeof node.value !== "string") return marked(spelled(node.value), found?.in_key ? "" : found?.words);
		return string_of(node, found);
	}

	function size_of(node) {
		return node.keys ? __("Fields: {0}", [node.end]) : __("Entries: {0}", [node.end]);
	}

	function string_of(node, found) {
		const at = found && !found.in_key ? found.at : 0;
		const from = at > STRING - AROUND ? at - AROUND : 0;
		const shown = node.value.slice(from, Math.max(from + STRING, from ? 0 : node.shown || 0));
		const before = from ? "… " : "";
		const parts = [`“${before}`, ...marked(shown, found && !found.in_key ? found.words : "")];
		const left = node.value.length - shown.length;
		parts.push(left ? "…" : "”");
		return left ? [...parts, " ", more_button(node, from ? 0 : shown.length, left)] : parts;
	}

	function more_button(node, shown, left) {
		const label = __("Show more (characters left: {0})", [left]);
		return $(`<button type="button" class="btn btn-xs btn-default" tabindex="-1">`)
			.text(label)
			.on("click", (event) => {
				event.stopPropagation();
				node.shown = shown + MORE;
				show_row(node);
				focus(node.element);
			});
	}

	// The text, its first occurrence of what was searched for marked.
	function marked(text, words) {
		const at = words ? text.toLowerCase().indexOf(words) : -1;
		if (at < 0) return [document.createTextNode(text)];
		const end = at + words.length;
		const hit = $("<mark>").text(text.slice(at, end))[0];
		return [document.createTextNode(text.slice(0, at)), hit, document.createTextNode(text.slice(end))];
	}

	// --- opening and closing ---------------------------------------------------------------------------------

	function open(node) {
		if (!is_branch(node.value) || node.open) return;
		turn(node, true);
		node.element.after(children_of(node).map(element_of));
	}

	function close(node) {
		turn(node, false);
		let below = node.element.next();
		while (below.length && below.data("node").level > node.level) {
			const gone = below;
			below = below.next();
			gone.remove();
		}
	}

	function turn(node, open) {
		node.open = open;
		node.element.attr("aria-expanded", String(open));
		node.element.find("> .cb-row > .cb-twist").text(open ? "▾" : "▸");
	}

	function open_all(node) {
		if (!is_branch(node.value) || node.level > OPENED_DEPTH) return;
		open(node);
		children_of(node).forEach(open_all);
	}

	function toggle(node) {
		if (is_branch(node.value)) return node.open ? close(node) : open(node);
		node.element.find("> .cb-row button").trigger("click");
	}

	function on_click(event) {
		if (String(window.getSelection())) return; // somebody marks a text
		const item = $(event.currentTarget).parent();
		toggle(item.data("node"));
		focus(item);
	}

	// --- keys ------------------------------------------------------------------------------------------------

	function on_key(event) {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const item = $(event.target).closest("[role=treeitem]");
		const act = KEYS[event.key];
		if (!act) return;
		act(item, item.data("node"));
		event.preventDefault();
		event.stopPropagation();
	}

	const KEYS = {
		ArrowDown: (item) => focus(item.next()),
		ArrowUp: (item) => focus(item.prev()),
		Home: (item) => focus(item.siblings().addBack().first()),
		End: (item) => focus(item.siblings().addBack().last()),
		ArrowRight: (item, node) => (node.open ? focus(item.next()) : open(node)),
		ArrowLeft: (_item, node) => (node.open ? close(node) : focus(node.parent?.element)),
		Enter: (_item, node) => toggle(node),
		" ": (_item, node) => toggle(node),
	};

	function focus(item) {
		item?.[0]?.focus();
	}

	// One of the items is reached with Tab: the one that was used last.
	function rove(tree, target) {
		const item = $(target).closest("[role=treeitem]");
		tree.find("[role=treeitem][tabindex=0]").attr("tabindex", -1);
		item.attr("tabindex", 0);
	}

	// --- search ----------------------------------------------------------------------------------------------

	function toolbar(root, text, label) {
		const state = { root, hits: [], current: -1, words: "" };
		const name = __("Search in {0}", [label]);
		state.status = $(`<span role="status" aria-live="polite">`);
		state.input = $(`<input type="search" class="form-control input-sm">`).attr({ "aria-label": name, placeholder: name });
		state.input.on("input", frappe.utils.debounce(() => search(state), 200));
		state.input.on("keydown", (event) => {
			if (event.key !== "Enter") return;
			event.preventDefault();
			go(state, event.shiftKey ? -1 : 1);
		});
		return $(`<div class="cb-payload-bar" role="group">`).attr("aria-label", label).append(
			state.input,
			button("↑", __("Previous Hit"), () => go(state, -1)),
			button("↓", __("Next Hit"), () => go(state, 1)),
			state.status,
			button(__("Collapse"), __("Collapse {0}", [label]), () => collapse(root)),
			button(__("Copy"), __("Copy {0}", [label]), () => frappe.utils.copy_to_clipboard(text))
		);
	}

	function button(text, label, action) {
		return $(`<button type="button" class="btn btn-default btn-sm">`)
			.text(text)
			.attr({ "aria-label": label, title: label })
			.on("click", action);
	}

	function collapse(root) {
		if (!is_branch(root.value)) return;
		close(root);
		open(root);
	}

	function search(state) {
		state.words = state.input.val().toLowerCase();
		state.hits = state.words ? hits_of(state.root, state.words) : [];
		state.current = -1;
		unmark(state);
		if (state.hits.length) go(state, 1);
		else state.status.text(state.words ? __("Nothing found") : "");
	}

	// Where the words stand: a path of indexes each. Without recursion: a stranger nests as deep as they please.
	function hits_of(root, words) {
		const hits = [];
		const left = [{ value: root.value, key: null, path: null }];
		while (left.length) {
			const place = left.pop();
			const hit = hit_in(place, words);
			if (hit) hits.push(hit);
			if (is_branch(place.value)) push_parts(left, place);
		}
		return hits;
	}

	function push_parts(left, place) {
		const { value } = place;
		const keys = Array.isArray(value) ? null : Object.keys(value);
		for (let index = (keys || value).length - 1; index >= 0; index--) {
			const key = keys ? keys[index] : index;
			left.push({ value: value[key], key: keys ? key : null, path: { index, up: place.path } });
		}
	}

	function hit_in({ value, key, path }, words) {
		if (key !== null && key.toLowerCase().includes(words)) return { path, words, in_key: true, at: 0 };
		const at = is_branch(value) ? -1 : spelled(value).toLowerCase().indexOf(words);
		return at < 0 ? null : { path, words, in_key: false, at };
	}

	function go(state, by) {
		const count = state.hits.length;
		if (!count) return;
		state.current = (state.current + by + count) % count;
		unmark(state);
		const hit = state.hits[state.current];
		state.marked = reveal(state.root, hit.path);
		show_row(state.marked, hit);
		state.marked.element.addClass("cb-hit");
		state.marked.element.children(".cb-row")[0].scrollIntoView({ block: "nearest" });
		state.status.text(__("{0} of {1}", [state.current + 1, count]));
	}

	function unmark(state) {
		if (!state.marked) return;
		state.marked.element.removeClass("cb-hit");
		show_row(state.marked);
		state.marked = null;
	}

	function reveal(root, path) {
		const indexes = [];
		for (let place = path; place; place = place.up) indexes.unshift(place.index);
		return indexes.reduce(opened_part, root);
	}

	// The part of a branch at an index, the branch and the ranges between them opened.
	function opened_part(branch, index) {
		let node = branch;
		while (true) {
			open(node);
			const step = step_of(node);
			node = children_of(node)[Math.floor((index - node.start) / step)];
			if (step === 1) return node;
		}
	}
})();
