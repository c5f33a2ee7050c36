"""Who may use the API: sessions, tokens, workspaces."""
