"""A Chromium without a window, driven over a pipe by its DevTools protocol."""
import fcntl
import json
import os
import shutil
import subprocess
import tempfile

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage "
    "--hide-scrollbars --no-first-run --disable-extensions "
    "--disable-background-networking --remote-debugging-pipe"
).split()


class Browser:
    """Messages to the browser go to its descriptor 3, those from it come from
    its descriptor 4; each ends with a NUL byte."""

    def __init__(self):
        program = shutil.which("chromium")
        if not program:
            raise SystemExit("chromium is not installed")
        self.home = tempfile.mkdtemp(prefix="headprune-browser.")
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()
        # Above 4, so that taking one's place does not overwrite the other.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]

        def take_places():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [program] + FLAGS + [f"--user-data-dir={self.home}", "about:blank"],
            pass_fds=(3, 4),
            preexec_fn=take_places,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in [theirs_in, theirs_out] + ends:
            os.close(fd)
        self.number = 0
        self.buffer = b""
        self.events = []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call(
            "Target.attachToTarget", targetId=target, flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.into, 1 << 16)
            if not piece:
                raise SystemExit("the browser ended")
            self.buffer += piece
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url):
        """Loads a page; returns the events until it is there."""
        self.events = []
        self.call("Page.navigate", url=url)
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.events.append(self.receive())
        self.evaluate("0")
        return self.events

    def evaluate(self, expression):
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise SystemExit(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def close(self):
        self.session = None
        os.write(self.out, b'{"id":0,"method":"Browser.close"}\0')
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)
