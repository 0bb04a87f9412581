"""A small web server on one of the hosts: answers GET /STATUS/… by that status, keeps what is posted."""

import http.client
import http.server
import json
import socketserver
import threading

from .waiting import DEADLINE, wait_until


class Web:
    def __init__(self, host, port, address=""):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                first = self.path.split("/")[1]
                self.answer(int(first) if first.isdigit() else 200)

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.posted.append((self.path, json.loads(body)))
                self.answer(web.statuses.pop(0) if web.statuses else 200)

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.posted = []  # path and parsed body, in order
        self.statuses = []  # of the next posts; 200 where there is none
        self.host = host
        with host.entered():
            self.server = Server((address, port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def wait_for_posts(self, count):
        """The bodies, when there are so many."""
        wait_until(lambda: len(self.posted) >= count, lambda: f"{count} posts: {self.posted}")
        return [body for _, body in self.posted]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(DEADLINE)


def get(host, *paths, address, port):
    """Asks for all of them on one connection, and gives the statuses."""
    connection = http.client.HTTPConnection(address, port, timeout=DEADLINE)
    with host.entered():
        connection.connect()
    statuses = []
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    return statuses
