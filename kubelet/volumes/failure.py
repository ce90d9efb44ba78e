"""Why a volume could not be made."""

from __future__ import annotations


class VolumeFailure(Exception):
    """A volume cannot be made now; it is tried again. The text follows `MountVolume.SetUp failed for volume "x" : `."""
