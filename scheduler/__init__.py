"""Pods to nodes: a queue, a columnar snapshot of the cluster, plugins over it, and binding."""
