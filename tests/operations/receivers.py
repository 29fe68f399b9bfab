"""Who gets alerts, on loopback: a webhook, and a mail server that speaks as much SMTP as a sender needs."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from contextlib import contextmanager


@contextmanager
def webhook(status: int = 200):
    """Gives the URL and the list of objects that come."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args):
            pass

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/hook/s3cr3t-path", got


@contextmanager
def mail_server():
    """Gives the port and the list of mails that come: (from, to, text)."""
    got = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            sender, to = "", []
            self.say("220 here")
            for line in self.rfile:
                word = line.strip().upper()
                if word.startswith(b"MAIL FROM:"):
                    sender = line.decode().split("<")[1].split(">")[0]
                elif word.startswith(b"RCPT TO:"):
                    to.append(line.decode().split("<")[1].split(">")[0])
                elif word == b"DATA":
                    self.say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    got.append((sender, to, b"".join(lines).decode()))
                elif word == b"QUIT":
                    self.say("221 bye")
                    return
                self.say("250 ok")

        def say(self, text):
            self.wfile.write(f"{text}\r\n".encode())

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, got


@contextmanager
def _serving(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
