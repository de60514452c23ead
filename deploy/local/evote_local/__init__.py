"""The embedded single-node stack and the mock referendum that `make demo` runs."""
