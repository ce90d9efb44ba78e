"""`podling run` and what goes with it: one container on the cluster without a controller, as Docker has it.

A container is a bare Pod with labels of ours; one that was stopped is a ConfigMap that remembers it and an image of
what it had written.
"""
