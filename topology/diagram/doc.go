// Package diagram draws a snapshot as SVG: [Overview] its VPCs with what joins
// them and who talks to whom, [Path] one traced connection hop by hop.
//
// A picture stands alone: no script, no font and no image from elsewhere, light
// or dark as the reader's screen is. The same snapshot gives the same bytes.
// Text is measured in columns, as a terminal counts them, so that Korean fits
// its box; what does not fit is cut with "…" and stands whole in the tooltip.
// Names come from people's tags: everything is escaped.
package diagram
