"""How a process belongs to the cluster: connection, client, informers, queues, lifecycle, PKI."""

from cluster import prometheus_import as prometheus_import
