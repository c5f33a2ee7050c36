"""One module per noun. Each has `group`, and its functions are the commands.

Invariant: a command calls the API, prints the response, and ends; rendering is done in `render`.
"""
