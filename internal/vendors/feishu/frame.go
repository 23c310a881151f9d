package feishu

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// frame is a frame of the long connection: pbbp2.Frame in ws/pbbp2.pb.go of the platform's SDK,
// which writes all of its fields.
type frame struct {
	seqID, logID, service, method uint64
	headers                       [][2]string
	payload                       []byte
	logIDNew                      string
}

func (f frame) header(key string) string {
	for _, h := range f.headers {
		if h[0] == key {
			return h[1]
		}
	}
	return ""
}

// Types of fields, in the last bits of their tags.
const (
	varint = 0
	text   = 2
)

// bytes returns the frame in the wire format of Protocol Buffers.
func (f frame) bytes() []byte {
	var b []byte
	for i, n := range []uint64{f.seqID, f.logID, f.service, f.method} {
		b = binary.AppendUvarint(append(b, byte((i+1)<<3|varint)), n) //nolint:gosec // there are four
	}
	for _, h := range f.headers {
		b = appendText(b, 5, string(appendText(appendText(nil, 1, h[0]), 2, h[1])))
	}
	b = appendText(appendText(b, 6, ""), 7, "")
	return appendText(appendText(b, 8, string(f.payload)), 9, f.logIDNew)
}

func appendText(b []byte, number byte, value string) []byte {
	return append(binary.AppendUvarint(append(b, number<<3|text), uint64(len(value))), value...)
}

// parseFrame returns the frame of its bytes. As the platform's own reader, it wants the required
// fields.
func parseFrame(b []byte) (frame, error) {
	f, seen := frame{}, 0
	err := parse(b, func(number int, n uint64, value string) error {
		switch number {
		case 1, 2, 3, 4:
			*[]*uint64{&f.seqID, &f.logID, &f.service, &f.method}[number-1] = n
			seen |= 1 << number
		case 5:
			var h [2]string
			f.headers = append(f.headers, h)
			last := &f.headers[len(f.headers)-1]
			return parse([]byte(value), func(number int, _ uint64, value string) error {
				if number != 1 && number != 2 {
					return fmt.Errorf("a header has a field %d", number)
				}
				last[number-1] = value
				return nil
			})
		case 8:
			f.payload = []byte(value)
		case 9:
			f.logIDNew = value
		}
		return nil
	})
	if err == nil && seen != 0b11110 {
		err = errors.New("a required field is missing")
	}
	return f, err
}

func parse(b []byte, take func(number int, n uint64, value string) error) error {
	for len(b) > 0 {
		tag, size := binary.Uvarint(b)
		if size <= 0 {
			return errors.New("no tag")
		}
		b = b[size:]
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return errors.New("no number")
		}
		b = b[size:]
		value := ""
		switch tag & 7 {
		case varint:
		case text:
			if n > uint64(len(b)) {
				return errors.New("a text is cut")
			}
			value, b = string(b[:n]), b[n:]
		default:
			return fmt.Errorf("a field of type %d", tag&7)
		}
		if err := take(int(tag>>3), n, value); err != nil {
			return err
		}
	}
	return nil
}
