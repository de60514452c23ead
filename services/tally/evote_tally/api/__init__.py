"""HTTP: officers, trustees and the public."""
