"""What the commands `hs user` and `hs token` do, on a live server or on a stopped one."""
