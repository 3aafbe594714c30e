package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"os"
	"time"
)

// witnessMode tells a collector at every interval that this process runs. Its name and its count are nowhere but in
// memory, and no count is ever sent again, whatever became of the last one: what comes twice was said by two copies.
func witnessMode(flags *flag.FlagSet) func(context.Context, common) {
	address := flags.String("address", os.Getenv("CLIENT_ADDRESS"), "host and port of the collector")
	boot := flags.String("boot", "", "name of this start; made up when empty")
	return func(ctx context.Context, shared common) {
		if *boot == "" {
			*boot = random()
		}
		count := 0
		var connection net.Conn
		everyInterval(ctx, shared, func(context.Context) {
			count++
			if connection == nil {
				dialed, err := net.DialTimeout("tcp", *address, shared.timeout)
				if err != nil {
					return
				}
				connection = dialed
			}
			if err := say(connection, shared.timeout, *boot, count); err != nil {
				connection.Close()
				connection = nil
			}
		})
	}
}

func say(connection net.Conn, timeout time.Duration, boot string, count int) error {
	if err := connection.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(connection, "%s %d\n", boot, count)
	return err
}

func random() string {
	bytes := make([]byte, 8)
	if _, err := rand.Read(bytes); err != nil {
		fail(err.Error())
	}
	return hex.EncodeToString(bytes)
}
