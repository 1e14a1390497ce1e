// Package accuracy measures how well the analysis of flow logs tells the truth:
// the demo's generator knows which connections it made and who opened them, so
// precision and recall can be counted for each kind of log. It holds a test
// only.
package accuracy
