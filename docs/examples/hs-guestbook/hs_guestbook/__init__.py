"""A guestbook for every user of the server: a plugin that is a package of its own."""
