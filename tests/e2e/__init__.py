"""The whole way with a real storefront: Vendure in Node, an ERP, real HTTP between them."""
