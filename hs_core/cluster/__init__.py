"""Processes, ownership and calls: who owns which slot, and how to reach them."""
