"""The event log: CloudEvents envelope, typed events, durable producer, exactly-once projections, replay."""
