"""The control plane: xDS over ADS, and what proxies answer."""
