"""The platform on one machine: its services, keys, witnesses and chains."""
