// Reads archives from stdin, each behind its length (32 bits, little endian), and prints for each a line of JSON: what Go's
// archive/tar, by which containerd and CRI-O read them, sees in it.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
)

type entry struct {
	Path   string `json:"path"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	Sha256 string `json:"sha256"`
}

type seen struct {
	Entries []entry `json:"entries"`
	Failed  bool    `json:"failed"`
}

func look(archive []byte) seen {
	found := seen{Entries: []entry{}}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		sum := sha256.New()
		if err == nil {
			// What says that it is long is not read to its end.
			_, err = io.Copy(sum, io.LimitReader(reader, 1<<20))
		}
		if err != nil {
			found.Failed = true
			return found
		}
		digest := hex.EncodeToString(sum.Sum(nil))
		found.Entries = append(found.Entries, entry{header.Name, string(header.Typeflag), header.Size, digest})
	}
}

func main() {
	output := json.NewEncoder(os.Stdout)
	for {
		var length uint32
		err := binary.Read(os.Stdin, binary.LittleEndian, &length)
		if errors.Is(err, io.EOF) {
			return
		}
		archive := make([]byte, length)
		if err == nil {
			_, err = io.ReadFull(os.Stdin, archive)
		}
		if err == nil {
			err = output.Encode(look(archive))
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
	}
}
