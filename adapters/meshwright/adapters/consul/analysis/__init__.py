"""Mistakes in Consul's config entries, beyond what holds on every mesh."""

from meshwright.core.kit.analysis import Analyzers

analyzers = Analyzers([])
