"""Files that users upload, such as avatars, and thumbnails of them (client-server API, "Content repository")."""
