"""Resource quotas: what an object counts for, and which quotas it counts towards. Pure; for server and controllers."""
