"""The voters' ways in: by card and by face, and what both need."""
