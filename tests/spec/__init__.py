"""The client-server API as the specification's own OpenAPI files describe it, to hold responses against."""
