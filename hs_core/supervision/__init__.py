"""`hs up`: the processes of a deployment on one host, started, watched, renewed one after the other, and stopped."""
