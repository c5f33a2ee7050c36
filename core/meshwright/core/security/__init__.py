"""Who may do what: keys, credentials, and the users and permissions of servers.

Rule: nothing here spells a subject; what is allowed follows from the tables in `meshwright.schemas`.
"""
