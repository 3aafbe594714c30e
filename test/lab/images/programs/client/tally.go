package main

import (
	"context"
	"time"
)

// tally counts attempts and finds the longest time between two successes.
type tally struct {
	attempted, acknowledged, errors         int
	firstSuccess, lastSuccess               time.Time
	longestGap                              time.Duration
	gapStart, gapEnd, firstError, lastError time.Time
	inGap                                   bool
	lastProgress                            time.Time
}

func (t *tally) success() {
	now := time.Now()
	t.acknowledged++
	if t.lastSuccess.IsZero() {
		t.firstSuccess = now
	} else if gap := now.Sub(t.lastSuccess); gap > t.longestGap {
		t.longestGap, t.gapStart, t.gapEnd = gap, t.lastSuccess, now
	}
	if t.inGap {
		t.inGap = false
		gap := time.Duration(0)
		if !t.lastSuccess.IsZero() {
			gap = now.Sub(t.lastSuccess)
		}
		emit("recovered", map[string]any{"at": clock(now), "gapMs": milliseconds(gap), "attempted": t.attempted})
	}
	t.lastSuccess = now
	if now.Sub(t.lastProgress) >= time.Second {
		t.lastProgress = now
		emit("progress", t.fields())
	}
}

func (t *tally) failure(err error) {
	now := time.Now()
	t.errors++
	if t.firstError.IsZero() {
		t.firstError = now
	}
	t.lastError = now
	if !t.inGap {
		t.inGap = true
		emit("error", map[string]any{"at": clock(now), "error": err.Error(), "attempted": t.attempted})
	}
}

func (t *tally) fields() map[string]any {
	return map[string]any{
		"at": clock(time.Now()), "attempted": t.attempted, "acknowledged": t.acknowledged, "errors": t.errors,
		"longestGapMs": milliseconds(t.longestGap), "gapStart": clock(t.gapStart), "gapEnd": clock(t.gapEnd),
		"firstErrorAt": clock(t.firstError), "lastErrorAt": clock(t.lastError),
		"firstSuccessAt": clock(t.firstSuccess), "lastSuccessAt": clock(t.lastSuccess),
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}

// everyInterval calls work at the shared interval, or as soon as the last call ends when it takes longer, until the
// context or the duration ends.
func everyInterval(ctx context.Context, shared common, work func(context.Context)) {
	if shared.duration > 0 {
		limited, cancel := context.WithTimeout(ctx, shared.duration)
		defer cancel()
		ctx = limited
	}
	ticker := time.NewTicker(shared.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			work(ctx)
		}
	}
}
