"""Talking to image registries: OCI distribution 1.1 and Docker's v2 API, which it came from.

`client.Registry` is the way in; `images.pulling` and `images.pushing` move whole images with it. Synchronous, on the
standard library's HTTP: the kubelet has it done by a short-lived child, the command by threads.
"""
