"""A real Hyperledger Fabric network on the loopback interface, from a release's binaries and without containers."""
