"""The thin core of `hs`: it loads role plugins, routes URLs, talks to a database, replicates streams."""
