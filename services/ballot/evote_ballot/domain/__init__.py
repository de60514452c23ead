"""ballot's rules: what is looked at before any cryptography, the window, what a receipt says. No I/O."""
