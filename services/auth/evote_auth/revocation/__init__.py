"""Whether a card's certificates may be relied upon now."""
