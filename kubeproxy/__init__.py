"""Service traffic on one node: nftables rules that balance it, and the cluster's DNS."""
