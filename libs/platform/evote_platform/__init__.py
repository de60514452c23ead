"""What every service needs once: app factory, health, metrics, problem+json, tokens, database."""
