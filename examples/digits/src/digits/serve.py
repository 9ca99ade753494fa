"""Answers GET /healthz, and POST /predict with the digit in 64 comma-separated grey values."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from digits import data
from digits.model import Network


class Handler(BaseHTTPRequestHandler):
    network = None

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "ok")
        else:
            self.answer(404, "not found")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        image = np.array([float(value) for value in body.decode().split(",")])
        digit = self.network.predict(image[None, :])[0]
        self.answer(200, str(digit))

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


def main():
    port = int(os.environ.get("PORT", "8000"))
    Handler.network = Network.load(data.OUT_DIR / "model.npz")
    print(f"serving on port {port}", flush=True)
    ThreadingHTTPServer(("", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
