"""What users are notified of: push rules, evaluated once for each event, and what users have not read of it.

Client-server API, "Push Notifications", "Receiving notifications" and "Listing Notifications".
"""
