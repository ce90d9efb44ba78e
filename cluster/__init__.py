"""How a process belongs to the cluster: connection, client, informers, queues, lifecycle, PKI."""
