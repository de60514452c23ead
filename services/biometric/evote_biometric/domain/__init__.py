"""The rules of faces: quality, liveness, likeness. No I/O, no models."""
