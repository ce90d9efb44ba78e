"""Snapshots of volumes (upstream: the snapshot-controller of kubernetes-csi/external-snapshotter).

A VolumeSnapshot is bound to the VolumeSnapshotContent that stands for it, both ways; drivers' snapshotters see contents
only (`controllers/local_storage/snapshotter.py` is ours). `plan` decides, `controller` carries out.
"""
