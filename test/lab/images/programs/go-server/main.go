// An HTTP server as the Go standard library makes it, nothing set: with Go 1.24 and later it listens by MPTCP.
// GET / counts and answers {"count","uptimeMs","pid","startedAt"}; uptimeMs is read from the monotonic clock.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

func main() {
	started := time.Now()
	var count atomic.Int64
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{
			"count":     count.Add(1),
			"uptimeMs":  float64(time.Since(started).Microseconds()) / 1000,
			"pid":       os.Getpid(),
			"startedAt": started.UTC().Format(time.RFC3339Nano),
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
