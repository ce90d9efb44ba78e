"""NetworkPolicy in the kernel: which traffic the node's pods may have, as an nftables table of its own."""
