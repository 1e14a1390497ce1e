package parquetio

import (
	"encoding/binary"
	"errors"
)

// Types of Thrift's compact protocol.
const (
	compactStop   = 0
	compactTrue   = 1
	compactFalse  = 2
	compactByte   = 3
	compactI16    = 4
	compactI32    = 5
	compactI64    = 6
	compactDouble = 7
	compactBinary = 8
	compactList   = 9
	compactSet    = 10
	compactMap    = 11
	compactStruct = 12
)

const (
	maxThriftDepth   = 32
	maxThriftStructs = 2 << 20
)

var (
	errThriftShort = errors.New("the footer's structure ends early")
	errThriftDeep  = errors.New("the footer's structure is nested too deep or has too many parts")
	errThriftType  = errors.New("the footer's structure holds an unknown type")
)

// thriftWalker goes over a compact-protocol struct without building it. The
// decoders generated for Thrift allocate what a list's header claims, so a
// footer of a few bytes could ask for gigabytes; after this walk every claim is
// known to be backed by bytes that are there.
type thriftWalker struct {
	p       []byte
	structs int
}

// checkThrift walks the one struct that p begins with.
func checkThrift(p []byte) error {
	w := thriftWalker{p: p}
	return w.structure(0)
}

func (w *thriftWalker) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.p)
	if n <= 0 {
		return 0, errThriftShort
	}
	w.p = w.p[n:]
	return v, nil
}

func (w *thriftWalker) skip(n uint64) error {
	if n > uint64(len(w.p)) {
		return errThriftShort
	}
	w.p = w.p[n:]
	return nil
}

func (w *thriftWalker) byte() (byte, error) {
	if len(w.p) == 0 {
		return 0, errThriftShort
	}
	b := w.p[0]
	w.p = w.p[1:]
	return b, nil
}

func (w *thriftWalker) structure(depth int) error {
	if w.structs++; depth > maxThriftDepth || w.structs > maxThriftStructs {
		return errThriftDeep
	}
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		if head&0x0f == compactStop {
			return nil
		}
		if head>>4 == 0 { // the field's number follows
			if _, err := w.uvarint(); err != nil {
				return err
			}
		}
		if typ := head & 0x0f; typ != compactTrue && typ != compactFalse {
			if err := w.value(typ, depth); err != nil {
				return err
			}
		}
	}
}

func (w *thriftWalker) value(typ byte, depth int) error {
	switch typ {
	case compactTrue, compactFalse, compactByte: // one byte each inside a list
		return w.skip(1)
	case compactI16, compactI32, compactI64:
		_, err := w.uvarint()
		return err
	case compactDouble:
		return w.skip(8)
	case compactBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case compactList, compactSet:
		return w.list(depth)
	case compactMap:
		return w.mapping(depth)
	case compactStruct:
		return w.structure(depth + 1)
	}
	return errThriftType
}

func (w *thriftWalker) list(depth int) error {
	if depth > maxThriftDepth {
		return errThriftDeep
	}
	head, err := w.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = w.uvarint(); err != nil {
			return err
		}
	}
	if n > uint64(len(w.p)) { // an element takes a byte at least
		return errThriftShort
	}
	for range n {
		if err := w.value(head&0x0f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalker) mapping(depth int) error {
	if depth > maxThriftDepth {
		return errThriftDeep
	}
	n, err := w.uvarint()
	if err != nil || n == 0 {
		return err
	}
	types, err := w.byte()
	if err != nil {
		return err
	}
	if n > uint64(len(w.p)) {
		return errThriftShort
	}
	for range n {
		if err := w.value(types>>4, depth+1); err != nil {
			return err
		}
		if err := w.value(types&0x0f, depth+1); err != nil {
			return err
		}
	}
	return nil
}
