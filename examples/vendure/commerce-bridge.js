"use strict";

/**
 * Joins a Vendure shop to ERPNext by the contract of docs/custom-storefront-api.md.
 *
 * Out: an order is written to an outbox in the transaction that places, changes or cancels it, and sent until it
 * is acknowledged. In: stock, prices, titles, shipments and cancellations arrive as signed messages at
 * /commerce-bridge, where ERPNext reads orders, stock and catalog as well.
 *
 * The channel's Store URL is https://<shop>/commerce-bridge.
 */
const crypto = require("node:crypto");
const { ModuleRef } = require("@nestjs/core");
const { EntitySchema, LessThanOrEqual, Not } = require("typeorm");
const {
	ConfigService,
	EventBus,
	Fulfillment,
	HistoryEntryEvent,
	isGraphQlErrorResult,
	Logger,
	OrderService,
	OrderStateTransitionEvent,
	PluginCommonModule,
	ProcessContext,
	ProductVariant,
	ProductVariantService,
	RequestContextService,
	StockLevelService,
	StockLocationService,
	TransactionalConnection,
	VendurePlugin,
} = require("@vendure/core");

const ROUTE = "/commerce-bridge";
const TOLERANCE_SECONDS = 300;
const MAX_BODY = 4 * 1024 * 1024;
const PAGE_SIZE = 100;
/** Waits between the tries of an event, in milliseconds; then hourly. */
const WAITS = [2_000, 10_000, 60_000, 300_000, 1_800_000];
/** Answers that trying again does not change: people see why, here and in the Sync Log. */
const REFUSED = [400, 413, 415];
/** An order that reaches one of these states is sent. Shipping states are ERPNext's own news. */
const TOLD_STATES = ["PaymentAuthorized", "PaymentSettled", "Cancelled"];

class OutgoingEvent {}
/** Events for ERPNext. The row's number is the version of the order in it. */
const OutgoingEventSchema = new EntitySchema({
	name: "CommerceBridgeEvent",
	tableName: "commerce_bridge_event",
	target: OutgoingEvent,
	columns: {
		id: { type: "integer", primary: true, generated: "increment" },
		eventId: { type: "varchar", unique: true },
		orderId: { type: "varchar" },
		body: { type: "text" },
		/** How many more of each variant the order takes than its event before: {variant: quantity}. */
		taken: { type: "simple-json" },
		/** When ERPNext had stored it, by its own clock. */
		receivedAt: { type: "varchar", default: "" },
		/** "waiting", "heard" by ERPNext, "done" once its levels count it, or why ERPNext refuses it. */
		state: { type: "varchar", default: "waiting" },
		tries: { type: "integer", default: 0 },
		due: { type: "bigint", default: 0 },
	},
	indices: [{ columns: ["state"] }, { columns: ["orderId"] }],
});

class Told {}
/** When ERPNext last told of a thing: of two messages the one with the later time holds. */
const ToldSchema = new EntitySchema({
	name: "CommerceBridgeTold",
	tableName: "commerce_bridge_told",
	target: Told,
	columns: { key: { type: "varchar", primary: true }, at: { type: "bigint" } },
});

// --- signatures: https://www.standardwebhooks.com ---------------------------------------------------------

function keyOf(secret) {
	return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret, "utf8");
}

function signature(secret, id, timestamp, body) {
	return "v1," + crypto.createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest("base64");
}

function isGenuine(secret, headers, body) {
	const timestamp = headers["webhook-timestamp"] ?? "";
	if (!/^[0-9]+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
	const expected = Buffer.from(signature(secret, headers["webhook-id"] ?? "", timestamp, body));
	const presented = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one));
	return presented.some((one) => one.length === expected.length && crypto.timingSafeEqual(one, expected));
}

// --- the bridge -------------------------------------------------------------------------------------------

class CommerceBridge {
	constructor(moduleRef, options) {
		this.options = options;
		const service = (type) => moduleRef.get(type, { strict: false });
		this.connection = service(TransactionalConnection);
		this.contexts = service(RequestContextService);
		this.orders = service(OrderService);
		this.variants = service(ProductVariantService);
		this.levels = service(StockLevelService);
		this.locations = service(StockLocationService);
		this.precision = service(ConfigService).entityOptions.moneyStrategy.precision ?? 2;
		this.last = Promise.resolve();
	}

	/** A transaction of our own, with the rights of the shop itself. */
	async transaction(work) {
		return this.connection.withTransaction(await this.contexts.create({ apiType: "admin" }), work);
	}

	/** One after the other: while it is open whether ERPNext has an order, no level that may count it is taken. */
	exclusive(work) {
		const result = this.last.then(work);
		this.last = result.catch(() => {});
		return result;
	}

	/** Minor units as a decimal string. */
	amount(minor) {
		return (minor / 10 ** this.precision).toFixed(this.precision);
	}

	/** A decimal string in minor units. */
	minor(amount) {
		const [whole, fraction = ""] = amount.split(".");
		if (/[1-9]/.test(fraction.slice(this.precision))) throw new Refused(`the price has more than ${this.precision} decimals`);
		return Number(whole + fraction.slice(0, this.precision).padEnd(this.precision, "0"));
	}

	// --- orders, out

	/** Writes the order as it is now to the outbox, in the transaction of what happened to it. */
	async keep(ctx, orderId) {
		const order = await this.orders.findOne(ctx, orderId, [
			"lines", "lines.productVariant", "lines.productVariant.taxCategory", "shippingLines", "shippingLines.shippingMethod",
			"surcharges", "customer", "payments",
		]);
		const repository = this.connection.getRepository(ctx, OutgoingEvent);
		const before = await repository.findOne({ where: { orderId: String(orderId) }, order: { id: "DESC" } });
		const told = before ? JSON.parse(before.body).data : null;
		if (order.state === "Cancelled" && !told) return;
		const row = await repository.save({
			eventId: `evt_${crypto.randomUUID()}`, orderId: String(orderId), body: "{}", taken: {},
		});
		const data = this.asMessage(order, row.id);
		if (data.cancelled) data.lines = told.lines; // Vendure takes them out of a cancelled order
		const body = JSON.stringify({ type: "order.upserted", timestamp: new Date().toISOString(), data });
		await repository.update(row.id, { body, taken: difference(takenBy(data), told ? takenBy(told) : {}) });
	}

	/** Some lines were cancelled. Where nothing is left, the order's own state follows. */
	async keepRest(ctx, orderId) {
		const order = await this.orders.findOne(ctx, orderId, ["lines"]);
		if (!order.active && order.lines.some((line) => line.quantity > 0)) await this.keep(ctx, orderId);
	}

	asMessage(order, version) {
		return {
			id: String(order.id),
			order_number: order.code,
			version,
			updated_at: new Date().toISOString(),
			placed_at: (order.orderPlacedAt ?? new Date()).toISOString(),
			status: order.state,
			cancelled: order.state === "Cancelled",
			currency: order.currencyCode,
			prices_include_tax: false,
			customer: customer(order.customer),
			billing_address: address(order.billingAddress) ?? address(order.shippingAddress),
			shipping_address: address(order.shippingAddress),
			lines: order.lines.filter((line) => line.quantity > 0).map((line) => this.line(line)),
			shipping: order.shippingLines.map((line) => ({
				code: line.shippingMethod?.code,
				title: line.shippingMethod?.name,
				amount: this.amount(line.discountedPrice),
				taxes: this.tax(line.taxRate, line.discountedPriceWithTax - line.discountedPrice),
			})),
			fees: order.surcharges.map((fee) => ({
				code: fee.sku,
				title: fee.description,
				amount: this.amount(fee.price),
				taxes: this.tax(fee.taxRate, fee.priceWithTax - fee.price),
			})),
			payments: order.payments.map((payment) => ({
				id: String(payment.id),
				gateway: payment.method,
				reference: payment.transactionId || null,
				status: payment.state,
				amount: this.amount(payment.amount),
			})),
			totals: { grand_total: this.amount(order.totalWithTax) },
		};
	}

	/** A line's discounts, and its share of those of the whole order, are in its prorated price. */
	line(line) {
		const unit = Math.ceil(line.linePrice / line.quantity);
		return {
			id: String(line.id),
			sku: line.productVariant.sku,
			product_id: String(line.productVariant.productId),
			variant_id: String(line.productVariant.id),
			name: line.productVariant.name,
			quantity: line.quantity,
			unit_price: this.amount(unit),
			discount: this.amount(unit * line.quantity - line.proratedLinePrice),
			total: this.amount(line.proratedLinePrice),
			taxes: this.tax(line.taxRate, line.proratedLineTax),
		};
	}

	tax(rate, amount) {
		return rate || amount ? [{ title: `VAT ${rate}%`, code: "VAT", rate: String(rate), amount: this.amount(amount) }] : [];
	}

	/** Sends what is due, oldest first, until one finds no answer. Id and body of an event never change. */
	async sendDue() {
		const where = { state: "waiting", due: LessThanOrEqual(Date.now()) };
		const due = await this.transaction((ctx) => this.connection.getRepository(ctx, OutgoingEvent).find({ where, order: { id: "ASC" } }));
		for (const event of due) {
			if (!(await this.exclusive(() => this.tell(event)))) return;
		}
	}

	/** Sends one event and keeps what came of it; false where it is to be tried again. */
	async tell(event) {
		const answer = await this.post(event);
		const wait = (WAITS[event.tries] ?? 3_600_000) * (0.8 + 0.4 * Math.random());
		const state = Object.values(event.taken).some(Boolean) ? "heard" : "done";
		const heard = { state, receivedAt: answer.received_at ?? "" }; // an older ERP tells no time: the next level counts it
		const change = answer.log ? heard : { tries: event.tries + 1, due: Math.round(Date.now() + wait) };
		await this.transaction((ctx) =>
			this.connection.getRepository(ctx, OutgoingEvent).update(event.id, answer.refused ? { state: answer.refused } : change),
		);
		return Boolean(answer.log ?? answer.refused);
	}

	async post({ eventId, body }) {
		const timestamp = String(Math.floor(Date.now() / 1000));
		const headers = {
			"content-type": "application/json",
			"webhook-id": eventId,
			"webhook-timestamp": timestamp,
			"webhook-signature": signature(this.options.secret, eventId, timestamp, body),
		};
		try {
			const signal = AbortSignal.timeout(10_000);
			const response = await fetch(this.options.url, { method: "POST", body, headers, signal, redirect: "manual" });
			if (REFUSED.includes(response.status)) return { refused: `refused with ${response.status}` };
			return response.status === 200 ? await response.json() : {}; // a page without "log" acknowledges nothing
		} catch {
			return {};
		}
	}

	// --- stock

	/**
	 * ERPNext says what may still be sold; its number counts the orders it had received by `as_of`. On hand here is
	 * that, and what customers have reserved here, less what the other orders take.
	 */
	async setLevel(ctx, level) {
		if (level.location_id) throw new Refused("this shop keeps its stock in one place: leave the channel's location empty");
		const variant = await this.variant(ctx, level);
		const location = await this.locations.defaultStockLocation(ctx);
		const { stockAllocated } = await this.levels.getStockLevel(ctx, variant.id, location.id);
		const uncounted = await this.uncounted(ctx, String(variant.id), level.as_of ?? "");
		await this.setOnHand(ctx, variant.id, Math.floor(Number(level.quantity)) + stockAllocated - uncounted);
		return ids(variant);
	}

	async sellable(ctx, variantId) {
		const { stockOnHand, stockAllocated } = await this.levels.getAvailableStock(ctx, variantId);
		return stockOnHand - stockAllocated;
	}

	async setOnHand(ctx, variantId, quantity) {
		const location = await this.locations.defaultStockLocation(ctx);
		const { id } = await this.connection.getEntityOrThrow(ctx, ProductVariant, variantId); // of the database's type
		const stockLevels = [{ stockLocationId: location.id, stockOnHand: Math.max(quantity, 0) }];
		await this.variants.update(ctx, [{ id, stockLevels }]);
	}

	/**
	 * What orders take of a variant that a level does not count: those ERPNext has not acknowledged, and those it
	 * received later than `asOf`. What it counts is forgotten. Both times are written alike, so they compare as text.
	 */
	async uncounted(ctx, variantId, asOf) {
		let sum = 0;
		const repository = this.connection.getRepository(ctx, OutgoingEvent);
		for (const event of await repository.find({ where: { state: Not("done") } })) {
			const { [variantId]: taken, ...others } = event.taken;
			if (event.state !== "heard" || event.receivedAt > asOf) sum += taken ?? 0;
			else if (taken !== undefined) {
				await repository.update(event.id, { taken: others, state: Object.keys(others).length ? "heard" : "done" });
			}
		}
		return sum;
	}

	// --- other messages of ERPNext, in: each is absolute, so that applying one twice changes nothing

	async take({ type, timestamp, data }) {
		const [rows, apply] = {
			"stock.updated": [data.levels?.map((level) => ({ ...level, as_of: data.as_of })), this.setLevel],
			"price.updated": [data.prices, this.setPrice],
			"listing.upserted": [data.listings, this.setListing],
			"shipment.upserted": [[{ ...data, key: data.id }], this.setShipment],
			"shipment.cancelled": [[{ ...data, key: data.id }], this.dropShipment],
			"order.changed": [[{ ...data, key: data.order_id }], this.changeOrder],
		}[type] ?? [[]]; // ping, and what this shop does not use
		const subject = type.split(".")[0];
		const results = [];
		for (const row of rows) results.push(await this.row(row, apply, `${subject}|${row.key}`, Date.parse(timestamp)));
		return results;
	}

	async row(row, apply, key, at) {
		try {
			const found = await this.transaction(async (ctx) => {
				const told = this.connection.getRepository(ctx, Told);
				const last = await told.findOneBy({ key });
				if (last && Number(last.at) > at) return {};
				await told.save({ key, at });
				return apply.call(this, ctx, row);
			});
			return { key: row.key, ...found };
		} catch (error) {
			return { key: row.key, error: String(error.message).slice(0, 200), retry: !(error instanceof Refused) };
		}
	}

	async variant(ctx, { sku, variant_id: id }) {
		const where = id ? { id } : { sku };
		const found = await this.connection.getRepository(ctx, ProductVariant).findOne({ where, relations: ["product"] });
		if (!found || found.deletedAt) throw new Refused("unknown SKU: create the product in Vendure");
		return found;
	}

	/** Without a price a variant is not for sale. */
	async setPrice(ctx, price) {
		const variant = await this.variant(ctx, price);
		if (price.amount === null) await this.variants.update(ctx, [{ id: variant.id, enabled: false }]);
		else await this.variants.createOrUpdateProductVariantPrice(ctx, variant.id, this.minor(price.amount), ctx.channelId, price.currency);
		return ids(variant);
	}

	/** A field that is null is not ERPNext's to write. */
	async setListing(ctx, listing) {
		const variant = await this.variant(ctx, listing);
		const translations = listing.title ? [{ languageCode: ctx.languageCode, name: listing.title }] : undefined;
		await this.variants.update(ctx, [{ id: variant.id, enabled: listing.published, translations }]);
		if (listing.price) await this.setPrice(ctx, { ...listing, ...listing.price });
		return ids(variant);
	}

	/** A shipment is a fulfilment, found again by the id that ERPNext gave it. */
	async setShipment(ctx, shipment) {
		const shown = parcels(shipment);
		const known = await this.fulfillment(ctx, shipment.id);
		if (known) {
			await this.connection.getRepository(ctx, Fulfillment).update(known.id, shown);
			return this.move(ctx, known, shipment.status);
		}
		const lines = shipment.lines.filter((line) => line.order_line_id);
		const created = await this.orders.createFulfillment(ctx, {
			lines: lines.map((line) => ({ orderLineId: line.order_line_id, quantity: Number(line.quantity) })),
			handler: {
				code: "manual-fulfillment",
				arguments: Object.entries(shown).map(([name, value]) => ({ name, value })),
			},
		});
		accept(created);
		await this.connection.getRepository(ctx, Fulfillment).update(created.id, { customFields: { erpId: shipment.id } });
		await this.move(ctx, created, shipment.status);
	}

	async move(ctx, fulfillment, status) {
		const wanted = status === "delivered" ? ["Shipped", "Delivered"] : ["Shipped"];
		const reached = { Shipped: 1, Delivered: 2 }[fulfillment.state] ?? 0;
		for (const state of wanted.slice(reached)) {
			accept(await this.orders.transitionFulfillmentToState(ctx, fulfillment.id, state));
		}
	}

	async dropShipment(ctx, { id }) {
		const known = await this.fulfillment(ctx, id);
		if (known) accept(await this.orders.transitionFulfillmentToState(ctx, known.id, "Cancelled"));
	}

	fulfillment(ctx, erpId) {
		const where = ["Created", "Pending", "Shipped", "Delivered"].map((state) => ({ state, customFields: { erpId } }));
		return this.connection.getRepository(ctx, Fulfillment).findOne({ where });
	}

	/**
	 * A person changed the order in ERPNext. Refunding a payment is left to people. What may be sold stays as it
	 * is: ERPNext's own levels have the pieces of a cancelled order, or are about to bring them.
	 */
	async changeOrder(ctx, { order_id: orderId, kind }) {
		if (kind !== "cancelled") throw new Refused("edit the order in Vendure as well");
		const order = await this.orders.findOne(ctx, orderId, ["lines"]);
		if (!order) throw new Refused("unknown order");
		if (order.state === "Cancelled") return;
		const variants = [...new Set(order.lines.map((line) => line.productVariantId))];
		const before = await Promise.all(variants.map((id) => this.sellable(ctx, id)));
		accept(await this.orders.cancelOrder(ctx, { orderId, cancelShipping: true }));
		for (const [index, id] of variants.entries()) {
			const location = await this.locations.defaultStockLocation(ctx);
			const { stockOnHand } = await this.levels.getStockLevel(ctx, id, location.id);
			await this.setOnHand(ctx, id, stockOnHand - ((await this.sellable(ctx, id)) - before[index]));
		}
		const own = { orderId: String(orderId), state: Not("done") };
		await this.connection.getRepository(ctx, OutgoingEvent).update(own, { taken: {} });
	}

	// --- what ERPNext reads

	/** Orders by change, oldest first; the cursor is the last event's number, or a time to begin with. */
	ordersSince(cursor, limit) {
		return this.transaction(async (ctx) => {
			const after = /^[0-9]+$/.test(cursor) ? Number(cursor) : 0;
			const since = after ? 0 : Date.parse(cursor) || 0;
			const found = await this.connection.getRepository(ctx, OutgoingEvent).createQueryBuilder("event")
				.where("event.id > :after", { after }).orderBy("event.id").take(limit + 1).getMany();
			const page = found.slice(0, limit);
			const orders = page.map((row) => JSON.parse(row.body).data).filter((order) => Date.parse(order.updated_at) >= since);
			return { orders, cursor: page.length ? String(page.at(-1).id) : cursor || null, more: found.length > limit };
		});
	}

	/** The order as it was told last, under the version it had then. */
	newest(orderId) {
		return this.transaction(async (ctx) => {
			const repository = this.connection.getRepository(ctx, OutgoingEvent);
			const row = await repository.findOne({ where: { orderId }, order: { id: "DESC" } });
			return row ? JSON.parse(row.body).data : null;
		});
	}

	stock(cursor, limit) {
		return this.transaction(async (ctx) => {
			const { page, next } = await this.variantPage(ctx, cursor, limit);
			const levels = [];
			for (const variant of page) {
				const quantity = String(await this.sellable(ctx, variant.id));
				levels.push({ sku: variant.sku, ...ids(variant), location_id: null, quantity });
			}
			return { levels, cursor: next };
		});
	}

	catalog(cursor, limit) {
		return this.transaction(async (ctx) => {
			const { page, next } = await this.variantPage(ctx, cursor, limit);
			const products = page.map((variant) => ({
				sku: variant.sku, ...ids(variant), barcode: null, title: variant.translations[0]?.name ?? null,
			}));
			return { products, cursor: next };
		});
	}

	async variantPage(ctx, cursor, limit) {
		const page = await this.connection.getRepository(ctx, ProductVariant).createQueryBuilder("variant")
			.where("variant.deletedAt IS NULL AND variant.id > :after", { after: Number(cursor) || 0 })
			.leftJoinAndSelect("variant.translations", "translations")
			.orderBy("variant.id").take(limit).getMany();
		return { page, next: page.length === limit ? String(page.at(-1).id) : null };
	}

	// --- HTTP

	/** One request of ERPNext: status and body. */
	async answer(request) {
		const body = await rawBody(request);
		if (body === null) return [413];
		if (!isGenuine(this.options.secret, request.headers, body)) return [401];
		if (request.method === "POST") return [200, { results: await this.exclusive(() => this.take(JSON.parse(body.toString("utf8")))) }];
		const url = new URL(request.originalUrl, "http://shop");
		const [kind, id] = url.pathname.slice(ROUTE.length + 1).split("/").map(decodeURIComponent);
		const cursor = url.searchParams.get(kind === "orders" ? "since" : "cursor") ?? "";
		const limit = Math.min(Number(url.searchParams.get("limit")) || PAGE_SIZE, PAGE_SIZE);
		if (kind === "stock") return [200, await this.stock(cursor, limit)];
		if (kind === "catalog") return [200, await this.catalog(cursor, limit)];
		if (kind === "orders" && !id) return [200, await this.ordersSince(cursor, limit)];
		const order = kind === "orders" ? await this.newest(id) : null;
		return order ? [200, order] : [404];
	}
}

/** Something that trying again does not change. */
class Refused extends Error {}

function accept(result) {
	if (isGraphQlErrorResult(result)) throw new Refused(result.transitionError ?? result.message);
}

function ids(variant) {
	return { product_id: String(variant.productId ?? variant.product?.id), variant_id: String(variant.id) };
}

/** How much of each variant an order holds: {variant: quantity}. */
function takenBy(order) {
	const sums = {};
	for (const line of order.cancelled ? [] : order.lines) sums[line.variant_id] = (sums[line.variant_id] ?? 0) + line.quantity;
	return sums;
}

function difference(after, before) {
	const keys = new Set([...Object.keys(after), ...Object.keys(before)]);
	return Object.fromEntries([...keys].map((key) => [key, (after[key] ?? 0) - (before[key] ?? 0)]));
}

/** Carriers and tracking numbers of all parcels, as a fulfilment shows them. */
function parcels(shipment) {
	const all = shipment.parcels?.length ? shipment.parcels : [shipment];
	const joined = (field) => [...new Set(all.map((parcel) => parcel[field]).filter(Boolean))].join(", ");
	return { method: joined("carrier"), trackingCode: joined("tracking_number") };
}

function customer(value) {
	if (!value) return null;
	return { id: String(value.id), email: value.emailAddress, first_name: value.firstName, last_name: value.lastName };
}

function address(value) {
	if (!value || !value.streetLine1) return null;
	return {
		name: value.fullName, company: value.company, line1: value.streetLine1, line2: value.streetLine2, city: value.city,
		region: value.province, postal_code: value.postalCode, country_code: value.countryCode, phone: value.phoneNumber,
	};
}

async function rawBody(request) {
	const chunks = [];
	let size = 0;
	for await (const chunk of request) {
		size += chunk.length;
		if (size > MAX_BODY) return null;
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}

// --- the plugin -------------------------------------------------------------------------------------------

let bridge;

class CommerceBridgePlugin {
	static init(options) {
		CommerceBridgePlugin.options = options;
		return CommerceBridgePlugin;
	}

	constructor(moduleRef, eventBus, processContext) {
		this.moduleRef = moduleRef;
		this.eventBus = eventBus;
		this.processContext = processContext;
	}

	/** Blocking handlers run in the transaction of the order; `ofType` loses events on SQLite. */
	onApplicationBootstrap() {
		bridge = new CommerceBridge(this.moduleRef, CommerceBridgePlugin.options);
		this.eventBus.registerBlockingEventHandler({
			id: "commerce-bridge-state",
			event: OrderStateTransitionEvent,
			handler: ({ ctx, order, fromState, toState }) =>
				TOLD_STATES.includes(toState) || fromState === "Modifying" ? bridge.keep(ctx, order.id) : undefined,
		});
		this.eventBus.registerBlockingEventHandler({
			id: "commerce-bridge-lines",
			event: HistoryEntryEvent, // the one event after the totals of what is left are right
			handler: ({ ctx, entity }) => (entity.type === "ORDER_CANCELLATION" ? bridge.keepRest(ctx, entity.order.id) : undefined),
		});
		if (this.processContext.isServer) this.sender = setInterval(() => this.send(), 1_000);
	}

	async send() {
		if (this.sending) return;
		this.sending = true;
		try {
			await bridge.sendDue();
		} catch (error) {
			Logger.error(`Events wait to be sent: ${error.message}`, "CommerceBridge");
		} finally {
			this.sending = false;
		}
	}

	onApplicationShutdown() {
		clearInterval(this.sender);
	}
}

async function handle(request, response) {
	const [status, value] = bridge ? await bridge.answer(request).catch(problem) : [503];
	response.statusCode = status;
	response.setHeader("content-type", "application/json");
	response.end(value === undefined ? "" : JSON.stringify(value));
}

function problem(error) {
	if (error instanceof SyntaxError || error instanceof URIError) return [400];
	Logger.error(error.message, "CommerceBridge", error.stack);
	return [500];
}

Reflect.defineMetadata("design:paramtypes", [ModuleRef, EventBus, ProcessContext], CommerceBridgePlugin);
VendurePlugin({
	imports: [PluginCommonModule],
	entities: [OutgoingEvent, Told],
	compatibility: "^3.0.0",
	configuration: (config) => {
		config.dbConnectionOptions.entities = [...(config.dbConnectionOptions.entities ?? []), OutgoingEventSchema, ToldSchema];
		config.customFields.Fulfillment.push({ name: "erpId", type: "string", public: false });
		config.apiOptions.middleware.push({ route: ROUTE, beforeListen: true, handler: handle }); // signed is the raw body
		return config;
	},
})(CommerceBridgePlugin);

module.exports = { CommerceBridgePlugin };
