"""`hs user` and `hs token`: administration from the command line."""
