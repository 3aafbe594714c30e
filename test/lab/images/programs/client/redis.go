package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// redisClient speaks as much of the Redis protocol as RPUSH needs, so that not a single retry or reconnect happens
// that is not counted here.
type redisClient struct {
	address    string
	timeout    time.Duration
	connection net.Conn
	reader     *bufio.Reader
	reconnects int
}

func (c *redisClient) push(key, value string) error {
	if c.connection == nil {
		connection, err := net.DialTimeout("tcp", c.address, c.timeout)
		if err != nil {
			return err
		}
		c.connection, c.reader = connection, bufio.NewReader(connection)
		c.reconnects++
	}
	err := c.exchange(key, value)
	if err != nil {
		c.connection.Close()
		c.connection = nil
	}
	return err
}

func (c *redisClient) exchange(key, value string) error {
	if err := c.connection.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.connection, "*3\r\n$5\r\nRPUSH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(value), value); err != nil {
		return err
	}
	answer, err := c.reader.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(answer, ":") {
		return fmt.Errorf("redis said %s", strings.TrimSpace(answer))
	}
	return nil
}

func redisMode(flags *flag.FlagSet) func(context.Context, common) {
	hostname, _ := os.Hostname()
	address := flags.String("address", os.Getenv("CLIENT_ADDRESS"), "host and port of the server")
	key := flags.String("key", "log", "name of the list")
	id := flags.String("id", fmt.Sprintf("%s-%d", hostname, time.Now().UnixMilli()), "beginning of every id")
	retry := flags.Bool("retry", false, "make an attempt without an answer again, under the same id")
	return func(ctx context.Context, shared common) {
		client := redisClient{address: *address, timeout: shared.timeout}
		var counted tally
		acknowledged, unknown, retriedIds := [][2]int{}, []int{}, []int{}
		retried, number, pending := 0, 0, false
		everyInterval(ctx, shared, func(context.Context) {
			if pending {
				retried++
				if len(retriedIds) == 0 || retriedIds[len(retriedIds)-1] != number {
					retriedIds = append(retriedIds, number)
				}
			} else {
				number++
			}
			counted.attempted++
			err := client.push(*key, fmt.Sprintf("%s-%d", *id, number))
			pending = err != nil && *retry
			if err != nil {
				counted.failure(err)
				if !*retry {
					unknown = append(unknown, number)
				}
				return
			}
			counted.success()
			if last := len(acknowledged) - 1; last >= 0 && acknowledged[last][1] == number-1 {
				acknowledged[last][1] = number
			} else {
				acknowledged = append(acknowledged, [2]int{number, number})
			}
		})
		if pending {
			unknown = append(unknown, number)
		}
		summary := counted.fields()
		summary["id"], summary["key"] = *id, *key
		summary["acknowledgedRanges"], summary["unknown"] = acknowledged, unknown
		summary["retried"], summary["retriedIds"] = retried, retriedIds
		summary["reconnects"] = max(0, client.reconnects-1)
		emit("summary", summary)
	}
}
