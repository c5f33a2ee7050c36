"""The rules that hold for every mesh: documents that cannot be read, custom resources that break their schemas, and
intents that contradict each other."""

from meshwright.schemas.findings import FindingRule

UNREADABLE = FindingRule(
    code="MW3001",
    title="Document cannot be read",
    severity="error",
    explanation="A document is not valid YAML, or not a Kubernetes resource: it needs apiVersion, kind and a name.",
    remedy="Correct the document; until then it is not analyzed.",
)
INVALID = FindingRule(
    code="MW3002",
    title="Resource breaks the schema of its kind",
    severity="error",
    explanation="A custom resource is not as the CustomResourceDefinition of its kind says, so no API server takes"
    " it. Rules that a definition has in CEL are left to the server.",
    remedy="Correct the field that the finding names.",
    equivalents=["IST0106"],
)
UNKNOWN_FIELD = FindingRule(
    code="MW3003",
    title="Field that its kind does not have",
    severity="warning",
    explanation="A custom resource has a field that the definition of its kind does not know. An API server drops"
    " it without a word, or refuses the resource when it is asked to be strict, as it is by `meshwright apply`.",
    remedy="Correct the name of the field, or its place, or remove it.",
)
UNUSABLE = FindingRule(
    code="MW3004",
    title="Definition cannot be used",
    severity="error",
    explanation="A CustomResourceDefinition is none, or its schema makes no sense.",
    remedy="Correct the definition; until then resources of its kind are not checked against it.",
)
CONTRADICTION = FindingRule(
    code="MW3005",
    title="Contradicting intents",
    severity="error",
    explanation="Two intents of one kind are for the same requests and say different things, in one design or in two:"
    " only one of them can hold, and a mesh refuses the second.",
    remedy="Remove one of them, or decide in one design what shall hold.",
)
INVALID_DESIGN = FindingRule(
    code="MW3006",
    title="Design is not valid",
    severity="error",
    explanation="A design has a field that there is not, or a value that cannot be, so no mesh takes it.",
    remedy="Correct the field that the finding names.",
)
RULES = (UNREADABLE, INVALID, UNKNOWN_FIELD, UNUSABLE, CONTRADICTION, INVALID_DESIGN)
