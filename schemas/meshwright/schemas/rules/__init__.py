"""The rules of analysis, by code: what each finding means, on one page.

Problem: a code in a report of last month must be explained also when no worker of its mesh runs. Invariant: a code
stands here once, is never given another meaning, and whoever explains it (the API, the command line, SARIF) takes the
words from here.
"""

from meshwright.schemas.findings import FindingRule
from meshwright.schemas.rules import consul, general, istio_traffic, istio_workloads, kuma, linkerd

GENERAL = general.RULES
ISTIO = (*istio_traffic.RULES, *istio_workloads.RULES)
KUMA = kuma.RULES
LINKERD = linkerd.RULES
CONSUL = consul.RULES
BY_CODE: dict[str, FindingRule] = {
    each.code: each for each in sorted((*GENERAL, *ISTIO, *KUMA, *LINKERD, *CONSUL), key=lambda each: each.code)
}
