"""The Helm chart's values: what may stand in them, and the schema and the page that are written from that."""
