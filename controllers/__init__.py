"""The loops that make the cluster what its objects say: one module or package per kind, all in one process."""
