"""Who is online, as far as they let others know.

Client-server API, "Presence".
"""
