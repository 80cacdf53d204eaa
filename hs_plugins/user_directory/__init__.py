"""How people find each other: a search for users by ID and display name.

Client-server API, "User directory".
"""
