"""Images without a registry: a root made of Debian's packages, a program on it, and the same bytes each time."""
