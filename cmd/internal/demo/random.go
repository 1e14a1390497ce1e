package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strconv"
)

// stream is a small random generator (splitmix64): its whole state is one
// word, so that each pair and hour can have one of its own for nothing.
type stream struct{ state uint64 }

// newStream starts the stream that the seed and labels name.
func newStream(seed uint64, labels ...uint64) stream {
	s := stream{seed}
	for _, l := range labels {
		s.state = mix(s.state ^ mix(l+0x632be59bd9b4e019))
	}
	return s
}

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *stream) next() uint64 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// float is in [0, 1).
func (s *stream) float() float64 { return float64(s.next()>>11) / (1 << 53) }

// intn is in [0, n).
func (s *stream) intn(n int) int {
	if n <= 1 {
		return 0
	}
	return int(s.next() % uint64(n))
}

// between is in [low, high].
func (s *stream) between(low, high int) int { return low + s.intn(high-low+1) }

// chance is true once in 1/p.
func (s *stream) chance(p float64) bool { return s.float() < p }

// around is a skewed positive number with the given mean, at least 1.
func (s *stream) around(mean float64) int64 {
	v := mean * (0.3 - 0.7*math.Log(1-s.float()))
	return max(1, int64(v))
}

// count rounds rate to a whole number so that its mean stays rate.
func (s *stream) count(rate float64) int {
	whole := math.Floor(rate)
	if s.chance(rate - whole) {
		whole++
	}
	return int(whole)
}

// hash64 is the label of a text.
func hash64(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return mix(h)
}

// digest is the hex SHA-256 of the seed and the parts.
func digest(seed uint64, parts ...string) string {
	h := sha256.New()
	_, _ = h.Write([]byte(strconv.FormatUint(seed, 10)))
	for _, p := range parts {
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}
