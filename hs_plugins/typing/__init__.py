"""Who is typing in which room.

Client-server API, "Typing Notifications".
"""
