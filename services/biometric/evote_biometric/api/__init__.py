"""HTTP: what browsers and officers send and read."""
