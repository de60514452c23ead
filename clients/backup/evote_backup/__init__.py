"""Backups of what no replay brings back: made whole or not at all, sealed, checked, and put into empty places only."""
