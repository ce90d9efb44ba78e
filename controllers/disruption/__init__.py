"""How many more pods of a budget may be disrupted, kept up to date for evictions and preemption."""
