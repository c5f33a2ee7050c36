"""The dashboard as this API serves it; its sources are in `ui-api/web`, and its build is put into `dist`."""
