"""Deployments: one replica set per revision of the pod template, and the way from one to the next."""
