"""Volumes of drivers that must attach them to a node first (upstream: pkg/controller/volume/attachdetach).

A VolumeAttachment says what is to be attached where; the driver's own attacher does it and says so in its status; the
node's kubelet waits for that.
"""
