"""What is said, stored and told as events: each shape once.

The database's JSON, the answers of the service, its server-sent events, the Python client and, by the OpenAPI
description, the page all use these.
"""
