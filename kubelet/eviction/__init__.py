"""Ending pods so that the node goes on: when memory, disk or process ids run out, or a pod exceeds its own limits."""
