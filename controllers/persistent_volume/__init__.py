"""PersistentVolumes and their claims: bound to each other, provisioned, protected, grown, reclaimed."""
