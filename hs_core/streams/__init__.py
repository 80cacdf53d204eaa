"""Streams: append-only, ordered logs of typed rows that one plugin writes and every process may follow."""
