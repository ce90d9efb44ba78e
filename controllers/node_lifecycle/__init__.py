"""Nodes that fall silent: noticed, tainted, their pods taken out of service and in the end evicted."""
