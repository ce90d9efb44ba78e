"""Claims and volumes in use are not deleted under their users."""
