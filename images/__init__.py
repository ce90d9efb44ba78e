"""The machine's local image store: OCI images by name, their layers unpacked once and shared by all nodes.

`images.store.Store` is the way in. Images arrive from archives (`load`) and folders (`import_rootfs`); nothing is
pulled. Used by the kubelet, which mounts the layers, and by the command.
"""
