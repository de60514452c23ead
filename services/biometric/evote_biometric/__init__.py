"""The service that verifies faces."""
