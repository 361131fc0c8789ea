"""GraphQL as Kyma's applications and runtimes speak it: the schema, what a request may cost, and who resolves what.

How requests travel is left to `service/api/graphql.py`.
"""
