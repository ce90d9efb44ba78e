"""The node itself: registered, measured, spoken for by lease and status."""
