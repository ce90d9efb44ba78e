"""The `podling` command: the launcher of clusters on this machine, and the gRPC command line to talk to them."""
