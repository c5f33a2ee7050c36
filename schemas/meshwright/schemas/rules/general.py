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
    explanation="A custom resource violates the CustomResourceDefinition of its kind, so an API server refuses it."
    " Rules that a definition has in CEL are left to the server.",
    remedy="Correct the field that the finding names.",
    equivalents=["IST0106"],
)
UNKNOWN_FIELD = FindingRule(
    code="MW3003",
    title="Field that its kind does not have",
    severity="warning",
    explanation="A custom resource has a field that the definition of its kind does not have. An API server drops"
    " it silently, or refuses the resource with strict validation, which `meshwright apply` uses.",
    remedy="Correct the name of the field, or its place, or remove it.",
)
UNUSABLE = FindingRule(
    code="MW3004",
    title="Definition cannot be used",
    severity="error",
    explanation="A document is not a valid CustomResourceDefinition, or its schema is invalid.",
    remedy="Correct the definition; until then resources of its kind are not checked against it.",
)
CONTRADICTION = FindingRule(
    code="MW3005",
    title="Contradicting intents",
    severity="error",
    explanation="Two intents of one kind apply to the same requests and differ, in one design or in two:"
    " only one of them can be in force, and a mesh refuses the second.",
    remedy="Remove one of them, or decide in one design which is in force.",
)
INVALID_DESIGN = FindingRule(
    code="MW3006",
    title="Design is not valid",
    severity="error",
    explanation="A design has an unknown field or an invalid value, so every mesh refuses it.",
    remedy="Correct the field that the finding names.",
)
RULES = (UNREADABLE, INVALID, UNKNOWN_FIELD, UNUSABLE, CONTRADICTION, INVALID_DESIGN)
