"use strict";

/**
 * A small shop on SQLite. Settings by environment: PORT, DATABASE (a file), ERP_URL (the channel's webhook URL),
 * ERP_SECRET (the channel's webhook secret), ADMIN_PASSWORD.
 */
const fs = require("node:fs");
const path = require("node:path");
const { bootstrap, DefaultJobQueuePlugin, dummyPaymentHandler, LogLevel, DefaultLogger } = require("@vendure/core");
const { populate } = require("@vendure/core/cli");
const { CommerceBridgePlugin } = require("./commerce-bridge");

const { PORT = "3000", DATABASE = "shop.sqlite", ERP_URL, ERP_SECRET, ADMIN_PASSWORD } = process.env;
if (!ERP_URL || !ERP_SECRET || !ADMIN_PASSWORD) throw new Error("Set ERP_URL, ERP_SECRET and ADMIN_PASSWORD");

const config = {
	apiOptions: { port: Number(PORT), hostname: "127.0.0.1", adminApiPath: "admin-api", shopApiPath: "shop-api", cors: false },
	authOptions: {
		tokenMethod: ["bearer"],
		superadminCredentials: { identifier: "superadmin", password: ADMIN_PASSWORD },
	},
	dbConnectionOptions: { type: "better-sqlite3", database: DATABASE, synchronize: true },
	paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
	plugins: [DefaultJobQueuePlugin, CommerceBridgePlugin.init({ url: ERP_URL, secret: ERP_SECRET })],
	logger: new DefaultLogger({ level: LogLevel.Warn }),
};

async function main() {
	const isNew = !fs.existsSync(DATABASE);
	if (isNew) {
		await populate(() => bootstrap(config), require("./initial-data"), path.join(__dirname, "products.csv"));
	} else {
		await bootstrap(config);
	}
	console.log(`The shop is open: http://127.0.0.1:${PORT}/shop-api`);
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
