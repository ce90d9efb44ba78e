"""A runtime without processes: sandboxes and containers are records, and time is all they use."""
