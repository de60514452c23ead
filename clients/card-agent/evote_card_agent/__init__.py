"""The program on a resident's PC that lets the voting page use the My Number card."""
