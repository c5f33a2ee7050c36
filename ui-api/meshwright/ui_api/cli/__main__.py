"""`python -m meshwright.ui_api.cli` is the same program as `meshwright`."""

from meshwright.ui_api import cli

cli.main()
