"""The kinds with peculiarities, one module per family; `catalog` maps resources to strategies."""
