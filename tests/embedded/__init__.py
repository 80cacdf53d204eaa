"""The real `hs run` on SQLite, as a process of its own, and what may happen to it."""
