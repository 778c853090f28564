//go:build cgo
// +build cgo

package main

// #include <stdlib.h>
import "C"

func init() { C.free(nil) }
