// What hurts Go programs under uprobes: thousands of goroutines that change threads inside calls, stacks
// that grow and shrink inside them, a collector that never rests. Chat calls over TLS to a child that
// answers; every answer is checked.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

var (
	connections = flag.Int("connections", 1000, "goroutines, each with a connection")
	calls       = flag.Int("calls", 10, "calls on each")
	idle        = flag.Duration("idle", 0, "wait before the first")
	socket      = flag.String("serve", "", "be the child that answers at this socket")
	rate        = flag.Int("rate", 0, "most calls a second; 0: no limit")
	made        int64
	grown       int64
)

func main() {
	flag.Parse()
	if *socket != "" {
		listen(*socket)
		return
	}
	time.Sleep(*idle)
	folder, err := os.MkdirTemp("", "go-stress")
	check(err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "socket")
	child := exec.Command(os.Args[0], "-serve", path)
	child.Env = append(os.Environ(), "GOGC=100")
	check(child.Start())
	defer child.Process.Kill()
	client := &tls.Config{ServerName: "api.openai.com", InsecureSkipVerify: true}

	var all sync.WaitGroup
	var ready sync.WaitGroup
	start := make(chan struct{})
	for i := 0; i < *connections; i++ {
		all.Add(1)
		ready.Add(1)
		plain := dial(path)
		go func() {
			defer all.Done()
			conn := tls.Client(plain, client)
			check(conn.Handshake())
			ready.Done()
			<-start
			for n := 0; n < *calls; n++ {
				call(conn, n)
			}
			conn.Close()
		}()
	}
	ready.Wait()
	begun := time.Now()
	close(start)
	all.Wait()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Printf(`{"calls":%d,"seconds":%.1f,"collections":%d,"deep":%d}`+"\n", made, time.Since(begun).Seconds(), memory.NumGC, grown)
}

// The child needs a moment to begin, and its queue of connections may be full.
func dial(path string) net.Conn {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			check(err)
		}
	}
}

func listen(path string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"api.openai.com"},
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	listener, err := net.Listen("unix", path)
	check(err)
	for {
		conn, err := listener.Accept()
		check(err)
		go serve(tls.Server(conn, config))
	}
}

// A call: the request is written by a fresh goroutine, whose small stack grows inside Write; the answer
// is read at the bottom of a deep stack or of a fresh one.
func call(conn *tls.Conn, n int) {
	pace()
	body := fmt.Sprintf(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":"%d"}]}`, n)
	request := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\n"+
		"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s", len(body), body)
	done := make(chan error)
	go func() {
		_, err := conn.Write([]byte(request))
		done <- err
	}()
	check(<-done)
	var answer []byte
	read := func() {
		buffer := make([]byte, 4096)
		got, err := conn.Read(buffer)
		check(err)
		answer = append(answer, buffer[:got]...)
	}
	for !complete(answer) {
		if n%2 == 0 {
			go func() {
				read()
				done <- nil
			}()
			<-done
		} else {
			go func() {
				deep(n%7*24, read)
				done <- nil
			}()
			<-done
		}
	}
	if !bytes.Contains(answer, []byte(fmt.Sprintf(`"completion_tokens":%d,`, n%100+1))) {
		fmt.Fprintln(os.Stderr, "wrong answer:", string(answer))
		os.Exit(3)
	}
	atomic.AddInt64(&made, 1)
}

// A kilobyte of stack a level: 144 levels make the stack move several times on the way down.
//
//go:noinline
func deep(levels int, then func()) byte {
	var ballast [1024]byte
	ballast[levels%1024] = 1
	if levels == 0 {
		atomic.AddInt64(&grown, 1)
		then()
		return ballast[0]
	}
	return deep(levels-1, then) + ballast[levels%7]
}

func serve(conn *tls.Conn) {
	buffer := make([]byte, 4096)
	for {
		got := 0
		for !complete(buffer[:got]) {
			n, err := conn.Read(buffer[got:])
			if err != nil {
				return
			}
			got += n
		}
		at := bytes.Index(buffer[:got], []byte(`"content":"`)) + len(`"content":"`)
		end := at + bytes.IndexByte(buffer[at:got], '"')
		n, err := strconv.Atoi(string(buffer[at:end]))
		check(err)
		tokens := n%100 + 1
		body := fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2026-01-15",`+
			`"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],`+
			`"usage":{"prompt_tokens":7,"completion_tokens":%d,"total_tokens":%d}}`, tokens, tokens+7)
		_, err = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", len(body), body)
		check(err)
	}
}

// Whether a message with a content-length is all there.
func complete(message []byte) bool {
	head := bytes.Index(message, []byte("\r\n\r\n"))
	if head < 0 {
		return false
	}
	at := bytes.Index(message, []byte("content-length: ")) + len("content-length: ")
	end := at + bytes.IndexByte(message[at:], '\r')
	length, err := strconv.Atoi(string(message[at:end]))
	check(err)
	return len(message) >= head+4+length
}

var slots = make(chan struct{}, 64)
var pacer sync.Once

// Keeps to the rate.
func pace() {
	if *rate == 0 {
		return
	}
	pacer.Do(func() {
		go func() {
			for range time.Tick(10 * time.Millisecond) {
				for i := 0; i < *rate/100; i++ {
					slots <- struct{}{}
				}
			}
		}()
	})
	<-slots
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
