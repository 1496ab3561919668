"""Renders the Helm chart with Helm's own engine and checks the result.

usage: python check.py CHART VALUES KUBERNETES_VERSION

Prints the rendered documents as JSON, one per line. Exits with 1 if Helm's linter or Kubernetes' schemas refuse
something. Custom resources have no schema there, so only their presence is checked by the tests.
"""

import json
import sys

import helm_python
import kubernetes_validate
import yaml

CUSTOM = {"SecretProviderClass", "ServiceMonitor"}


def main() -> int:
    chart, values_file, version = sys.argv[1:]
    with open(values_file, encoding="utf-8") as file:
        values = yaml.safe_load(file)
    problems = helm_python.lint(chart, values)["errors"]
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        rendered = loaded.render(values, name="gateway", namespace="inference")
    for path, text in sorted(rendered.items()):
        if path.endswith(".txt"):
            continue
        for document in yaml.safe_load_all(text):
            if document is None:
                continue
            if document["kind"] not in CUSTOM:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    problems.append(f"{path}: {error.message}")
            print(json.dumps(document))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


sys.exit(main())
