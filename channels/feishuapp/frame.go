package feishuapp

import (
	"errors"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// frame is a frame of the long connection: pbbp2.Frame in ws/pbbp2.pb.go of the platform's SDK.
// That package is not imported, because it brings all services of the SDK into the program.
type frame struct {
	seqID, logID, service, method uint64
	headers                       []header
	encoding, kind                string // of the payload
	payload                       []byte
	logIDNew                      string
}

// header is one of a frame's.
type header struct{ key, value string }

// Methods of frames.
const (
	methodControl = 0
	methodData    = 1
)

var errFrame = errors.New("this is no frame of the long connection")

// get returns the value of a header; empty when it has none.
func (f *frame) get(key string) string {
	for _, h := range f.headers {
		if h.key == key {
			return h.value
		}
	}
	return ""
}

// number returns the value of a header as a number; 0 when it has none.
func (f *frame) number(key string) int {
	n, _ := strconv.Atoi(f.get(key)) // 0 when it is no number
	return n
}

// marshal returns the frame's bytes. All fields but the payload are written, also when they are
// empty, as the SDK does: some are required.
func (f *frame) marshal() []byte {
	var b []byte
	for i, n := range []uint64{f.seqID, f.logID, f.service, f.method} {
		b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(i+1), protowire.VarintType), n)
	}
	for _, h := range f.headers {
		inner := appendText(appendText(nil, 1, h.key), 2, h.value)
		b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), inner)
	}
	b = appendText(appendText(b, 6, f.encoding), 7, f.kind)
	if f.payload != nil {
		b = protowire.AppendBytes(protowire.AppendTag(b, 8, protowire.BytesType), f.payload)
	}
	return appendText(b, 9, f.logIDNew)
}

func appendText(b []byte, number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text)
}

// unmarshalFrame returns the frame of some bytes. Fields that it does not know are skipped.
func unmarshalFrame(b []byte) (*frame, error) {
	f := &frame{}
	return f, fields(b, func(number protowire.Number, n uint64, text []byte) error {
		switch number {
		case 1:
			f.seqID = n
		case 2:
			f.logID = n
		case 3:
			f.service = n
		case 4:
			f.method = n
		case 5:
			f.headers = append(f.headers, header{})
			last := &f.headers[len(f.headers)-1]
			return fields(text, func(number protowire.Number, _ uint64, text []byte) error {
				switch number {
				case 1:
					last.key = string(text)
				case 2:
					last.value = string(text)
				}
				return nil
			})
		case 6:
			f.encoding = string(text)
		case 7:
			f.kind = string(text)
		case 8:
			f.payload = text
		case 9:
			f.logIDNew = string(text)
		}
		return nil
	})
}

// fields calls take with each field of a message: its number, and its value in the form of its
// type.
func fields(b []byte, take func(number protowire.Number, n uint64, text []byte) error) error {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errFrame
		}
		b = b[size:]
		var n uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(number, kind, b)
		}
		if size < 0 {
			return errFrame
		}
		b = b[size:]
		if err := take(number, n, text); err != nil {
			return err
		}
	}
	return nil
}
