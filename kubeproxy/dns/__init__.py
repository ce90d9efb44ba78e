"""Cluster DNS: the cluster's zone answered from informers, on every node, in the kube-proxy's process."""
