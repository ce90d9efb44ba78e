"""ResourceQuota: what a namespace may use in total, kept exactly, whoever creates at the same time.

The charge and the object are one etcd transaction: the object comes into being if and only if the quota, at the
revision it was judged at, takes it in. So the use on record is never behind the objects there are; a controller that
counts objects and writes the sum over that revision can only ever correct it downwards.
"""
