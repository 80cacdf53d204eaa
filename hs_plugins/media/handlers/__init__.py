"""HTTP in, one call, JSON or a file out."""
