"""StatefulSets: pods with names, hosts and storage of their own."""
