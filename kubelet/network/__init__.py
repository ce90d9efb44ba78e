"""The node's part of the pod network: routes to the pods of other nodes."""
