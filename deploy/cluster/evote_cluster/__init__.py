"""A real Kubernetes without a container engine, the chart on it, and a referendum through faults."""
