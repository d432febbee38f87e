"""The shapes of stored data, events and answers, each defined once.

The database's JSON, the answers of the service, its server-sent events, the Python client and, by the OpenAPI
description, the page all use these.
"""
