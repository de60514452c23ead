"""ballot over HTTP."""
