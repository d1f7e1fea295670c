"use strict";

/** What a new shop begins with: https://docs.vendure.io/guides/developer-guide/importing-data/ */
module.exports = {
	defaultLanguage: "en",
	defaultZone: "Europe",
	countries: [{ name: "Germany", code: "DE", zone: "Europe" }],
	taxRates: [{ name: "standard", percentage: 19 }],
	shippingMethods: [{ name: "Standard Shipping", price: 490, taxRate: 19 }],
	paymentMethods: [
		{
			name: "Standard Payment",
			handler: { code: "dummy-payment-handler", arguments: [{ name: "automaticSettle", value: "true" }] },
		},
	],
	collections: [],
};
