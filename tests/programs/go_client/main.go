// Chat calls with net/http: each prints what it was told, one JSON line a call.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	calls := flag.Int("calls", 1, "calls on one connection")
	http1 := flag.Bool("http1", false, "no HTTP/2")
	stream := flag.Bool("stream", false, "ask for a stream")
	script := flag.String("sim", "", "what the simulator is to do")
	idle := flag.Duration("idle", 0, "how long to wait before the first call")
	flag.Parse()
	time.Sleep(*idle)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = !*http1
	if *http1 {
		transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	client := &http.Client{Transport: transport}
	for i := 0; i < *calls; i++ {
		body := fmt.Sprintf(`{"model":"gpt-4o-mini","stream":%v,"stream_options":{"include_usage":true},`+
			`"messages":[{"role":"user","content":"hi"}]}`, *stream)
		request, err := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(body))
		check(err)
		request.Header.Set("content-type", "application/json")
		request.Header.Set("authorization", "Bearer sk-none")
		request.Header.Set("x-sim", *script)
		response, err := client.Do(request)
		check(err)
		_, err = io.Copy(io.Discard, response.Body)
		check(err)
		response.Body.Close()
		check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
			"status": response.StatusCode, "request_id": response.Header.Get("x-request-id"),
		}))
	}
	client.CloseIdleConnections()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
