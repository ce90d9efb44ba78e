"""What nobody owns any more is deleted; what must wait for its dependents waits."""
