"""A CSI driver that keeps volumes on its node's own disk: one image file each, as large as the claim, shown by a loop
device. The file system in it is the quota: a volume can hold no more than was asked for, whatever the node's own disk
is formatted with.
"""

NAME = "local.csi.podling"
# A volume can be used on the node it is on and nowhere else; every node carries this label.
TOPOLOGY_KEY = "kubernetes.io/hostname"
