"""The Gateway API: Gateways and HTTPRoutes compiled to the routing table, and what there is to tell of them. Pure."""
