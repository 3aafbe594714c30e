// The client that puts load on what moves, run as a pod. It goes on through every error until SIGTERM, SIGINT or
// -duration, writes one JSON event a line to stdout and a summary as the last line ({"event":"summary",...}).
//
//	client redis -address r:6379 [-key log] [-interval 5ms] [-timeout 1s] [-id NAME] [-retry] [-duration 0]
//	    RPUSHes "NAME-1", "NAME-2", ... to a list, one write at a time over one connection, and connects again after
//	    an error. Every attempt has an id of its own, so an id twice in the list was applied twice by the server;
//	    with -retry an attempt that got no answer is made again under the same id, which may then rightly be there
//	    twice (it is counted in "retried" and listed in "retriedIds").
//	    Summary: attempted, acknowledged, errors, reconnects, retried, retriedIds, acknowledgedRanges ([[1,40],[43,90]]:
//	    the numbers of all acknowledged ids), unknown (numbers of the ids without an answer), id, longestGapMs,
//	    gapStart, gapEnd, firstErrorAt, lastErrorAt.
//	client http -url http://c:8080/ [-interval 5ms] [-timeout 1s] [-keep-alive] [-duration 0] [-field count] [-may-repeat]
//	    GETs an address; a new connection for each request unless -keep-alive. A success is status 200 with a JSON
//	    object; of its numeric fields "count" (or -field) and "uptimeMs" it checks that each answer's is larger than
//	    the one before; with -may-repeat the first may also be the same.
//	    Summary: attempted, acknowledged, errors, longestGapMs, gapStart, gapEnd, firstErrorAt, lastErrorAt,
//	    firstCount, lastCount, countWentBack (list of [before, after], at most 20), uptimeWentBack.
//	client witness -address c:7000 [-interval 5ms] [-timeout 1s] [-boot NAME] [-duration 0]
//	    Sends "NAME 1", "NAME 2", ... to a collector, a line each, over one connection, and connects again after an
//	    error. NAME is made up at the start unless given; no count is sent twice. Writes nothing itself.
//	client collect [-listen :7000] [-duration 0]
//	    Keeps which counts have come from each witness. Summary: witnesses (of each boot, received, highest, repeated:
//	    the first 20 counts that came more than once, longestGapMs, gapStart, gapEnd, silentMs: since the last one), refused
//	    (lines that no witness says, or that are too much to be kept).
//
// Common: -address and the like may be given as environment too (CLIENT_ADDRESS, CLIENT_URL).
// Events: {"event":"error","at":...,"error":...} for the first error of a gap, {"event":"recovered","at":...,"gapMs":...}
// for the success that ends it, {"event":"progress",...} every second. A gap is the time between two successes, by
// the monotonic clock; times of day are UTC with milliseconds.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type common struct {
	interval, timeout, duration time.Duration
}

func main() {
	if len(os.Args) < 2 {
		fail("usage: client redis|http|witness|collect [flags]")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var shared common
	flags.DurationVar(&shared.interval, "interval", 5*time.Millisecond, "time between the starts of two requests")
	flags.DurationVar(&shared.timeout, "timeout", time.Second, "how long to wait for one answer")
	flags.DurationVar(&shared.duration, "duration", 0, "stop after this time; 0: only when told to")
	var loop func(context.Context, common)
	switch os.Args[1] {
	case "redis":
		loop = redisMode(flags)
	case "http":
		loop = httpMode(flags)
	case "witness":
		loop = witnessMode(flags)
	case "collect":
		loop = collectMode(flags)
	default:
		fail("unknown mode " + os.Args[1])
	}
	_ = flags.Parse(os.Args[2:])
	context, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	loop(context, shared)
}

func emit(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(string(line))
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
