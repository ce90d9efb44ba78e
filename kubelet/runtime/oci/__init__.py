"""The runtime that runs pods on this machine: conmon and runc, overlayfs, namespaces, routed veth pairs.

`runtime.OciRuntime` is the way in; everything it knows is on disk, below the kubelet's data and run folders.
"""
