"""Helm charts, rendered by Helm's own engine and applied by whoever asked, never by Helm.

Invariant: rendering reads a chart and changes nothing anywhere; what it gives is plain objects in the order in which
they can be applied, with the digest of the chart that they came from.
"""

from meshwright.core.kit.kubernetes.helm.charts import Chart, Rendered, Rendering, render
from meshwright.core.kit.kubernetes.helm.hooks import LeftOut, in_order

__all__ = ["Chart", "LeftOut", "Rendered", "Rendering", "in_order", "render"]
