"""Every test's fixtures come from the kit that third-party adapters use too."""

pytest_plugins = ["meshwright.core.testing.fixtures"]
