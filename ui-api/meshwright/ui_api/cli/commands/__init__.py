"""One module per noun. Each has `group`, and its functions are the commands.

Invariant: a command asks the API, shows the answer, and ends; what it shows is made in `views`.
"""
