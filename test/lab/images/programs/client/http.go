package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
)

func httpMode(flags *flag.FlagSet) func(context.Context, common) {
	url := flags.String("url", os.Getenv("CLIENT_URL"), "what to get")
	keepAlive := flags.Bool("keep-alive", false, "use connections again")
	field := flags.String("field", "count", "numeric field that must grow with every answer")
	mayRepeat := flags.Bool("may-repeat", false, "the field may stay the same, it only must not shrink")
	return func(ctx context.Context, shared common) {
		client := http.Client{Timeout: shared.timeout, Transport: &http.Transport{DisableKeepAlives: !*keepAlive}}
		var counted tally
		counts, uptimes := sequence{mayRepeat: *mayRepeat}, sequence{}
		everyInterval(ctx, shared, func(context.Context) {
			counted.attempted++
			answer, err := get(&client, *url)
			if err != nil {
				counted.failure(err)
				return
			}
			counted.success()
			counts.add(answer[*field])
			uptimes.add(answer["uptimeMs"])
		})
		summary := counted.fields()
		summary["url"] = *url
		summary["firstCount"], summary["lastCount"], summary["countWentBack"] = counts.first, counts.last, counts.back()
		summary["firstUptimeMs"], summary["lastUptimeMs"], summary["uptimeWentBack"] = uptimes.first, uptimes.last, uptimes.back()
		emit("summary", summary)
	}
}

func get(client *http.Client, url string) (map[string]any, error) {
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	var answer map[string]any
	return answer, json.NewDecoder(response.Body).Decode(&answer)
}

// mostDrops bounds a summary: a server that lost its memory is known after the first few.
const mostDrops = 20

// sequence watches a number that must grow.
type sequence struct {
	mayRepeat   bool
	first, last *float64
	drops       [][2]float64
}

func (s *sequence) add(value any) {
	number, isNumber := value.(float64)
	if !isNumber {
		return
	}
	if s.first == nil {
		s.first = &number
	} else if (number < *s.last || (number == *s.last && !s.mayRepeat)) && len(s.drops) < mostDrops {
		s.drops = append(s.drops, [2]float64{*s.last, number})
	}
	s.last = &number
}

func (s *sequence) back() [][2]float64 {
	if s.drops == nil {
		return [][2]float64{}
	}
	return s.drops
}
