"""One room for each tie of the chain of trust, named as the report names it: whether it holds, and if not, where."""
