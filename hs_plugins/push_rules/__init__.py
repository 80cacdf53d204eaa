"""What users want to be notified of: their push rules.

Client-server API, "Push Rules".
"""
