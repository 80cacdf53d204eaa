"""What users' clients keep on the server: account data, of the account or of one room, and the tags of rooms.

Client-server API, "Client Config", "Room Tagging", "Ignoring Users".
"""
