// Two processes of one container that hold a TCP connection over loopback: the first listens and echoes numbered
// messages, the second (its child) sends one every 10 ms and checks that the same number comes back. Neither ever
// connects again. GET :8080/ tells {"received","echoed","broken","uptimeMs","pid","childPid"}: how many messages
// the first has seen, the last number whose echo the second has confirmed, and why the connection broke, if it did.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

type report struct {
	Received int     `json:"received"`
	Echoed   int     `json:"echoed"`
	Broken   string  `json:"broken"`
	UptimeMs float64 `json:"uptimeMs"`
	Pid      int     `json:"pid"`
	ChildPid int     `json:"childPid"`
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "send" {
		send(os.Args[2])
		return
	}
	serve()
}

// listen makes sockets without MPTCP, which is a subject of its own (go-server).
func listen(address string) net.Listener {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), "tcp4", address)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func serve() {
	var mutex sync.Mutex
	started := time.Now()
	state := report{Pid: os.Getpid()}
	pair := listen("127.0.0.1:0")
	child := exec.Command("/proc/self/exe", "send", pair.Addr().String())
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		log.Fatal(err)
	}
	state.ChildPid = child.Process.Pid
	breakOff := func(reason string) {
		mutex.Lock()
		defer mutex.Unlock()
		if state.Broken == "" {
			state.Broken = reason
		}
	}
	go func() {
		connection, err := pair.Accept()
		if err != nil {
			breakOff(err.Error())
			return
		}
		for reader := bufio.NewReader(connection); ; {
			line, err := reader.ReadString('\n')
			if err != nil {
				breakOff("first process: " + err.Error())
				return
			}
			var number, confirmed int
			if _, err := fmt.Sscanf(line, "%d %d", &number, &confirmed); err != nil {
				breakOff("first process: " + err.Error())
				return
			}
			mutex.Lock()
			if number != state.Received+1 && state.Broken == "" {
				state.Broken = fmt.Sprintf("first process: %d came after %d", number, state.Received)
			}
			state.Received, state.Echoed = number, confirmed
			mutex.Unlock()
			if _, err := io.WriteString(connection, line); err != nil {
				breakOff("first process: " + err.Error())
				return
			}
		}
	}()
	go func() { breakOff(fmt.Sprintf("second process ended: %v", child.Wait())) }()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mutex.Lock()
		answer := state
		mutex.Unlock()
		answer.UptimeMs = float64(time.Since(started).Microseconds()) / 1000
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.Serve(listen(":8080"), handler))
}

func send(address string) {
	dialer := net.Dialer{}
	dialer.SetMultipathTCP(false)
	connection, err := dialer.Dial("tcp4", address)
	if err != nil {
		log.Fatal(err)
	}
	reader := bufio.NewReader(connection)
	for number := 1; ; number++ {
		sent := strconv.Itoa(number) + " " + strconv.Itoa(number-1) + "\n"
		if _, err := io.WriteString(connection, sent); err != nil {
			log.Fatal(err)
		}
		answer, err := reader.ReadString('\n')
		if err != nil {
			log.Fatal(err)
		}
		if strings.Compare(answer, sent) != 0 {
			log.Fatalf("sent %q, got %q", sent, answer)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
