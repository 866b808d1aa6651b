#!/usr/bin/python3
"""usage: pages.py HEADPRUNE [SHOTS]: makes pages of real documents and opens
them in Chromium at two widths, light and dark, with and without JavaScript.
Nothing may reach the console or the network, stand outside the viewport, or
leave its figure. With SHOTS, screenshots go to that folder."""
import base64
import json
import os
import subprocess
import sys
import tempfile

from browser import Browser

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WIDTHS = (1280, 400)

# What stands outside: elements that the reader cannot scroll to inside an
# element of their own, and texts that leave the figure they belong to.
OUTSIDE = """(() => {
  const bad = [], wide = document.documentElement.clientWidth;
  const say = (what, e) => bad.push(
    `${what}: <${e.tagName}> ${e.textContent.trim().slice(0, 40)}`);
  if (document.documentElement.scrollWidth > wide)
    bad.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const e of document.body.querySelectorAll('*'))
    if (!e.parentElement.closest('.scroll') &&
        e.getBoundingClientRect().right > wide + 0.5)
      say('outside the viewport', e);
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    for (const e of svg.querySelectorAll('text, rect, path, circle')) {
      const box = e.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
          box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        say(`outside its figure ${svg.closest('figure').id}`, e);
    }
    const texts = [...svg.querySelectorAll('text')];
    texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
      const x = a.getBoundingClientRect(), y = b.getBoundingClientRect();
      if (Math.min(x.right, y.right) - Math.max(x.left, y.left) > 1 &&
          Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 3)
        say(`on '${b.textContent}' in ${svg.closest('figure').id}`, a);
    }));
  }
  return bad;
})()"""
# The smallest text of a figure, in pixels of its line.
SIZES = """Math.min(...[...document.querySelectorAll('svg text')].map(
  e => e.getBoundingClientRect().height *
    (e.hasAttribute('transform') ? 99 : 1)))"""
# Figures that shrink to the page; the others are too wide for a phone.
WHOLE = """[...document.querySelectorAll('figure')].filter(figure => {
  const frame = figure.querySelector('.scroll');
  return frame.scrollWidth > frame.clientWidth;
}).map(figure => `only a part of ${figure.id} is seen`)"""
NARROW = ("b.html", "c.html", "f.html", "g.html")
# A click on the head of every table's first column of numbers sorts by it.
SORTED = """[...document.querySelectorAll('table')].every(table => {
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.findIndex(h => h.className === 'n');
  heads[column].click();
  const values = [...table.tBodies[0].rows].map(
    r => parseFloat(r.cells[column].textContent)).filter(v => !isNaN(v));
  return values.every((v, i) => !i || values[i - 1] <= v);
}) && document.querySelectorAll('table').length > 0"""


def wide(path, layers, heads):
    """A scores document of a model as large as they come."""
    with open(path, encoding="utf-8") as f:
        d = json.load(f)
    d["model"].update(layers=layers, heads=layers * heads)
    d["heads"] = [
        {"id": f"{b}:{h}", "block": b, "name": f"layer.{b}", "layer": b, "head": h,
         "score": (b * 37 + h * 101) % 997 / 100, "rank": 0}
        for b in range(layers) for h in range(heads)
    ]
    return d


def make_pages(headprune, room):
    def run(*words):
        return subprocess.run(
            [headprune, *words], cwd=room, check=True, stdout=subprocess.PIPE
        ).stdout

    def keep(name, *words):
        with open(os.path.join(room, name), "wb") as f:
            f.write(run(*words))

    os.symlink(os.path.join(ROOT, "models"), os.path.join(room, "models"))
    gpt2 = "models/gpt2-novels"
    keep("entropy.json", "-q", "score", "entropy", "--json", gpt2)
    keep("magnitude.json", "-q", "score", "magnitude", "--json", gpt2)
    keep("plan.json", "plan", "entropy.json", "--ratio", "0.3", "--json")
    keep("list.json", "apply", gpt2, "--heads", "0:1-3 5:7", "-n", "--json")
    run("-q", "magnitude", "--ratio", "0.5", "--scope", "layer",
        "models/bert-novels", "-o", "pruned")
    run("report", "entropy.json", "magnitude.json", "plan.json", "-o", "a.html")
    run("report", "pruned/headprune.json", "list.json", "-o", "b.html")
    short = ("--sequences", "2", "--length", "64", "--json")
    keep("whole.json", "-q", "eval", gpt2, *short)
    keep("masked.json", "-q", "eval", gpt2, "--plan", "plan.json",
         "--against", gpt2, *short)
    run("-qq", "sweep", gpt2, "--ratios", "0.1,0.3,0.6,0.9", "--seeds", "3",
        "--sequences", "2", "--length", "64", "-o", "sweep.json")
    run("report", "whole.json", "masked.json", "sweep.json", "-o", "c.html")
    with open(os.path.join(room, "wide.json"), "w", encoding="utf-8") as f:
        json.dump(wide(os.path.join(room, "entropy.json"), 48, 64), f)
    keep("many.json", "plan", "wide.json", "--ratio", "0.3", "--json")
    run("report", "wide.json", "many.json", "-o", "d.html")
    text = "It was the best of times, it was the worst of times. " * 3
    run("-q", "attention", gpt2, "--text", text, "-o", "long.safetensors")
    run("-q", "attention", "models/bert-novels", "--text", "The cat sat on the mat",
        "-o", "short.safetensors")
    run("report", "long.safetensors", "short.safetensors", "-o", "e.html")
    keep("redundancy.json", "-q", "redundancy", gpt2, *short)
    run("-q", "auto", gpt2, "--max-loss-increase", "0.05", "--sequences", "8",
        "--length", "64", "-o", "chosen")
    run("report", "redundancy.json", "chosen/headprune.json", "-o", "f.html")
    pairs = [[[3 + (7 * i + k) % 50 for k in range(12)],
              [0] + [3 + (5 * i + 3 * k) % 50 for k in range(9)]] for i in range(3)]
    with open(os.path.join(room, "pairs.ids"), "w", encoding="utf-8") as f:
        f.writelines(json.dumps(pair) + "\n" for pair in pairs)
    t5 = os.path.join(ROOT, "tests/golden/t5")
    run("-q", "entropy", "--ratio", "0.3", "--tokens", "pairs.ids", t5, "-o", "stacks")
    keep("stacks.json", "-q", "redundancy", "--tokens", "pairs.ids", "--json", t5)
    run("-qq", "sweep", t5, "--tokens", "pairs.ids", "--ratios", "0.2,0.5",
        "--seeds", "2", "-o", "pairs.json")
    run("report", "stacks/headprune.json", "stacks.json", "pairs.json", "-o", "g.html")
    return [os.path.join(room, name + ".html") for name in "abcdefg"]


def complaints(events):
    for e in events:
        p = e.get("params", {})
        if e["method"] == "Runtime.exceptionThrown":
            yield "exception: " + str(p["exceptionDetails"])
        elif e["method"] == "Runtime.consoleAPICalled":
            yield "console: " + str(p["args"])
        elif e["method"] == "Log.entryAdded":
            yield "log: " + p["entry"]["text"]
        elif e["method"] == "Network.requestWillBeSent":
            url = p["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                yield "request: " + url


def shoot(browser, path):
    shot = browser.call(
        "Page.captureScreenshot", format="png", captureBeyondViewport=True
    )
    with open(path, "wb") as f:
        f.write(base64.b64decode(shot["data"]))


def look(browser, page, width, scheme, script, shots):
    browser.call("Emulation.setScriptExecutionDisabled", value=not script)
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=900, deviceScaleFactor=1, mobile=False,
    )
    browser.call(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )
    problems = list(complaints(browser.open("file://" + page)))
    problems += browser.evaluate(OUTSIDE)
    if os.path.basename(page) in NARROW:
        problems += browser.evaluate(WHOLE)
    smallest = browser.evaluate(SIZES)
    if smallest < 9:
        problems.append(f"text {smallest:.1f} pixels high")
    if script and not browser.evaluate(SORTED):
        problems.append("a click on a column's head does not sort by it")
    if shots:
        name = os.path.basename(page).replace(".html", "")
        shoot(browser, f"{shots}/{name}-{width}-{scheme}{'' if script else '-noscript'}.png")
    return problems


def main():
    shots = sys.argv[2] if len(sys.argv) > 2 else None
    failed = looks = 0
    with tempfile.TemporaryDirectory(prefix="pages.") as room:
        pages = make_pages(os.path.abspath(sys.argv[1]), room)
        browser = Browser()
        for page in pages:
            for width in WIDTHS:
                for scheme, script in (("light", True), ("dark", True), ("light", False)):
                    found = look(browser, page, width, scheme, script, shots)
                    looks += 1
                    for text in found:
                        failed += 1
                        print(f"{os.path.basename(page)} {width} {scheme}: {text}")
        browser.close()
    print(f"{looks} looks at {len(pages)} pages: {failed} problems")
    sys.exit(failed != 0)


main()
