// Package chart draws the frontier of a list of rules as an SVG picture: how
// much the least open list opens (on a logarithmic scale, 0 at the foot) at each
// number of rules, the quota, where the list stands today, and what is proposed.
//
// A picture needs nothing else: no script, no font, no network. It has colours
// for light and dark screens and for paper, and no meaning hangs on colour
// alone. The same Chart gives the same bytes.
package chart
