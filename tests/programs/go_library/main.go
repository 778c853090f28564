// A C library written in Go that makes an HTTPS call.
package main

import "C"
import "net/http"

//export Call
func Call() C.int {
	response, err := http.Get("https://api.openai.com/v1/models")
	if err != nil {
		return 0
	}
	response.Body.Close()
	return C.int(response.StatusCode)
}

func main() {}
