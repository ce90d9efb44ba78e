"""Volumes of pods: what is in them (`payload`, pure), how it gets onto the machine, how it stays current."""
