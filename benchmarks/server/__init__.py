"""What a homeserver costs: CPU, latency and memory of the things people do with it, over its public API alone."""
