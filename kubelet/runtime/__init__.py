"""What runs pods on this machine: sandboxes, containers, cgroups, behind one CRI-shaped interface (`base`)."""
