"""Getting images from registries and letting go of those nobody uses."""
