"""Real processes over a real PostgreSQL and a real Redis, and what may happen to each of them under load."""
