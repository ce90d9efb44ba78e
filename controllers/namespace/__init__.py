"""Namespaces that are being deleted are emptied, then let go."""
