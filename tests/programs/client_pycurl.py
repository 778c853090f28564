"""pycurl, whose wheel brings its own OpenSSL: AUTHORITY URL VERSION BODY SCRIPT."""

import io
import sys

import pycurl

authority, url, version, body, script = sys.argv[1:]
answer = io.BytesIO()
curl = pycurl.Curl()
curl.setopt(pycurl.URL, url)
curl.setopt(pycurl.CAINFO, authority)
curl.setopt(pycurl.POSTFIELDS, body)
curl.setopt(pycurl.HTTPHEADER, ["content-type: application/json", "x-sim: " + script])
curl.setopt(pycurl.HTTP_VERSION, 4 if version == "2" else 2)
curl.setopt(pycurl.WRITEDATA, answer)
curl.setopt(pycurl.TIMEOUT, 30)
curl.perform()
assert curl.getinfo(pycurl.RESPONSE_CODE) == 200
assert curl.getinfo(pycurl.INFO_HTTP_VERSION) == (3 if version == "2" else 2)
