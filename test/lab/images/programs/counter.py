"""An HTTP counter with a thread for each request, and one more that ticks every 10 ms.

GET / counts and answers {"count", "uptimeMs", "pid", "startedAt", "ticks", "threads"}; uptimeMs is time.monotonic().
"""

import http.server
import json
import os
import signal
import sys
import threading
import time

STARTED = time.monotonic()
STARTED_AT = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
lock = threading.Lock()
state = {"count": 0, "ticks": 0}


def tick():
    while True:
        time.sleep(0.01)
        with lock:
            state["ticks"] += 1


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with lock:
            state["count"] += 1
            answer = dict(state)
        answer["uptimeMs"] = (time.monotonic() - STARTED) * 1000
        answer["pid"] = os.getpid()
        answer["startedAt"] = STARTED_AT
        answer["threads"] = threading.active_count()
        body = (json.dumps(answer) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


# As the first process of a container it gets no default action for a signal.
signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit(143))
threading.Thread(target=tick, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
