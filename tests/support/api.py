"""A client of the HTTP API, on one of the hosts."""

import contextlib
import http.client
import json
import time

from .waiting import DEADLINE

PORT = 8080


class Api:
    """A client on a host, for the API of the server."""

    def __init__(self, host, address="127.0.0.1", port=PORT, token=None):
        self.host, self.address, self.port, self.token = host, address, port, token

    def connect(self):
        connection = http.client.HTTPConnection(self.address, self.port, timeout=DEADLINE)
        with self.host.entered():
            connection.connect()
        return connection

    def authorized(self, headers, token=None):
        """With the token, where there is one."""
        token = token or self.token
        return dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})

    def ask(self, method, path, body=None, token=None, headers=None):
        """Status, headers, and the body as it came."""
        text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, text, self.authorized(headers, token))
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()

    def json(self, method, path, body=None, **options):
        """Status and parsed answer; None where there was no body."""
        status, _, text = self.ask(method, path, body, **options)
        return status, json.loads(text) if text else None

    def get(self, path):
        status, answer = self.json("GET", path)
        assert status == 200, (path, status, answer)
        return answer


def events_of(api, count, seconds=DEADLINE, since=None):
    """Reads (event, data) from the stream until `count(list)` is true; what has an id has it in its data as well."""
    found, event, number = [], None, None
    with contextlib.closing(api.connect()) as connection:
        connection.request("GET", "/api/v1/stream", headers=api.authorized({} if since is None else {"Last-Event-ID": str(since)}))
        response = connection.getresponse()
        assert response.status == 200 and response.headers["Content-Type"].startswith("text/event-stream")
        end = time.monotonic() + seconds
        while not count(found):
            assert time.monotonic() < end, found
            line = response.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("id: "):
                number = int(line.removeprefix("id: "))
            elif line.startswith("data: "):
                found.append((event, json.loads(line.removeprefix("data: "))))
                assert found[-1][1].get("id", number) == number
                number = None
    return found
