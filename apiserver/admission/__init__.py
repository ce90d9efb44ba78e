"""What is added to or refused of writes between authorization and storage: upstream's built-in admission plugins."""
