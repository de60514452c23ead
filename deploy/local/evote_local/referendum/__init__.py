"""A whole mock referendum, and one that stands for people who look around."""
