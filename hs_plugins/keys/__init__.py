"""The public keys of users' devices: identity keys, one-time keys, cross-signing keys, and who must hear of changes.

Client-server API, "End-to-End Encryption".
"""
