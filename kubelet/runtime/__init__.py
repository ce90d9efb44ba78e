"""What runs pods on this machine.

Sandboxes, containers, cgroups, behind one CRI-shaped interface (`base`).
"""
