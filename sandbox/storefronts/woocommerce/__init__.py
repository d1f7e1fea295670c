"""A shop that answers and tells as a real WooCommerce 10.2 was seen to, over HTTP.

```
with WooCommerceStorefront() as shop:
    shop.add_product("PHONE", Decimal("199.00"), stock=5)
    shop.subscribe("order.created", "https://erp.example/hook", secret="s3cret")
    order = shop.place_order({"PHONE": 1}, shipping=Decimal("4.90"))
    shop.run_queue()  # builds what is told now, and sends each once: nothing is ever repeated
```

Its state is public: tests and the demo compare it with the ERP's. It shares no code with the connector.
"""

from __future__ import annotations

from sandbox.storefronts.woocommerce.sales import NewFee, NewLine, Rate
from sandbox.storefronts.woocommerce.service import WooCommerceStorefront
from sandbox.storefronts.woocommerce.shop import Shop

__all__ = ["NewFee", "NewLine", "Rate", "Shop", "WooCommerceStorefront"]
