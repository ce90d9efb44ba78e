"""`podling up`: a whole cluster on one machine, each node a network namespace and a cgroup.

Flow: `commands` (what a person calls) → `supervisor` (the process that stays) → `processes` (what runs, as data),
`network`, `cgroups`, `certificates` (what it runs in). `cleanup` takes all of it away again, whatever state it is in.
"""
