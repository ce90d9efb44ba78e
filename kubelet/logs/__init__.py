"""Container logs: the CRI format, files and their rotation, reading and following."""
