"""Judges what a chart renders to: by the schemas of three versions of Kubernetes, strictly, and by the definitions of other
people's resources. Reads {"name of a rendering": "its YAML"} and writes, as JSON, for each its documents and what is wrong.

    judge.py FOLDER_OF_DEFINITIONS VERSION... < renderings
"""

import functools
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml
from kubernetes_validate import utils

# Each schema is read once, not once a document.
utils.schema_contents = functools.cache(utils.schema_contents)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML as Kubernetes reads it, which refuses a key that stands twice."""


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"stands twice: {', '.join(twice)}", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Loader.add_constructor("tag:yaml.org,2002:map", mapping)
# A date that somebody forgot to quote stays a text.
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: node.value)


def strict(schema):
    """A definition's schema with everything refused that it does not know, as the API server would drop it."""
    if isinstance(schema, dict):
        open_ended = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
        if "properties" in schema and not open_ended:
            schema["additionalProperties"] = False
        # What is only repeated inside allOf and anyOf must not be closed: it names a part of the properties.
        for key, below in schema.items():
            if key in ("properties",):
                for each in below.values():
                    strict(each)
            elif key == "items" or key == "additionalProperties":
                strict(below)
    return schema


def definitions(folder):
    known = {}
    for path in sorted(pathlib.Path(folder).glob("*.yaml")):
        definition = yaml.load(path.read_text(), Loader)
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The server knows these by itself.
            schema["properties"].update({"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}})
            kind = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            known[kind] = jsonschema.Draft202012Validator(schema)
    return known


def objections(document, versions, known):
    name = f"{document.get('kind')}/{document.get('metadata', {}).get('name')}"
    own = known.get((document.get("apiVersion"), document.get("kind")))
    if own:
        for error in own.iter_errors(document):
            yield f"{name}: {error.json_path}: {error.message}"
        return
    for version in versions:
        try:
            used = kubernetes_validate.validate(document, version, strict=True)
            if used != version:
                yield f"there is no schema of Kubernetes {version} here, {used} would be used"
        except kubernetes_validate.ValidationError as error:
            where = ".".join(str(step) for step in error.path)
            yield f"{name}: Kubernetes {version}: {where}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{name}: {error.message}"


def main():
    known = definitions(sys.argv[1])
    verdicts = {}
    for rendering, text in json.load(sys.stdin).items():
        documents, problems = [], []
        try:
            documents = [document for document in yaml.load_all(text, Loader) if document is not None]
            for document in documents:
                problems.extend(objections(document, sys.argv[2:], known))
        except yaml.YAMLError as error:
            problems.append(str(error))
        verdicts[rendering] = {"documents": documents, "problems": problems}
    json.dump(verdicts, sys.stdout)


main()
