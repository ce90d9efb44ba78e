"""Volumes on the nodes' own disks: made, grown and deleted by calling the CSI driver of the node in question.

In place of upstream's sidecars external-provisioner and external-resizer, one of each beside every driver: the
controllers reach the drivers' Controller service through the kubelets, whose processes the drivers are in.
"""

from typing import Final

DRIVER: Final = "local.csi.podling"
# The label by whose value a node's volumes are told from other nodes'.
TOPOLOGY_KEY: Final = "kubernetes.io/hostname"
