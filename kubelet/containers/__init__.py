"""What a container of a Pod becomes for the runtime: environment, identity, limits, files, hooks, back-off."""
