#!/usr/bin/python3
"""usage: examples.py HEADPRUNE PAGE: runs the console blocks of a page in order
and compares what they print. Blocks with -v show one machine's figures and are
only run."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    with open(os.path.join(ROOT, sys.argv[2]), encoding="utf-8") as f:
        blocks = re.findall(r"^```console\n(.*?)^```", f.read(), re.S | re.M)
    failed = commands = 0
    with tempfile.TemporaryDirectory(prefix="examples.") as room:
        os.mkdir(os.path.join(room, "tests"))
        for name in ("models", "tests/golden"):
            os.symlink(os.path.join(ROOT, name), os.path.join(room, name))
        os.symlink(os.path.abspath(sys.argv[1]), os.path.join(room, "headprune"))
        path = room + os.pathsep + os.environ["PATH"]
        for part in re.split(r"^\$ ", "".join(blocks), flags=re.M)[1:]:
            command, _, want = part.partition("\n")
            got = subprocess.run(
                ["bash", "-c", command],
                cwd=room,
                env=dict(os.environ, PATH=path),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ).stdout
            commands += 1
            if not re.search(r"headprune -v", command) and got != want:
                failed += 1
                print(f"$ {command}\nthe page has:\n{want}\nprinted was:\n{got}")
    print(f"{commands - failed} of {commands} commands as {sys.argv[2]} has them")
    sys.exit(failed != 0 or not commands)


main()
