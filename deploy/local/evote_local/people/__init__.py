"""Who takes part, over HTTP alone: voters, officers, trustees.

Knows no node and no stack, so it runs against any deployment.
"""
