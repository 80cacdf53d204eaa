"""The client API around rooms: make them, join them, talk in them, look at them.

Client-server API, "Rooms" and "Events".
"""
