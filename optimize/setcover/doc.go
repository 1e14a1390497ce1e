// Package setcover solves the weighted set covering problem: given rows, and
// columns that each cover some rows at a cost, choose columns that cover every
// row and cost the least.
//
// [Solve] gives a cover and a lower bound on what any cover costs, after
// Caprara, Fischetti and Toth (A heuristic method for the set covering problem,
// Operations Research 47, 1999): Lagrangian multipliers by subgradient over a
// small core of the columns, priced against all of them; covers by greedy choice
// under these multipliers; columns fixed little by little; refinement of the best
// cover. What they leave is searched by exchanging columns under row weights
// (after Gao, Weise and Li, 2014).
//
// Bounds are exact: multipliers are rounded to integers and the Lagrangian is
// summed in integers. The same instance and options give the same answer.
//
// [ParseORLibrary] and [ParseRail] read the two formats of J. E. Beasley's
// OR-Library. The package does no I/O of its own.
package setcover
