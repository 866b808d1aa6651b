#!/usr/bin/python3
"""usage: validate.py SCHEMA DOCUMENT: exit 1 when it does not conform."""
import json
import sys

import jsonschema


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)
with open(sys.argv[2], encoding="utf-8") as f:
    document = json.load(f, parse_constant=no_constant)
jsonschema.Draft202012Validator.check_schema(schema)
problems = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
for problem in problems:
    print(f"{sys.argv[2]}: {list(problem.path)}: {problem.message}")
sys.exit(bool(problems))
