"""Services of type LoadBalancer: an address of the pool, and a node that answers for it."""
