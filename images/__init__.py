"""The machine's local image store: OCI images by name, their layers unpacked once and shared by all nodes.

`images.store.Store` is the way in. Images arrive from archives (`load`), folders (`import_rootfs`), registries
(`pulling`) and builds. Used by the kubelet, which mounts the layers, and by the command.
"""
