"""A shop that behaves as Shopify was observed and documented to, executing Shopify's own schema.

```
with ShopifyStorefront() as shop:
    shop.add_product("PHONE", Decimal("199.00"), stock=5)
    order = shop.place_order({"PHONE": 1}, shipping=[NewShipping(Decimal("4.90"))])
    shop.deliver_all()
```

Its state is public: tests and the demo compare it with the ERP's. It shares no code with the connector.
"""

from __future__ import annotations

from sandbox.storefronts.shopify.service import ACCESS_TOKEN, CLIENT_ID, ShopifyStorefront
from sandbox.storefronts.shopify.shop import DOMAIN, NewLine, NewShipping, Shop

__all__ = ["ACCESS_TOKEN", "CLIENT_ID", "DOMAIN", "NewLine", "NewShipping", "Shop", "ShopifyStorefront"]
