"""Objects in etcd and their image in memory.

`store` writes and reads etcd; `feed` keeps one `cache` per resource in step with it; reads and watches are
answered from the caches by `reader`.
"""
