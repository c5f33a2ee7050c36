"""The control plane: xDS over ADS, and the statuses of proxies."""
