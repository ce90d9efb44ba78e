"""Counting what namespaces with quotas use."""
