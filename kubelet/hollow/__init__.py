"""Many nodes in one process: real pod workers, statuses and leases on a runtime without processes."""
