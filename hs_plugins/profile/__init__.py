"""What users say about themselves, in their profile and in the rooms they are in.

Client-server API, "Profiles".
"""
