"""How rooms are found: by their aliases, and in the list of published rooms.

Client-server API, "Room aliases", "Published room directory".
"""
