"""A libcurl of the caller's choice, loaded by name: LIBRARY AUTHORITY URL VERSION BODY SCRIPT."""

import ctypes
import sys

library, authority, url, version, body, script = sys.argv[1:]
curl = ctypes.CDLL(library)
curl.curl_easy_init.restype = ctypes.c_void_p
curl.curl_slist_append.restype = ctypes.c_void_p
curl.curl_slist_append.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
curl.curl_easy_perform.argtypes = [ctypes.c_void_p]
curl.curl_easy_cleanup.argtypes = [ctypes.c_void_p]
curl.curl_easy_strerror.restype = ctypes.c_char_p

# curl/curl.h: CURLOPT_*
TIMEOUT, HTTP_VERSION, FAILONERROR = 13, 84, 45
URL, POSTFIELDS, HTTPHEADER, CAINFO = 10002, 10015, 10023, 10065


def option(handle, which, value):
    kind = ctypes.c_long if which < 10000 else ctypes.c_void_p
    if isinstance(value, bytes):
        kind = ctypes.c_char_p
    # The option's value is a variadic argument: its type is told with each call.
    result = curl.curl_easy_setopt(ctypes.c_void_p(handle), ctypes.c_int(which), kind(value))
    assert result == 0, curl.curl_easy_strerror(result)


curl.curl_global_init(ctypes.c_long(3))
handle = curl.curl_easy_init()
headers = curl.curl_slist_append(None, b"content-type: application/json")
headers = curl.curl_slist_append(headers, b"x-sim: " + script.encode())
content = body.encode()
option(handle, URL, url.encode())
option(handle, CAINFO, authority.encode())
option(handle, POSTFIELDS, content)
option(handle, HTTPHEADER, headers)
option(handle, TIMEOUT, 30)
option(handle, FAILONERROR, 1)
option(handle, HTTP_VERSION, 4 if version == "2" else 2)
result = curl.curl_easy_perform(handle)
curl.curl_easy_cleanup(handle)
if result:
    sys.exit(curl.curl_easy_strerror(result).decode())
