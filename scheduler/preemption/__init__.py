"""Making room: which less important pods to remove so that a pod that fits nowhere fits somewhere.

Source: Kubernetes' documentation, Pod Priority and Preemption; upstream's DefaultPreemption plugin.
"""
