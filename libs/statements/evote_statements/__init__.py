"""What a person or a service says under its own key, in one canonical text."""
