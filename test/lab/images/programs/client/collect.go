package main

import (
	"bufio"
	"context"
	"flag"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// mostWitnesses and mostCounts bound what is kept: 8 MiB of bits for a week of counts, 10 ms apart.
	mostWitnesses = 16
	mostCounts    = 1 << 26
	// silence is after what time without a word a connection is that of a process which is gone without farewell.
	silence = 30 * time.Second
)

// heard is what one witness has said.
type heard struct {
	seen              []uint64
	received, highest int
	repeated          []int
	last              time.Time
	longestGap        time.Duration
	gapStart, gapEnd  time.Time
}

// ledger keeps what witnesses say, over however many connections.
type ledger struct {
	mutex     sync.Mutex
	witnesses map[string]*heard
	// refused lines are no witness's, or beyond what is kept.
	refused int
}

func (l *ledger) add(line string, now time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	boot, number, _ := strings.Cut(line, " ")
	count, err := strconv.Atoi(number)
	witness := l.witnesses[boot]
	if err != nil || count < 1 || count > mostCounts || (witness == nil && len(l.witnesses) == mostWitnesses) {
		l.refused++
		return
	}
	if witness == nil {
		witness = &heard{repeated: []int{}}
		l.witnesses[boot] = witness
	}
	witness.add(count, now)
}

func (h *heard) add(count int, now time.Time) {
	h.received++
	h.highest = max(h.highest, count)
	word, bit := count/64, uint64(1)<<(count%64)
	if missing := word + 1 - len(h.seen); missing > 0 {
		h.seen = append(h.seen, make([]uint64, missing)...)
	}
	if h.seen[word]&bit != 0 && len(h.repeated) < mostDrops {
		h.repeated = append(h.repeated, count)
	}
	h.seen[word] |= bit
	if gap := now.Sub(h.last); !h.last.IsZero() && gap > h.longestGap {
		h.longestGap, h.gapStart, h.gapEnd = gap, h.last, now
	}
	h.last = now
}

func (l *ledger) fields() map[string]any {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now, witnesses := time.Now(), []map[string]any{}
	for _, boot := range slices.Sorted(maps.Keys(l.witnesses)) {
		witness := l.witnesses[boot]
		witnesses = append(witnesses, map[string]any{
			"boot": boot, "received": witness.received, "highest": witness.highest, "repeated": witness.repeated,
			"longestGapMs": milliseconds(witness.longestGap), "gapStart": clock(witness.gapStart), "gapEnd": clock(witness.gapEnd),
			"silentMs": milliseconds(now.Sub(witness.last)),
		})
	}
	return map[string]any{"at": clock(now), "witnesses": witnesses, "refused": l.refused}
}

func collectMode(flags *flag.FlagSet) func(context.Context, common) {
	address := flags.String("listen", ":7000", "where witnesses are listened to")
	return func(ctx context.Context, shared common) {
		listener, err := net.Listen("tcp", *address)
		if err != nil {
			fail(err.Error())
		}
		kept := ledger{witnesses: map[string]*heard{}}
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					fail(err.Error())
				}
				go kept.listen(connection)
			}
		}()
		shared.interval = time.Second
		everyInterval(ctx, shared, func(context.Context) { emit("progress", kept.fields()) })
		emit("summary", kept.fields())
	}
}

// listen hears a connection out. A line without an end was not said.
func (l *ledger) listen(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		if err := connection.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return
		}
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		l.add(strings.TrimSuffix(string(line), "\n"), time.Now())
	}
}
