"""What an object may become: one generic registry for stored kinds, a small strategy per kind, subresources."""
