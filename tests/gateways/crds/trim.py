#!/usr/bin/env python3
"""Cuts the schema of a CustomResourceDefinition down to what the printed objects use.

    trim.py CRD.yaml VERSION PRINTED.yaml... > KIND.json

What an object uses keeps its whole rule (type, names of all siblings, what is required, enumerations, patterns); what none
uses keeps its name alone. Descriptions go. Needs PyYAML; only run when a schema is taken anew (README.md).
"""
import json
import sys

import yaml

WORDS = {"type", "enum", "pattern", "minimum", "maximum", "maxItems", "required"}


def trim(schema, values):
    kept = {word: rule for word, rule in schema.items() if word in WORDS}
    if "properties" in schema:
        kept["additionalProperties"] = False
        kept["properties"] = {}
        for name, below in schema["properties"].items():
            used = [value[name] for value in values if isinstance(value, dict) and name in value]
            kept["properties"][name] = trim(below, used) if used else {}
    if "items" in schema:
        kept["items"] = trim(schema["items"], [item for value in values if isinstance(value, list) for item in value])
    if kept.get("type") == "object" and "properties" not in kept:
        kept.pop("additionalProperties", None)
    return kept


def main():
    crd, version, *printed = sys.argv[1:]
    with open(crd, encoding="utf-8") as file:
        definition = yaml.safe_load(file)
    kind = definition["spec"]["names"]["kind"]
    whole = next(v for v in definition["spec"]["versions"] if v["name"] == version)["schema"]["openAPIV3Schema"]
    objects = []
    for path in printed:
        with open(path, encoding="utf-8") as file:
            objects += [o for o in yaml.safe_load_all(file) if o and o.get("kind") == kind]
    group = definition["spec"]["group"]
    schema = trim(whole, objects)
    schema["properties"]["kind"] = {"const": kind}
    schema["properties"]["metadata"] = {}
    schema["properties"]["apiVersion"] = {"const": f"{group}/{version}"}
    json.dump(schema, sys.stdout, indent=1)
    print()


main()
