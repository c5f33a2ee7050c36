"""Authorization and secrets: keys, credentials, and the users and permissions of servers.

Rule: no module here spells a subject; permissions follow from the tables in `meshwright.schemas`.
"""
