#!/usr/bin/python3
"""Runs every case of manifest.json and checks its verdict (README.md).

usage: run.py HEADPRUNE [CASE...]
"""
import hashlib
import json
import math
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Sanitizers reserve terabytes of address space and slow things down.
SANITIZED = b"__asan_init" in open(sys.argv[1], "rb").read()


def limit(case):
    def apply():
        if not SANITIZED:
            # Address space: what may be resident, and what BLAS reserves.
            size = (case["limits"]["rss_mb"] + 3072) << 20
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return apply


def read_safetensors(path):
    """Name -> (entry, bytes) and the header's length, strictly."""
    data = open(path, "rb").read()
    (n,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n])
    header.pop("__metadata__", None)
    tensors, end = {}, 0
    for name, entry in header.items():
        begin, stop = entry["data_offsets"]
        tensors[name] = (entry, data[8 + n + begin : 8 + n + stop])
        end = max(end, stop)
    assert 8 + n + end == len(data), f"{path}: incomplete"
    return tensors, 8 + n


def model_files(folder):
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.exists(index):
        with open(index, encoding="utf-8") as f:
            return sorted(set(json.load(f)["weight_map"].values()))
    return ["model.safetensors"]


def finite(value):
    if isinstance(value, dict):
        return all(finite(v) for v in value.values())
    if isinstance(value, list):
        return all(finite(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


def check_accepted(case, folder, out):
    """Same headers and sizes; only output projections differ, by zeros."""
    for name in model_files(folder):
        before, head = read_safetensors(os.path.join(folder, name))
        after, _ = read_safetensors(os.path.join(out, name))
        with open(os.path.join(folder, name), "rb") as a:
            with open(os.path.join(out, name), "rb") as b:
                assert a.read(head) == b.read(head), f"{name}: header changed"
        assert list(before) == list(after), f"{name}: other tensors"
        for tensor, (_, old) in before.items():
            new = after[tensor][1]
            assert len(new) == len(old), f"{tensor}: size changed"
            kept = all(y in (0, x) for x, y in zip(old, new))
            assert kept, f"{tensor}: bytes other than zeros"
            projection = "attn.c_proj.w" in tensor or "attention.output.d" in tensor
            assert projection or new == old, f"{tensor}: changed"
        for tensor, want in (case["pass_through"] or {}).items():
            if tensor in after:
                digest = hashlib.sha256(after[tensor][1]).hexdigest()
                assert digest == want["sha256"], f"{tensor}: not passed through"
    with open(os.path.join(out, "headprune.json"), encoding="utf-8") as f:
        report = json.load(f)
    assert report["pruned"] == report["total"] // 2, "wrong number of heads"
    assert finite(report), "a number that is not finite"
    assert all(s["score"] is not None for s in report["scores"]), "null score"


def check(binary, case, room):
    # A copy: some cases are about modes, which git does not keep.
    folder = os.path.join(room, case["dir"])
    if os.path.exists(os.path.join(HERE, case["dir"])):
        shutil.copytree(os.path.join(HERE, case["dir"]), folder)
    else:
        os.mkdir(folder)
    if case["name"] == "ok_readonly_input":
        for name in os.listdir(folder):
            os.chmod(os.path.join(folder, name), 0o444)
    before = {
        name: open(os.path.join(folder, name), "rb").read()
        for name in sorted(os.listdir(folder))
    }
    out = os.path.join(room, "out")
    command = [binary, "entropy", "--ratio", "0.5"]
    command += ["--data", os.path.join(folder, case["calib"])]
    command += [os.path.join(folder, case["model"]), "-o", out]
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=case["limits"]["seconds"] * (10 if SANITIZED else 1),
        preexec_fn=limit(case),
    )
    if not SANITIZED:  # the largest child so far, in KiB
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert peak <= case["limits"]["rss_mb"] << 10, f"{peak} KiB resident"
    errors = result.stderr.decode("utf-8", "replace")
    about = f"exit {result.returncode}, stderr: {errors.strip()[:300]}"
    want = case["recommended"] if case["expect"] == "either" else case["expect"]
    if want == "accept":
        assert result.returncode == 0, about
        check_accepted(case, folder, out)
    else:
        codes = (5,) if case["rule"] == "IO01" else (3, 4)
        assert result.returncode in codes, about
        assert result.stdout == b"", "output on stdout"
        lines = errors.splitlines()
        assert len(lines) == 1, f"{len(lines)} lines; {about}"
        assert lines[0].startswith("headprune: "), about
        assert len(lines[0]) > len("headprune: ") + 10, about
        assert os.listdir(room) == [case["dir"]], f"left: {os.listdir(room)}"
    after = {
        name: open(os.path.join(folder, name), "rb").read()
        for name in sorted(os.listdir(folder))
    }
    assert before == after, "the input changed"
    return errors.strip()


def main():
    binary = os.path.abspath(sys.argv[1])
    with open(os.path.join(HERE, "manifest.json"), encoding="utf-8") as f:
        cases = json.load(f)["cases"]
    if sys.argv[2:]:
        cases = [c for c in cases if c["name"] in sys.argv[2:]]
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="hostile.") as room:
            try:
                said = check(binary, case, room)
                if sys.argv[2:]:
                    print(f"{case['name']}: {said.replace(room, '')}")
            except (AssertionError, subprocess.TimeoutExpired) as problem:
                failed += 1
                print(f"{case['name']} ({case['expect']}, {case['rule']}): {problem}")
    print(f"{len(cases) - failed} of {len(cases)} cases as expected")
    sys.exit(failed != 0 or not cases)


main()
