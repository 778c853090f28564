"""One call over plain HTTP for each way of moving bytes over a socket; prints the names of those made.

Each call's model is its name; its tokens are the ones given on the command line plus its number.
"""

import argparse
import http.client
import json
import os
import socket
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--uds")
parser.add_argument("--other", type=int, help="port of a server that is no model")
args = parser.parse_args()
number = 0


def request(name, size=0):
    """Head and body of a call."""
    body = json.dumps({"model": name, "messages": [{"role": "user", "content": "x" * size}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{args.port}\r\n"
        f"content-type: application/json\r\nx-tokens: {tokens()}\r\nx-model: {name}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    return head, body


def tokens():
    global number
    number += 1
    return f"{100 + number},{number}"


def connect(family=socket.AF_INET, address=None):
    sock = socket.socket(family)
    sock.connect(address or ("127.0.0.1", args.port))
    return sock


def whole(data):
    head, mark, body = data.partition(b"\r\n\r\n")
    if not mark:
        return False
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(body) >= int(lengths[0].split(b":")[1])


def read(sock, more):
    data = b""
    while not whole(data):
        piece = more(sock)
        assert piece, data
        data += piece
    assert data.startswith(b"HTTP/1.1 200"), data
    return data


def recv(sock):
    return sock.recv(65536)


def simple(name, sock, size=0):
    head, body = request(name, size)
    sock.sendall(head + body)
    read(sock, recv)


def call_http_client(name):
    connection = http.client.HTTPConnection("127.0.0.1", args.port)
    head, body = request(name)
    headers = {"x-tokens": f"{100 + number},{number}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    assert connection.getresponse().read()
    connection.close()


def call_messages(name):
    def more(sock):
        one, two = bytearray(7), bytearray(4096)
        count, _, _, _ = sock.recvmsg_into([one, two])
        return bytes(one + two)[:count]

    sock = connect()
    head, body = request(name)
    sock.sendmsg([head[:10], head[10:], body])
    read(sock, more)
    sock.close()


def call_vectors(name):
    def more(sock):
        one, two = bytearray(1), bytearray(8192)
        count = os.readv(sock.fileno(), [one, two])
        return bytes(one + two)[:count]

    sock = connect()
    head, body = request(name)
    assert os.writev(sock.fileno(), [head, body]) == len(head) + len(body)
    read(sock, more)
    sock.close()


def call_read_write(name):
    sock = connect()
    head, body = request(name)
    os.write(sock.fileno(), head)
    os.write(sock.fileno(), body)
    read(sock, lambda sock: os.read(sock.fileno(), 33))
    sock.close()


def call_nonblocking(name):
    import select

    sock = connect()
    sock.setblocking(False)
    data = b"".join(request(name, 600_000))
    while data:
        select.select([], [sock], [])
        try:
            data = data[sock.send(data[:400_000]) :]
        except BlockingIOError:
            pass

    def more(sock):
        while True:
            try:
                return sock.recv(50)
            except BlockingIOError:
                select.select([sock], [], [])

    read(sock, more)
    sock.close()


def call_peek(name):
    def more(sock):
        sock.recv(20, socket.MSG_PEEK)
        sock.recvmsg(20, 0, socket.MSG_PEEK)
        return sock.recv(65536)

    sock = connect()
    sock.sendall(b"".join(request(name)))
    read(sock, more)
    sock.close()


def call_dup(name):
    sock = connect()
    other = os.dup2(sock.fileno(), 200)
    sock.close()
    sock = socket.socket(fileno=other)
    simple(name, sock)
    sock.close()


def call_fd_reuse(name):
    for _ in range(3):
        strange = connect(address=("127.0.0.1", args.other))
        fd = strange.fileno()
        strange.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        read(strange, recv)
        strange.close()
        sock = connect()
        assert sock.fileno() == fd
    simple(name, sock)
    sock.close()


def call_fork(name):
    sock = connect()
    head, body = request(name)
    child = os.fork()
    if child == 0:
        sock.sendall(head + body)
        read(sock, recv)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    sock.close()


def call_ipv6(name):
    sock = connect(socket.AF_INET6, ("::1", args.port))
    simple(name, sock)
    sock.close()


def call_mapped(name):
    sock = connect(socket.AF_INET6, ("::ffff:127.0.0.1", args.port))
    simple(name, sock)
    sock.close()


def call_unix(name):
    sock = connect(socket.AF_UNIX, args.uds)
    simple(name, sock)
    sock.close()


def call_sendfile(name):
    sock = connect()
    head, body = request(name)
    sock.sendall(head)
    with open("/dev/shm/aitrace-sendfile", "w+b") as file:
        file.write(body)
        file.flush()
        assert os.sendfile(sock.fileno(), file.fileno(), 0, len(body)) == len(body)
    read(sock, recv)
    os.remove("/dev/shm/aitrace-sendfile")
    sock.close()


def call_keep_alive(name):
    sock = connect()
    for _ in range(20):
        simple(name, sock, 2000)
        print(json.dumps({"name": name, "input": 100 + number, "output": number}))
    sock.close()


for key, call in list(globals().items()):
    if key.startswith("call_") and (args.uds or key != "call_unix"):
        name = key.removeprefix("call_")
        call(name)
        if name != "keep_alive":
            print(json.dumps({"name": name, "input": 100 + number, "output": number}))
sys.stdout.flush()
