"""Generated gRPC stubs: `make proto` writes them here from proto/*.proto."""
